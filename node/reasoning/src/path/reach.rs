//! Everything that can be reached from a concept.

use sutra_protocol::http::PathDirection;
use sutra_protocol::{AssociationFilter, ConceptId, Knowledge, Step};

use super::expansion::{End, Expansion, IdSet};
use crate::budget::Budget;

/// What [`reach`] came to.
pub(crate) struct Reach {
    /// The concept itself and all that it leads to, nearest first, each depth in the order of the ids.
    pub(crate) concepts: Vec<ConceptId>,
    /// False if the budget ran out.
    pub(crate) complete: bool,
}

/// Everything within `max_depth` hops that `admits` allows, in either direction.
pub(crate) fn reach(
    knowledge: &dyn Knowledge,
    start: ConceptId,
    max_depth: usize,
    filter: &AssociationFilter,
    admits: &dyn Fn(&Step) -> bool,
    budget: &Budget<'_>,
) -> Reach {
    let expansion = Expansion::new(knowledge, PathDirection::Both, filter, admits, budget, false);
    let mut seen = IdSet::default();
    seen.insert(start);
    let mut concepts = vec![start];
    let mut frontier = vec![start];
    for _ in 0..max_depth {
        let mut next = Vec::new();
        let complete = expansion.expand(End::Start, &frontier, &mut |_, step| {
            if seen.insert(step.to()) {
                next.push(step.to());
            }
        });
        next.sort_unstable();
        concepts.extend(&next);
        if !complete {
            return Reach { concepts, complete };
        }
        if next.is_empty() {
            break;
        }
        frontier = next;
    }
    Reach { concepts, complete: true }
}
