//! What can go wrong with a segment.

use std::io;
use std::path::{Path, PathBuf};

/// Bytes of a segment that are not what was written, or can't have been written by a sound writer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("segment {}: {what}", file.display())]
pub struct Damage {
    /// The file.
    pub file: PathBuf,
    /// Which bytes, and what is wrong with them.
    pub what: String,
}

/// Why a segment was not written or not opened.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The disk refused.
    #[error("{step} segment {}", path.display())]
    Disk {
        /// What was tried: "map", "write", "sync", "rename".
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// The file does not begin as a segment does.
    #[error("segment {}: begins with {found:02x?}, not with SUTRADAT", path.display())]
    NotASegment {
        /// The file.
        path: PathBuf,
        /// Its first bytes, at most eight.
        found: Vec<u8>,
    },
    /// A format that this program does not know.
    #[error("segment {}: has version {found}; this program reads version {}", path.display(), crate::VERSION)]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// It belongs to another store.
    #[error("segment {}: belongs to store {found:?}, not to {expected:?}", path.display())]
    OtherStore {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// A short file, a bad checksum, a table that contradicts itself.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// What was to be written does not keep the promises of [`crate::Source`], or does not fit.
    #[error("segment {} can't hold namespace {namespace}: {what}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// The namespace.
        namespace: String,
        /// What is wrong, with its bound.
        what: String,
    },
    /// The texts have no keyword index.
    #[error("segment {} can't hold the words of namespace {namespace}", path.display())]
    Keywords {
        /// The file.
        path: PathBuf,
        /// The namespace.
        namespace: String,
        /// Why not.
        #[source]
        source: sutra_keyword::BuildError,
    },
    /// The store's id does not fit into the header.
    #[error("segment {}: the store id has {found} bytes; at most {} are allowed", path.display(), crate::STORE_ID_BYTES)]
    StoreId {
        /// The file.
        path: PathBuf,
        /// The id's length in bytes.
        found: usize,
    },
    /// [`crate::Pace::cancelled`] was set; nothing is left of the file.
    #[error("segment {} was not finished: writing it was cancelled", path.display())]
    Cancelled {
        /// The file.
        path: PathBuf,
    },
}

impl SegmentError {
    pub(crate) fn disk(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Disk { step, path, source }
    }
}
