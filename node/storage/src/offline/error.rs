//! What keeps a tool from working. What is wrong with the store itself is what the tools tell, and no error.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use sutra_segment::SegmentError;
use sutra_wal::{AppendError, WalError};

use crate::error::OpenError;
use crate::manifest::ManifestError;

/// Why a tool could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// A process has it.
    #[error("data directory {dir} is in use by another process; stop it first")]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// There is no store.
    #[error("{dir} is not a data directory: it has neither IDENTITY, nor MANIFEST, nor wal")]
    NoStore {
        /// The directory.
        dir: PathBuf,
    },
    /// The operating system refused.
    #[error("{step} {path}")]
    Io {
        /// What was tried.
        step: &'static str,
        /// With what.
        path: PathBuf,
        /// Its answer.
        #[source]
        source: io::Error,
    },
    /// The log could not be read.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// The log could not be written.
    #[error("write the log of {dir}")]
    Append {
        /// The directory.
        dir: PathBuf,
        /// Why not.
        #[source]
        source: AppendError,
    },
    /// A segment could not be read or written.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// The manifest could not be read or written.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The identity could not be read or written, or the repaired store does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What is cut from its log may have been acknowledged by its word, and the other replicas have it.
    #[error(
        "data directory {dir} holds a replica of a grid of several nodes and is not repaired: the other nodes have all that was acknowledged; \
         start a new node in its place with `sutra cluster replace-node`"
    )]
    Replica {
        /// The directory.
        dir: PathBuf,
    },
    /// A release of another format wrote it: nothing says that it is damaged.
    #[error("{file} is of another release and can't be repaired by this one: {reason}")]
    OtherRelease {
        /// The file.
        file: PathBuf,
        /// What it says.
        reason: String,
    },
    /// What is left does not tell what the store was.
    #[error("data directory {dir} can't be repaired: {reason}")]
    Hopeless {
        /// The directory.
        dir: PathBuf,
        /// What is missing.
        reason: String,
    },
}

impl OfflineError {
    pub(super) fn io(step: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { step, path, source }
    }
}

/// An error with its causes, as one sentence.
pub(super) fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
