//! The vectors of what was written since the last checkpoint.

use std::sync::Arc;

use sutra_protocol::Concept;
use sutra_vector::{Recent, Shape};

use super::delta::Appended;

/// The vectors of a delta, scanned exactly: one for each version of a concept that has one, be it the vector of the version before.
/// So a search finds a version here if it is in this delta, and nowhere else: what older layers know of its attributes is not true of it.
#[derive(Clone, Default)]
pub(crate) struct Vectors {
    recent: Option<Recent>,
    /// By ordinal.
    owners: Appended<Arc<Concept>>,
}

impl Vectors {
    /// Adds the vector of a version, if it has one, which is of the namespace's shape.
    pub(crate) fn put(&mut self, shape: Shape, version: &Arc<Concept>) {
        let Some(vector) = &version.vector else { return };
        if let Err(error) = self.recent.get_or_insert_with(|| Recent::new(shape)).push(vector) {
            // Only a defect gets here: the dimension was checked. It is found again after the next checkpoint.
            tracing::error!(%error, concept = %version.id, "the vector of a concept was not indexed");
            return;
        }
        self.owners.push(Arc::clone(version));
    }

    pub(crate) fn recent(&self) -> Option<&Recent> {
        self.recent.as_ref()
    }

    /// Whose vector it is.
    pub(crate) fn owner(&self, ordinal: u32) -> Option<&Arc<Concept>> {
        self.owners.get(ordinal)
    }

    pub(crate) fn bytes(&self) -> usize {
        // The versions themselves are the rows'.
        self.recent.as_ref().map_or(0, Recent::bytes) + size_of::<Arc<Concept>>() * self.owners.len() as usize
    }
}
