//! The write-ahead log: one per data directory, shared by all groups, with one writer.
//!
//! | module | responsibility |
//! |---|---|
//! | `frame` | the unit of writing and checking |
//! | `file` | the files' names and order |
//! | `writer` | appending, fsync, rotation |
//! | `replay` | reading back: the torn tail is cut, damage is an error |
//! | `floor` | how far the log must reach |
//! | `error` | what can be wrong |

use serde::{Deserialize, Serialize};
use sutra_protocol::command::LogIndex;

mod error;
pub(crate) mod file;
mod floor;
mod frame;
mod replay;
#[cfg(test)]
mod tests;
mod writer;

pub use error::WalError;
pub(crate) use floor::{Floor, FloorFile};
pub(crate) use frame::{GroupId, PAYLOAD_BYTES};
pub(crate) use replay::replay;
pub(crate) use writer::{AppendError, Writer};

/// Newest format of log files that this release reads, and the one that it writes.
pub(crate) const LOG_FORMAT: u32 = 1;

/// Where a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) file_id: u64,
    /// In that file.
    pub(crate) offset: u64,
    /// Of the last frame.
    pub(crate) sequence: u64,
}

/// Payload of a file's first frame.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FileStart {
    pub(crate) format: u32,
    /// Id of the store that the file belongs to.
    pub(crate) store: String,
    pub(crate) groups: Vec<GroupState>,
}

/// A group as of the beginning of a file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GroupState {
    pub(crate) group: u64,
    pub(crate) last_index: LogIndex,
}
