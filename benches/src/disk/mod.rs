//! The disk, without an engine in front of it.
//!
//! | module | responsibility |
//! |---|---|
//! | `bare_log` | what a log costs that has nothing behind it |
//! | `directory` | what a data directory takes, and copies of it |
//! | `socket_copy` | a copy of files through a socket |

mod bare_log;
mod directory;
mod socket_copy;

pub(crate) use bare_log::{BareFile, BareLog};
pub(crate) use directory::{allocated, copy};
pub(crate) use socket_copy::{Copied, socket_copy};
