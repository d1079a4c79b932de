//! The first frame of a file: the store it belongs to, and the state of every group as the file begins, so that the files before
//! it can go.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::WalError;

/// The format of log files that this release reads and writes. Format 1 had entries of one group without terms.
pub const LOG_FORMAT: u32 = 2;

/// Payload of a file's first frame.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FileStart {
    pub(crate) format: u32,
    /// Id of the store that the file belongs to.
    pub(crate) store: String,
    pub(crate) groups: Vec<GroupStart>,
}

/// A group as of the beginning of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupStart {
    pub(crate) group: u64,
    /// Index and term of the last entry that was purged.
    pub(crate) purged: Option<(u64, u64)>,
    /// Index of the first entry that was not purged.
    pub(crate) first: u64,
    /// Index that the next entry has; `None`: any.
    pub(crate) next: Option<u64>,
    pub(crate) vote: Option<Vec<u8>>,
    pub(crate) committed: Option<u64>,
}

/// What every format's start has. It is read first: the rest of another format's may be anything.
#[derive(Deserialize)]
struct AnyStart {
    format: u32,
}

impl FileStart {
    /// Reads the start of `file`.
    pub(crate) fn decode(file: &Path, payload: &[u8]) -> Result<Self, WalError> {
        let damaged = |reason: String| WalError::Damaged { file: file.into(), offset: 0, reason };
        let any: AnyStart = rmp_serde::from_slice(payload).map_err(|error| damaged(error.to_string()))?;
        if any.format != LOG_FORMAT {
            return Err(WalError::Format { file: file.into(), found: any.format, supported: LOG_FORMAT });
        }
        rmp_serde::from_slice(payload).map_err(|error| damaged(error.to_string()))
    }

    /// That the file is one of `store`'s.
    pub(crate) fn check_store(&self, file: &Path, store: &str) -> Result<(), WalError> {
        if self.store != store {
            return Err(WalError::Foreign { file: file.into(), found: self.store.clone(), expected: store.into() });
        }
        Ok(())
    }
}
