//! Looking at a log that nobody has open, and changing nothing.
//!
//! | module | responsibility |
//! |---|---|
//! | `dump` | every frame, a line each |
//! | `verify` | whether the log would open, and what is in its files |

mod dump;
mod verify;

pub use dump::dump;
pub use verify::{FileEnd, FileReport, Report, verify};
