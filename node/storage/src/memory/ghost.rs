//! Ghosts: rows of concepts that another shard keeps. They are found by id and key only: nothing lists them or searches in them.

use std::sync::Arc;

use sutra_protocol::effects::{Ghost, Shade};
use sutra_protocol::{AssociationKey, ConceptId, Namespace};
use sutra_segment::{AssociationRow, ConceptRow, ConceptVersion};

use super::graph::Graph;

/// What others see of a row.
pub(crate) fn ghost_of(id: ConceptId, row: &ConceptRow) -> Ghost {
    let mut versions: Vec<(_, Option<Shade>)> = Vec::with_capacity(row.versions.len());
    for version in &row.versions {
        let shade = version.concept.as_deref().map(Shade::from);
        if versions.last().is_none_or(|(_, before)| *before != shade) {
            versions.push((version.recorded_at, shade));
        }
    }
    Ghost { id, versions, erased_incarnation: row.erased_incarnation }
}

fn row_of(namespace: &Namespace, ghost: &Ghost) -> ConceptRow {
    let version = |(recorded_at, shade): &(_, Option<Shade>)| ConceptVersion {
        recorded_at: *recorded_at,
        concept: shade.as_ref().map(|shade| Arc::new(shade.concept(namespace, ghost.id, *recorded_at))),
    };
    ConceptRow { versions: ghost.versions.iter().map(version).collect(), erased_incarnation: ghost.erased_incarnation }
}

impl Graph {
    /// A concept as others may see it; an id that was never taught has no versions.
    pub(crate) fn ghost(&self, id: ConceptId) -> Ghost {
        match self.row(id) {
            Some(row) => ghost_of(id, &row),
            None => Ghost { id, versions: Vec::new(), erased_incarnation: 0 },
        }
    }

    /// Puts a ghost in the place of what was known of a concept of another shard.
    pub(crate) fn put_ghost(&mut self, namespace: &Namespace, ghost: &Ghost) {
        for key in ghost.versions.iter().filter_map(|(_, shade)| shade.as_ref()?.key.as_deref()) {
            self.delta.put_key(key, ghost.id);
        }
        self.delta.put_concept(ghost.id, row_of(namespace, ghost));
    }

    /// Takes everything that is known of a concept of another shard out of reach, for ever; it had incarnations up to `upto` at least.
    pub(crate) fn forget_ghost(&mut self, id: ConceptId, upto: u64) {
        let incarnation = self.row(id).map_or(0, |row| row.incarnation()).max(upto);
        self.delta.put_concept(id, ConceptRow { versions: Vec::new(), erased_incarnation: incarnation });
    }

    /// Puts a row in the place of what was known of an association of another shard.
    pub(crate) fn put_row(&mut self, key: &AssociationKey, row: AssociationRow) {
        self.delta.put_association(key, row);
    }
}
