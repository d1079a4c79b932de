//! The files of a snapshot, on their way from one replica to another.

use std::fmt;

use sutra_storage::{Checkpoint, Incoming};

/// A snapshot's data: a manifest and the files that it names.
pub(crate) enum SnapshotFiles {
    /// To be read and sent.
    Outgoing(Checkpoint),
    /// Received, to be installed.
    Incoming(Incoming),
}

impl fmt::Debug for SnapshotFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outgoing(checkpoint) => checkpoint.fmt(f),
            Self::Incoming(incoming) => write!(f, "{} received files", incoming.files.len()),
        }
    }
}
