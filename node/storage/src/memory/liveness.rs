//! Which rows a reader sees, and the confidence that their evidence adds up to.

use std::sync::Arc;

use sutra_protocol::association::{self, Evidence};
use sutra_protocol::{AsOf, Association, AssociationKey, Concept, ConceptId, Ground, Timestamp};

use super::graph::Graph;
use super::rows::{AssociationRow, EvidenceVersion};

/// Reads a graph as of one record time and, if it asks for one, one valid time.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    graph: &'a Graph,
    valid_at: Option<Timestamp>,
    known_at: Option<Timestamp>,
}

/// A living association, added up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Weight {
    pub(crate) confidence: f64,
    pub(crate) strength: f64,
}

/// What makes pieces of evidence depend on each other: they come from one source, or are one teacher's word.
#[derive(PartialEq)]
enum Origin<'a> {
    Uri(&'a str),
    Teacher(&'a str),
}

impl<'a> Reader<'a> {
    pub(crate) fn new(graph: &'a Graph, as_of: AsOf) -> Self {
        Self { graph, valid_at: as_of.valid_at, known_at: as_of.known_at }
    }

    /// Reads what is recorded now, whenever it holds in the world.
    pub(crate) fn now(graph: &'a Graph) -> Self {
        Self { graph, valid_at: None, known_at: None }
    }

    /// The concept, if it is alive and holds.
    pub(crate) fn concept(&self, id: ConceptId) -> Option<&'a Arc<Concept>> {
        let concept = self.graph.concept(id, self.known_at)?;
        self.valid_at.is_none_or(|time| concept.validity.contains(time)).then_some(concept)
    }

    /// The weight of an association between `source` and `target`, which the reader sees; `None` if it is not alive or does not hold.
    pub(crate) fn weight(&self, key: &AssociationKey, row: &AssociationRow, ends: [&'a Concept; 2]) -> Option<Weight> {
        if self.valid_at.is_some_and(|time| !key.validity.contains(time)) {
            return None;
        }
        // One piece is the usual case and needs no list.
        if let [only] = row.evidence.as_slice() {
            let (confidence, _) = self.piece(only, ends)?;
            return Some(Weight { confidence, strength: only.strength });
        }
        let alive = self.pieces(row, ends);
        let strength = alive.iter().max_by_key(|(piece, ..)| piece.recorded_at)?.0.strength;
        let confidence = association::confidence(alive.into_iter().map(|(_, confidence, origin)| (origin, confidence)));
        Some(Weight { confidence, strength })
    }

    /// The association with its evidence, if it is alive and holds.
    pub(crate) fn association(&self, key: &AssociationKey) -> Option<Association> {
        let row = self.graph.outgoing.get(key)?;
        let ends = [self.concept(key.source)?.as_ref(), self.concept(key.target)?.as_ref()];
        let Weight { confidence, strength } = self.weight(key, row, ends)?;
        let pieces = self.pieces(row, ends).into_iter();
        let evidence = pieces.map(|(piece, confidence, _)| Evidence { ground: piece.ground.clone(), confidence }).collect();
        Some(Association { key: key.clone(), confidence, strength, evidence })
    }

    /// The living pieces in statement order, with their confidence and origin.
    fn pieces<'r>(&self, row: &'r AssociationRow, ends: [&'a Concept; 2]) -> Vec<(&'r EvidenceVersion, f64, Origin<'r>)>
    where
        'a: 'r,
    {
        let pieces = row.evidence.iter();
        let mut alive: Vec<_> =
            pieces.filter_map(|piece| self.piece(piece, ends).map(|(confidence, origin)| (piece, confidence, origin))).collect();
        alive.sort_by(|a, b| a.0.ground.cmp(&b.0.ground));
        alive
    }

    /// The confidence and origin of a piece of evidence, if it counts for this reader.
    fn piece<'r>(&self, piece: &'r EvidenceVersion, ends: [&'a Concept; 2]) -> Option<(f64, Origin<'r>)>
    where
        'a: 'r,
    {
        let [source, target] = ends;
        let taught = piece.source_incarnation == source.incarnation && piece.target_incarnation == target.incarnation;
        if !taught || !piece.stood(self.known_at) {
            return None;
        }
        match &piece.ground {
            Ground::AssertedBy(teacher) => Some((piece.confidence, Origin::Teacher(teacher))),
            Ground::Statement(id) => {
                // Most associations rest on their own source: its row is at hand.
                let statement = match ends.into_iter().find(|end| end.id == *id) {
                    Some(end) => end,
                    None => self.concept(*id)?.as_ref(),
                };
                let origin = match &statement.source {
                    Some(source) => Origin::Uri(&source.uri),
                    None => Origin::Teacher(&statement.asserted_by),
                };
                (statement.incarnation == piece.ground_incarnation)
                    .then_some((piece.confidence.min(statement.confidence), origin))
            }
        }
    }
}
