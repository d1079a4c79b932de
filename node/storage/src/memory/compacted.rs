//! Parts of neighbouring segments as the source of one part that takes their place.

use std::borrow::Cow;

use sutra_protocol::{AssociationKey, ConceptId, Ground, Namespace, Timestamp};
use sutra_segment::{AssociationRow, Code, ConceptRow, Source};
use sutra_vector::Shape;

use super::graph::ids_from;
use super::layer::Layer;
use super::merge::merged;

/// What a compaction writes of a namespace: the newest row of each, without what nobody can ask for any more.
pub(crate) struct Compacted<'a> {
    pub(crate) namespace: &'a Namespace,
    pub(crate) shape: Option<Shape>,
    /// Those that are replaced, oldest first.
    pub(crate) run: &'a [Layer],
    /// The newer ones, oldest first: they know what has been erased since.
    pub(crate) newer: &'a [Layer],
    /// Whether there is no older one, below the run.
    pub(crate) is_oldest: bool,
    /// The earliest record time that can still be asked about; `None`: everything is kept.
    pub(crate) horizon: Option<Timestamp>,
}

impl Compacted<'_> {
    fn newest(&self, id: ConceptId) -> Option<(&Layer, Code)> {
        self.run.iter().rev().find_map(|part| part.find(id).map(|code| (part, code)))
    }

    /// The row of a concept, wherever it is in the run or above it.
    fn known(&self, id: ConceptId) -> Option<ConceptRow> {
        let parts = self.newer.iter().rev().chain(self.run.iter().rev());
        parts.into_iter().find_map(|part| part.find(id).map(|code| part.row(code)))
    }

    /// Whether a newer segment says that the concept was erased.
    fn erased_since(&self, id: ConceptId) -> Option<u64> {
        let (part, code) = self.newer.iter().rev().find_map(|part| part.find(id).map(|code| (part, code)))?;
        let row = part.row(code);
        (row.erased_incarnation > 0).then_some(row.erased_incarnation)
    }

    fn concept(&self, id: ConceptId) -> Option<ConceptRow> {
        let (part, code) = self.newest(id)?;
        let mut row = part.row(code);
        if let Some(erased) = self.erased_since(id) {
            // The newer row hides all of this one; it stays as a mark only, so that older ones stay hidden without the newer.
            row = ConceptRow { versions: Vec::new(), erased_incarnation: erased };
        }
        if let Some(horizon) = self.horizon {
            row.forget_before(horizon);
            let invisible = row.versions.last().is_some_and(|last| last.concept.is_none() && last.recorded_at <= horizon);
            if invisible {
                // Its incarnation is all that still matters: what is taught anew must not wake old associations.
                row = ConceptRow { erased_incarnation: part.row(code).incarnation(), versions: Vec::new() };
            }
        }
        Some(row)
    }

    fn association(&self, key: &AssociationKey) -> Option<AssociationRow> {
        let mut row = self.run.iter().rev().find_map(|part| part.edge(key).map(|edge| edge.row()))?;
        if let Some(horizon) = self.horizon {
            row.forget_before(horizon);
            row.evidence.retain(|piece| {
                let ground = match &piece.ground {
                    Ground::Statement(id) => Some((*id, piece.ground_incarnation)),
                    Ground::AssertedBy(_) => None,
                };
                let needed = [(key.source, piece.source_incarnation), (key.target, piece.target_incarnation)];
                needed.into_iter().chain(ground).all(|(id, incarnation)| self.may_matter(id, incarnation, horizon))
            });
        }
        // What no reader can see goes, unless it hides an older row.
        (!row.evidence.is_empty() || !self.is_oldest).then_some(row)
    }

    /// Whether a reader of `horizon` or later may see this incarnation of a concept.
    fn may_matter(&self, id: ConceptId, incarnation: u64, horizon: Timestamp) -> bool {
        let Some(row) = self.known(id) else {
            // It is in an older segment, or in memory: it is not for this compaction to tell.
            return true;
        };
        let visible = row.versions.iter().rposition(|version| version.recorded_at <= horizon).unwrap_or(0);
        let alive = |row: &ConceptRow| {
            row.versions[visible..]
                .iter()
                .filter_map(|version| version.concept.as_ref())
                .any(|one| one.incarnation == incarnation)
        };
        // Of a later incarnation memory may know more; an earlier one never comes back.
        incarnation > row.incarnation() || alive(&row)
    }
}

impl Source for Compacted<'_> {
    fn namespace(&self) -> &Namespace {
        self.namespace
    }

    fn shape(&self) -> Option<Shape> {
        self.shape
    }

    fn concepts(&self) -> Box<dyn Iterator<Item = (ConceptId, Cow<'_, ConceptRow>)> + '_> {
        let runs = self.run.iter().map(|part| {
            let ids: Box<dyn Iterator<Item = ConceptId> + '_> = Box::new(ids_from(part, ConceptId::default()));
            ids
        });
        Box::new(merged(runs.collect()).filter_map(|id| Some((id, Cow::Owned(self.concept(id)?)))))
    }

    fn associations(&self) -> Box<dyn Iterator<Item = (AssociationKey, Cow<'_, AssociationRow>)> + '_> {
        let sources = self.run.iter().map(|part| {
            let ids: Box<dyn Iterator<Item = ConceptId> + '_> = Box::new(part.sources_from(ConceptId::default()));
            ids
        });
        Box::new(merged(sources.collect()).flat_map(|source| {
            let mut keys: Vec<_> = self.run.iter().flat_map(|part| part.leaving(source).map(|edge| edge.key())).collect();
            keys.sort_unstable();
            keys.dedup();
            keys.into_iter().filter_map(|key| {
                let row = self.association(&key)?;
                Some((key, Cow::Owned(row)))
            })
        }))
    }
}
