//! Which rows a reader sees, and the confidence that their evidence adds up to.

use std::sync::Arc;

use sutra_protocol::association::{self, Evidence};
use sutra_protocol::{AsOf, Association, AssociationKey, Concept, ConceptId, Ground, Timestamp};
use sutra_segment::{AssociationRow, EvidenceVersion, Standing};

use super::graph::{Graph, Link};

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

/// An association's ends: their ids and what liveness asks of them.
struct Ends {
    source: (ConceptId, Standing),
    target: (ConceptId, Standing),
}

/// What makes pieces of evidence depend on each other: they come from one source, or are one teacher's word.
#[derive(PartialEq)]
enum Origin {
    Uri(String),
    Teacher(Arc<str>),
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
    pub(crate) fn concept(&self, id: ConceptId) -> Option<Arc<Concept>> {
        let concept = self.graph.concept(id, self.known_at)?;
        self.valid_at.is_none_or(|time| concept.validity.contains(time)).then_some(concept)
    }

    /// Whether the concept is alive and holds.
    pub(crate) fn sees(&self, id: ConceptId) -> bool {
        self.standing(id).is_some()
    }

    fn standing(&self, id: ConceptId) -> Option<Standing> {
        self.holding(self.graph.standing(id, self.known_at)?)
    }

    fn holding(&self, standing: Standing) -> Option<Standing> {
        self.valid_at.is_none_or(|time| standing.validity.contains(time)).then_some(standing)
    }

    /// The weight of an association; `None` if it, or one of its ends, is not alive or does not hold.
    pub(crate) fn weight(&self, link: &Link<'_>) -> Option<Weight> {
        if self.valid_at.is_some_and(|time| !link.validity.contains(time)) {
            return None;
        }
        let [source, target] = self.graph.ends(link, self.known_at)?;
        let ends = Ends { source: (link.source, self.holding(source)?), target: (link.target, self.holding(target)?) };
        // One piece is the usual case and needs no list.
        if let Some(only) = link.single() {
            let confidence = self.piece(&only, &ends)?;
            return Some(Weight { confidence, strength: only.strength });
        }
        let row = link.row();
        let alive = self.pieces(&row.evidence, &ends);
        let strength = alive.iter().max_by_key(|(piece, _)| piece.recorded_at)?.0.strength;
        Some(Weight { confidence: self.confidence(&alive), strength })
    }

    /// The association with its evidence, if it is alive and holds.
    pub(crate) fn association(&self, key: &AssociationKey) -> Option<Association> {
        let row = self.graph.association(key)?;
        if self.valid_at.is_some_and(|time| !key.validity.contains(time)) {
            return None;
        }
        let ends = Ends { source: (key.source, self.standing(key.source)?), target: (key.target, self.standing(key.target)?) };
        let alive = self.pieces(&row.evidence, &ends);
        let strength = alive.iter().max_by_key(|(piece, _)| piece.recorded_at)?.0.strength;
        let evidence = alive.iter().map(|(piece, confidence)| Evidence { ground: piece.ground.clone(), confidence: *confidence });
        Some(Association { key: key.clone(), confidence: self.confidence(&alive), strength, evidence: evidence.collect() })
    }

    /// The confidence of an association with this row and these living ends; 0 if none of its evidence counts.
    pub(crate) fn confidence_of(&self, key: &AssociationKey, row: &AssociationRow, source: Standing, target: Standing) -> f64 {
        let ends = Ends { source: (key.source, source), target: (key.target, target) };
        match self.pieces(&row.evidence, &ends).as_slice() {
            [] => 0.0,
            alive => self.confidence(alive),
        }
    }

    /// The living pieces in statement order, with their confidence.
    fn pieces<'r>(&self, evidence: &'r [EvidenceVersion], ends: &Ends) -> Vec<(&'r EvidenceVersion, f64)> {
        let pieces = evidence.iter();
        let mut alive: Vec<_> = pieces.filter_map(|piece| Some((piece, self.piece(piece, ends)?))).collect();
        alive.sort_by(|a, b| a.0.ground.cmp(&b.0.ground));
        alive
    }

    /// What the living pieces add up to.
    fn confidence(&self, alive: &[(&EvidenceVersion, f64)]) -> f64 {
        match alive {
            // Where it comes from makes no difference.
            [(_, only)] => *only,
            several => {
                association::confidence(several.iter().map(|(piece, confidence)| (self.origin(&piece.ground), *confidence)))
            }
        }
    }

    /// The confidence of a piece of evidence, if it counts for this reader.
    fn piece(&self, piece: &EvidenceVersion, ends: &Ends) -> Option<f64> {
        let taught =
            piece.source_incarnation == ends.source.1.incarnation && piece.target_incarnation == ends.target.1.incarnation;
        if !taught || !piece.stood(self.known_at) {
            return None;
        }
        match &piece.ground {
            Ground::AssertedBy(_) => Some(piece.confidence),
            Ground::Statement(id) => {
                // Most associations rest on their own source: it is at hand.
                let statement = match [ends.source, ends.target].into_iter().find(|(end, _)| end == id) {
                    Some((_, standing)) => standing,
                    None => self.standing(*id)?,
                };
                (statement.incarnation == piece.ground_incarnation).then_some(piece.confidence.min(statement.confidence))
            }
        }
    }

    fn origin(&self, ground: &Ground) -> Origin {
        match ground {
            Ground::AssertedBy(teacher) => Origin::Teacher(Arc::clone(teacher)),
            Ground::Statement(id) => match self.concept(*id) {
                Some(statement) => match &statement.source {
                    Some(source) => Origin::Uri(source.uri.clone()),
                    None => Origin::Teacher(Arc::clone(&statement.asserted_by)),
                },
                // Only a damaged segment gets here, and a view that met one answers nothing.
                None => Origin::Teacher(Arc::from("")),
            },
        }
    }
}
