//! What can go wrong with a store.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sutra_protocol::command::LogIndex;
use sutra_protocol::{Namespace, Timestamp};
use sutra_segment::{Damage, SegmentError};
use sutra_wal::WalError;

use crate::manifest::ManifestError;

/// Why a data directory can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("data directory {dir} is in use by another process")]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// A newer release wrote it.
    #[error("identity file {file} says layout {found}; this release reads up to {supported}")]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its layout.
        found: u64,
        /// The newest that is known here.
        supported: u32,
    },
    /// Which store it is can't be told.
    #[error("identity file {file} can't be used: {reason}")]
    Identity {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It is another grid's.
    #[error("data directory {dir} belongs to grid {found}, and this node to grid {expected}")]
    OtherGrid {
        /// The directory.
        dir: PathBuf,
        /// Its grid.
        found: String,
        /// The node's.
        expected: String,
    },
    /// It holds a replica of a grid: what its log says is true only as far as the other replicas agree.
    #[error("data directory {dir} holds a replica of a grid of several nodes, and is opened by a node of that grid only")]
    Replica {
        /// The directory.
        dir: PathBuf,
    },
    /// Its log can't be used.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// Its manifest can't be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Its identity and its manifest are of two stores.
    #[error("identity file {identity} and manifest {manifest} belong to different stores, or one of them is damaged")]
    Strangers {
        /// The one.
        identity: PathBuf,
        /// The other.
        manifest: PathBuf,
    },
    /// A manifest is another shard's than its place says.
    #[error("manifest {file} is that of shard {found}, in the place of shard {expected}")]
    OtherShard {
        /// The file.
        file: PathBuf,
        /// Its shard.
        found: u64,
        /// Whose place it is in.
        expected: u64,
    },
    /// It holds only a part of what its grid knows, or the parts are not one.
    #[error("data directory {dir} holds shards {}, each a part of what its grid knows: ask the grid's nodes", list(shards))]
    Shards {
        /// The directory.
        dir: PathBuf,
        /// Those that are in it.
        shards: Vec<u64>,
    },
    /// One of its segments can't be used.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// One of its segments was found damaged while the log was replayed.
    #[error("{0}")]
    Damage(Damage),
    /// A segment is whole, but not the one that the manifest names.
    #[error("segment {file} is not the one that the manifest names")]
    OtherSegment {
        /// The file.
        file: PathBuf,
    },
    /// Manifest and log do not meet: entries between them are lost.
    #[error("the manifest reaches to entry {applied}, and the log from behind entry {purged} to entry {last}: they do not meet", applied = applied.0, purged = purged.0, last = last.0)]
    Gap {
        /// Last entry in the manifest's files.
        applied: LogIndex,
        /// Last entry that the log has given up.
        purged: LogIndex,
        /// Last entry of the log.
        last: LogIndex,
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
}

fn list(numbers: &[u64]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl OpenError {
    pub(crate) fn io(step: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { step, path, source }
    }
}

/// Why a command was not taken. Nothing of it is stored, but for [`SubmitError::Unknown`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// More waits than the write log holds.
    #[error("the write log is full: {commands} commands of {bytes} bytes wait")]
    Overloaded {
        /// How many wait.
        commands: usize,
        /// Their size.
        bytes: usize,
        /// When to try again.
        retry_after: Duration,
    },
    /// It is larger than a log entry may be.
    #[error("a command of {bytes} bytes is above the bound of {bound}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The largest that is taken.
        bound: usize,
    },
    /// The store is being closed.
    #[error("the store is closed")]
    Closed,
    /// Another replica leads the shard; nothing of the command is stored.
    #[error("another replica leads the shard")]
    NotLeader,
    /// The command was proposed, and who led the shard leads it no more: it may be committed all the same.
    #[error("the shard's leader changed while the command was on its way")]
    Unknown,
    /// The log can't be written, because the disk is full for instance.
    #[error("the write-ahead log refused the write: {reason}")]
    Refused {
        /// The operating system's answer.
        reason: String,
    },
}

/// Why there is no such view.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum ViewError {
    /// It would need history that the namespace does not keep.
    #[error("known_at is {known_at}; namespace {namespace} keeps its history since {horizon}")]
    BeforeHistory {
        /// The namespace.
        namespace: Namespace,
        /// The time that was asked for.
        known_at: Timestamp,
        /// The earliest time that can be.
        horizon: Timestamp,
    },
}

/// Why a checkpoint or a compaction failed. Everything is still there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct KeepFailure {
    /// What went wrong.
    pub reason: String,
}

/// Why what was given for it could not be put in place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NotTaken<T> {
    /// What went wrong.
    pub reason: String,
    /// What was given, where only room was missing on the disk: nothing has changed, and it can be tried again. `None`: it would fail again.
    pub again: Option<T>,
}

impl<T> NotTaken<T> {
    /// It would fail again.
    pub fn for_good(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), again: None }
    }
}
