//! What a segment is written from.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sutra_protocol::{AssociationKey, ConceptId, Namespace};

use crate::rows::{AssociationRow, ConceptRow};
use sutra_vector::Shape;

/// The rows of one namespace. It is asked several times and gives the same answer each time.
pub trait Source {
    /// The namespace.
    fn namespace(&self) -> &Namespace;

    /// How the namespace stores vectors; `None` while it has none.
    fn shape(&self) -> Option<Shape>;

    /// The rows of concepts, by ascending, distinct ids. A row without versions is one that was erased.
    fn concepts(&self) -> Box<dyn Iterator<Item = (ConceptId, Cow<'_, ConceptRow>)> + '_>;

    /// The rows of associations, by ascending, distinct keys.
    fn associations(&self) -> Box<dyn Iterator<Item = (AssociationKey, Cow<'_, AssociationRow>)> + '_>;

    /// The texts (content, then aliases) of concepts that the keyword index of an older segment counts and that are no longer alive
    /// with these texts: changed, retracted or erased by rows of this source. The keyword statistics of this segment take them off.
    fn replaced_texts(&self) -> Box<dyn Iterator<Item = Vec<Arc<str>>> + '_> {
        Box::new(std::iter::empty())
    }
}

/// How a segment is written.
#[derive(Clone, Debug)]
pub struct Pace {
    /// After this many bytes the file is synced, so that no big write-back stands in the way of the log's small ones.
    pub sync_bytes: u64,
    /// Set by another thread to give up.
    pub cancelled: Option<Arc<AtomicBool>>,
}

impl Default for Pace {
    /// A sync every MiB, and no way to cancel.
    fn default() -> Self {
        Self { sync_bytes: 1 << 20, cancelled: None }
    }
}

impl Pace {
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.as_ref().is_some_and(|cancelled| cancelled.load(Ordering::Relaxed))
    }
}

/// A segment that is whole on disk; its name is durable once the directory is synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Size of the file.
    pub bytes: u64,
    /// As [`crate::Segment::root`].
    pub root: [u8; 16],
}
