//! The MessagePack interface: frames in, one service call, frames out.
//!
//! ```text
//!   socket ─→ reader ─→ Incoming::decode ─┬─ without id: one after the other ─┬─→ replies ─→ writer ─→ socket
//!                                         └─ with id: side by side ───────────┘
//! ```
//!
//! What has to wait for nothing is answered and written by the task that reads: each change of tasks may cost as much as the answer.
//!
//! Nothing that a client does or leaves undone holds a task, a buffer or a connection for ever: see [`TcpLimits`].
//!
//! | module | responsibility |
//! |---|---|
//! | [`limits`] | how much a client may take up |
//! | `serve` | the accept loop |
//! | `connection` | one connection: order of replies, back-pressure, end |
//! | `reader` | frames from a socket, in a buffer that grows with what arrives |
//! | `writer` | replies to a socket, dropped with a client that does not read |
//! | `answer` | a request's reply, from decoding to encoding |
//! | `operations` | each request, by noun |

mod answer;
mod connection;
pub mod limits;
mod operations;
mod reader;
mod serve;
#[cfg(test)]
mod tests;
mod writer;

pub use limits::TcpLimits;
pub use serve::serve;
