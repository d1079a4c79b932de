//! What a verification has found.

use std::collections::BTreeMap;
use std::path::PathBuf;

use sutra_protocol::Namespace;
use sutra_protocol::command::LogIndex;

/// What [`super::verify()`] has found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The files, each with what is wrong with it.
    pub files: Vec<FileReport>,
    /// What is wrong with none of them alone: files that don't fit each other. Sentences.
    pub problems: Vec<String>,
    /// Files in the folders of segments that no manifest names; the next start removes them. Empty where there is no manifest that
    /// could name any.
    pub unreferenced: Vec<PathBuf>,
    /// By shard the last entry, where all of the log could be read.
    pub applied: BTreeMap<u64, LogIndex>,
}

/// What is in one file.
#[derive(Clone, Debug, PartialEq)]
pub struct FileReport {
    /// The file.
    pub file: PathBuf,
    /// Its size in bytes; 0 if it is missing.
    pub bytes: u64,
    /// What it holds, as far as that could be read.
    pub holds: Holds,
    /// What is wrong with it, as a sentence that names it; `None`: nothing.
    pub fault: Option<String>,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Holds {
    /// Which store the directory is.
    Identity,
    /// Which files make the store.
    Manifest {
        /// Last entry that is in the segments.
        applied: LogIndex,
        /// How many segments it names.
        segments: u64,
        /// How many graphs it names.
        graphs: u64,
        /// How many namespaces there are.
        namespaces: u64,
    },
    /// Rows.
    Segment {
        /// By namespace, in the file's order; none if it can't be opened.
        parts: Vec<PartReport>,
    },
    /// A graph over vectors, which can be built again.
    Graph,
    /// How far the log must reach.
    Reach,
    /// Log entries.
    Log {
        /// Whole frames from the beginning on.
        frames: u64,
        /// How many of them are entries.
        entries: u64,
        /// Whether a torn tail is behind them, which was never acknowledged and which the next start cuts.
        torn: bool,
    },
    /// Nothing that could be read.
    Unknown,
}

/// Rows of one namespace in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartReport {
    /// The namespace.
    pub namespace: Namespace,
    /// Rows of concepts, alive or not.
    pub concepts: u64,
    /// How many of them are alive, as far as this segment knows.
    pub living: u64,
    /// Rows of associations, alive or not.
    pub associations: u64,
    /// Vectors of living concepts.
    pub vectors: u64,
}

impl Report {
    /// Whether nothing is wrong: the store opens and reads to its last byte.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty() && self.files.iter().all(|file| file.fault.is_none())
    }

    /// Everything that is wrong, each a sentence.
    pub fn faults(&self) -> impl Iterator<Item = &str> {
        self.files.iter().filter_map(|file| file.fault.as_deref()).chain(self.problems.iter().map(String::as_str))
    }
}
