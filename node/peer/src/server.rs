//! Connections that are accepted, and the requests they carry.
//!
//! | module | responsibility |
//! |---|---|
//! | `handler` | what is done with a request |
//! | `identity` | whom a server lets in, which may change while it runs |
//! | `accept` | accepts connections, as many as there may be |
//! | `session` | one connection's requests and replies |

mod accept;
mod handler;
mod identity;
mod session;

pub use accept::Server;
pub use handler::{Answer, Handler, Refusal, Request};
pub use identity::ServerIdentity;
