//! The HTTP interface: JSON over HTTP/1.1, described by `/openapi.json`.
//!
//! ```text
//!   serve ─→ connection ─→ envelope ─→ router ─→ operations::… ─→ Service
//!   (slots)  (time-outs)   (id, errors,           extract, one call,
//!                           metrics)              reply
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | [`serve`](serve()), `connection`, `stall` | connections: how many, how long, how they end |
//! | [`HttpLimits`] | the bounds on all that |
//! | `envelope`, `problem`, `leftover`, `explained` | what every reply has: an id, errors in one shape, a connection fit for the next request |
//! | `router` | every route |
//! | `extract` | parts of requests, checked |
//! | `operations` | one file an operation |
//! | `reply` | answers and their headers |
//! | `openapi` | the document that describes it all |
//! | `waiting` | what a node answers that belongs to no grid yet |

mod app;
mod connection;
mod envelope;
mod explained;
mod extract;
mod leftover;
mod limits;
mod openapi;
mod operations;
mod problem;
mod reply;
mod router;
mod seen;
mod serve;
mod stall;
mod waiting;

pub use limits::HttpLimits;
pub use serve::serve;
pub use waiting::serve_waiting;
