//! Ghosts: rows of concepts that another shard keeps. They are found by id and key only: nothing lists them or searches in them.

use std::sync::Arc;

use sutra_protocol::effects::{Ghost, Shade};
use sutra_protocol::{AssociationKey, ConceptId, Namespace};
use sutra_segment::{AssociationRow, ConceptRow, ConceptVersion};

use super::graph::Graph;

/// Most versions that a ghost shows: of each change all who mention the concept are told, and what they are told has to fit into a message.
/// Who is told for the first time has no use for what was before, unless it changed more often than this meanwhile.
const SHOWN: usize = 256;

/// What others see of a row.
pub(crate) fn ghost_of(id: ConceptId, row: &ConceptRow) -> Ghost {
    let mut versions: Vec<(_, Option<Shade>)> = Vec::new();
    let mut continues = false;
    for version in row.versions.iter().rev() {
        let shade = version.concept.as_deref().map(Shade::from);
        if let Some((since, later)) = versions.last_mut()
            && *later == shade
        {
            *since = version.recorded_at;
            continue;
        }
        continues = versions.len() == SHOWN;
        if continues {
            break;
        }
        versions.push((version.recorded_at, shade));
    }
    versions.reverse();
    Ghost { id, versions, erased_incarnation: row.erased_incarnation, continues }
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
            None => Ghost { id, versions: Vec::new(), erased_incarnation: 0, continues: false },
        }
    }

    /// Puts a ghost in the place of what was known of a concept of another shard, but for what it does not tell of.
    pub(crate) fn put_ghost(&mut self, namespace: &Namespace, ghost: &Ghost) {
        for key in ghost.versions.iter().filter_map(|(_, shade)| shade.as_ref()?.key.as_deref()) {
            self.delta.put_key(key, ghost.id);
        }
        let mut row = row_of(namespace, ghost);
        if let (true, Some((first, _)), Some(known)) = (ghost.continues, ghost.versions.first(), self.row(ghost.id)) {
            let before = known.versions.iter().take_while(|version| version.recorded_at < *first).cloned();
            row.versions.splice(..0, before.collect::<Vec<_>>());
        }
        self.delta.put_concept(ghost.id, row);
    }

    /// Takes what is known of a concept of another shard, of its incarnations up to `upto`, out of reach for ever. Whoever planned a command
    /// may have known of a later one before its shard said anything.
    pub(crate) fn forget_ghost(&mut self, id: ConceptId, upto: u64) {
        let row = self.row(id).map(std::borrow::Cow::into_owned).unwrap_or_default();
        let is_later = |version: &ConceptVersion| version.concept.as_ref().is_some_and(|concept| concept.incarnation > upto);
        let (known, erased_before) = (row.incarnation(), row.erased_incarnation);
        let versions: Vec<_> = row.versions.into_iter().skip_while(|version| !is_later(version)).collect();
        let erased = if versions.is_empty() { known } else { erased_before };
        self.delta.put_concept(id, ConceptRow { versions, erased_incarnation: erased.max(upto) });
    }

    /// Puts a row in the place of what was known of an association of another shard.
    pub(crate) fn put_row(&mut self, key: &AssociationKey, row: AssociationRow) {
        self.delta.put_association(key, row);
    }
}
