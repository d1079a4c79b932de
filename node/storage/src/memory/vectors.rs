//! The vectors of what was written since the last checkpoint.

use std::sync::Arc;

use sutra_protocol::ConceptId;
use sutra_vector::{Recent, Shape};

use super::delta::Appended;

/// Vectors of a delta, scanned exactly. A replaced one stays, because a reader of the past may ask for it.
#[derive(Clone, Default)]
pub(crate) struct Vectors {
    recent: Option<Recent>,
    /// By ordinal.
    owners: Appended<(ConceptId, Arc<[f32]>)>,
}

impl Vectors {
    /// Adds a vector of the namespace's shape.
    pub(crate) fn put(&mut self, shape: Shape, id: ConceptId, vector: &Arc<[f32]>) {
        if let Err(error) = self.recent.get_or_insert_with(|| Recent::new(shape)).push(vector) {
            // Only a defect gets here: the dimension was checked. It is found again after the next checkpoint.
            tracing::error!(%error, concept = %id, "the vector of a concept was not indexed");
            return;
        }
        self.owners.push((id, Arc::clone(vector)));
    }

    pub(crate) fn recent(&self) -> Option<&Recent> {
        self.recent.as_ref()
    }

    /// Whose vector it is.
    pub(crate) fn owner(&self, ordinal: u32) -> Option<&(ConceptId, Arc<[f32]>)> {
        self.owners.get(ordinal)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.recent.as_ref().map_or(0, Recent::bytes) + 48 * self.owners.len() as usize
    }
}
