//! What a repair changes, and what it loses.

use std::fmt;
use std::path::PathBuf;

use sutra_protocol::command::LogIndex;
use sutra_protocol::{AssociationKey, ConceptId, Namespace};

/// What [`super::repair()`] has done, or would do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Repaired {
    /// In the order in which it is done; none: nothing is wrong.
    pub changes: Vec<Change>,
    /// Whether it was done.
    pub done: bool,
    /// Where the originals of everything that was changed are now.
    pub kept: Option<PathBuf>,
}

impl Repaired {
    /// Whether something that was acknowledged is lost.
    pub fn loses(&self) -> bool {
        self.changes.iter().any(Change::loses)
    }
}

/// One change. As text it is a sentence for the operator.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The identity is written again, as the manifest has it.
    IdentityRestored {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// How far the log must reach is forgotten.
    ReachForgotten {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A manifest is made of the log, which has every entry there ever was.
    ManifestRebuilt {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// Segments that hold only what is in the log, too.
        redundant: Vec<PathBuf>,
    },
    /// The log ends at this place from now on.
    LogCut {
        /// The file.
        file: PathBuf,
        /// In it, in bytes.
        offset: u64,
        /// What is wrong there.
        reason: String,
        /// Whole entries behind it that are in no segment. What stands at the place itself is not counted: it does not read.
        entries: u64,
        /// The greatest index of an entry behind it.
        last: Option<LogIndex>,
        /// Later files, which go as a whole.
        files: Vec<PathBuf>,
    },
    /// The log goes on behind the last entry that is in the segments.
    LogBegun {
        /// That entry.
        after: LogIndex,
    },
    /// A segment is written again, with the rows that read.
    SegmentRewritten {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// By namespace; none: nothing is lost.
        losses: Vec<Loss>,
    },
    /// Nothing of a segment reads.
    SegmentDropped {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// Namespaces that have rows in it. Older versions of its rows, even such that it retracted or erased, can be seen again.
        namespaces: Vec<Namespace>,
    },
    /// A graph over vectors goes; it is built again.
    GraphDropped {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Rows of one namespace that don't read any more.
#[derive(Clone, Debug, PartialEq)]
pub struct Loss {
    /// The namespace.
    pub namespace: Namespace,
    /// Concepts, with all their versions. They are marked as erased, so that no older version of them is seen again.
    pub concepts: Vec<ConceptId>,
    /// Concepts whose ids don't read either. An older version of them, if a segment has one, can be seen again.
    pub unknown_concepts: u64,
    /// Associations, with all their evidence; an older version of them is not seen again.
    pub associations: Vec<AssociationKey>,
    /// Associations whose ends, names or validity don't read either. An older version can be seen again.
    pub unknown_associations: u64,
}

impl Loss {
    pub(super) fn is_none(&self) -> bool {
        self.concepts.is_empty() && self.associations.is_empty() && self.unknown_concepts == 0 && self.unknown_associations == 0
    }
}

impl Change {
    /// Whether something that was acknowledged is lost by it.
    pub fn loses(&self) -> bool {
        match self {
            Self::IdentityRestored { .. } | Self::ManifestRebuilt { .. } | Self::LogBegun { .. } | Self::GraphDropped { .. } => {
                false
            }
            // Nothing tells any more whether the log has lost its end.
            Self::ReachForgotten { .. } | Self::LogCut { .. } | Self::SegmentDropped { .. } => true,
            Self::SegmentRewritten { losses, .. } => !losses.is_empty(),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IdentityRestored { file, reason } => {
                write!(f, "{} is written again as the manifest has it, nothing is lost: {reason}", file.display())
            }
            Self::ReachForgotten { file, reason } => {
                write!(f, "{} is dropped; a log that has lost its end can't be told from a whole one: {reason}", file.display())
            }
            Self::ManifestRebuilt { file, reason, redundant } => {
                let count = redundant.len();
                write!(
                    f,
                    "{} is made anew from the log, which has all entries ({count} segments hold nothing else), nothing is lost: {reason}",
                    file.display()
                )
            }
            Self::LogCut { file, offset, reason, entries, last, files } => {
                write!(f, "log file {} is cut at offset {offset} ({reason})", file.display())?;
                match last {
                    Some(last) => write!(f, "; {entries} whole entries behind it, up to entry {}, are dropped", last.0)?,
                    None => write!(f, "; no whole entry is behind it")?,
                }
                files.iter().try_for_each(|file| write!(f, "; so is file {}", file.display()))
            }
            Self::LogBegun { after } => {
                write!(f, "the log goes on behind entry {}, up to which the segments have everything, nothing is lost", after.0)
            }
            Self::SegmentRewritten { file, reason, losses } => {
                write!(f, "segment {} is written again with what reads of it: {reason}", file.display())?;
                if losses.is_empty() {
                    write!(f, "; no row is lost")?;
                }
                losses.iter().try_for_each(|loss| write!(f, "; {loss}"))
            }
            Self::SegmentDropped { file, reason, namespaces } => {
                let names: Vec<_> = namespaces.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "segment {} is dropped, with all its rows of namespaces {} (older versions of them, even retracted or erased \
                     ones, can be seen again): {reason}",
                    file.display(),
                    names.join(", ")
                )
            }
            Self::GraphDropped { file, reason } => {
                write!(f, "graph {} is dropped and built again, nothing is lost: {reason}", file.display())
            }
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "namespace {} loses", self.namespace)?;
        let mut separator = " ";
        let mut item = |f: &mut fmt::Formatter<'_>, text: String| {
            let written = write!(f, "{separator}{text}");
            separator = ", ";
            written
        };
        for id in &self.concepts {
            item(f, format!("concept {id}"))?;
        }
        for key in &self.associations {
            item(f, format!("association {} -{:?} {}-> {}", key.source, key.kind, key.label, key.target))?;
        }
        if self.unknown_concepts > 0 {
            item(f, format!("{} concepts whose ids don't read", self.unknown_concepts))?;
        }
        if self.unknown_associations > 0 {
            item(f, format!("{} associations whose names don't read", self.unknown_associations))?;
        }
        Ok(())
    }
}
