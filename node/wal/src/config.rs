//! Where a log is and how it is written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sutra_protocol::command::LogIndex;

use crate::error::WalError;
use crate::record::GroupId;

/// Largest size at which a file may be followed by the next: offsets within a file fit 32 bits, with room for the entries that
/// one append adds.
const FILE_BYTES_BOUND: u64 = 1 << 30;

/// Where a log is and how it is written.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// The data directory. The files are in its `wal`, and how far the log is durable is in its `DURABLE`. It is created if it is
    /// not there; whoever opens a log holds the directory's lock.
    pub dir: PathBuf,
    /// Id of the store that the log belongs to; a log of another is refused.
    pub store_id: String,
    /// Size in bytes beyond which a file is followed by a new one, at most 1 GiB. Default: 64 MiB.
    pub file_bytes: u64,
    /// Whether a file's blocks are taken when it begins. Default: yes.
    pub preallocate: bool,
    /// When [`crate::Log::sync`] returns. Default: after the fsync.
    pub durability: Durability,
    /// Entries that need not be handed over when the log is opened: those up to this index are in a checkpoint. They stay
    /// readable. Default: none.
    pub replay_after: BTreeMap<GroupId, LogIndex>,
    /// Whether entries are handed over at all when the log is opened. Default: yes. A group of several replicas reads its own, once it
    /// knows which of them are committed.
    pub hand_over: bool,
}

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// The loss of power.
    #[default]
    Fsync,
    /// The end of the process, but not the loss of power: what the operating system has not written by itself is lost then.
    Buffered,
}

impl LogConfig {
    /// The defaults, for this data directory and store.
    pub fn at(dir: impl Into<PathBuf>, store_id: impl Into<String>) -> Self {
        Self {
            dir: dir.into(),
            store_id: store_id.into(),
            file_bytes: 64 << 20,
            preallocate: true,
            durability: Durability::default(),
            replay_after: BTreeMap::new(),
            hand_over: true,
        }
    }

    pub(crate) fn check(&self) -> Result<(), WalError> {
        if self.file_bytes == 0 || self.file_bytes > FILE_BYTES_BOUND {
            return Err(WalError::FileBytes { value: self.file_bytes, bound: FILE_BYTES_BOUND });
        }
        Ok(())
    }
}
