//! A network between nodes of one process, whose weather a test makes, and the seeds that it is made from. Only tests stand on it.
//!
//! | module | responsibility |
//! |---|---|
//! | `network` | what becomes of a message on its way |
//! | `seeds` | how many histories there are, and with which seeds |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that can't go on has failed"
)]

mod network;
mod seeds;

pub use network::{Net, OUTSIDE, Weather, member};
pub use seeds::{Budget, each_seed};
