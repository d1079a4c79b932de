//! Paths between two concepts.
//!
//! | module | responsibility |
//! |---|---|
//! | `search` | one best path, from both ends at once |
//! | `layers` | what one end has reached, layer by layer |
//! | `expansion` | frontiers asked of the knowledge in batches, and remembered |
//! | `reach` | everything that can be reached |
//! | `yen` | the k best loop-free paths |

use std::cmp::Ordering;

use sutra_protocol::http::{PathDirection, PathStrategy};
use sutra_protocol::{AssociationFilter, ConceptId, Knowledge, Step};

use crate::budget::Budget;

use self::expansion::Expansion;

mod expansion;
mod layers;
mod reach;
mod search;
mod yen;

pub(crate) use self::reach::reach;

#[cfg(test)]
mod tests;

/// Which paths are wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct PathQuery {
    /// Most hops.
    pub max_depth: usize,
    /// Most paths.
    pub max_paths: usize,
    /// Whether associations are followed only from source to target.
    pub direction: PathDirection,
    /// Which associations may be followed.
    pub filter: AssociationFilter,
    /// Which paths come first.
    pub strategy: PathStrategy,
}

impl Default for PathQuery {
    /// What `POST /v1/path` looks for unless told otherwise.
    fn default() -> Self {
        Self {
            max_depth: 6,
            max_paths: 1,
            direction: PathDirection::default(),
            filter: AssociationFilter::default(),
            strategy: PathStrategy::default(),
        }
    }
}

/// A path that visits no concept twice.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// Where it begins.
    pub start: ConceptId,
    /// From start to end; none if the path begins where it ends.
    pub hops: Vec<Step>,
    /// The product of the hops' confidences, multiplied from the start on; of a path without hops, the concept's.
    pub confidence: f64,
}

impl Path {
    /// The concepts on the path, from start to end.
    pub fn concepts(&self) -> impl Iterator<Item = ConceptId> + '_ {
        std::iter::once(self.start).chain(self.hops.iter().map(Step::to))
    }

    /// Where it ends.
    pub fn end(&self) -> ConceptId {
        self.hops.last().map_or(self.start, Step::to)
    }
}

/// What a search for paths came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// In the order of the strategy.
    pub paths: Vec<Path>,
    /// False if the budget ran out: there may be more paths, or better ones.
    pub complete: bool,
}

/// The best paths from `start` to `end`.
pub fn find_paths(knowledge: &dyn Knowledge, start: ConceptId, end: ConceptId, query: &PathQuery, budget: &Budget<'_>) -> Found {
    find_paths_where(knowledge, start, end, query, &|_| true, budget)
}

/// The best paths from `start` to `end` whose every hop `admits` allows. It is shown each step as the path would cross it, from
/// the start's side to the end's, whichever end the search comes from; so it can follow some labels only backwards.
pub fn find_paths_where(
    knowledge: &dyn Knowledge,
    start: ConceptId,
    end: ConceptId,
    query: &PathQuery,
    admits: &dyn Fn(&Step) -> bool,
    budget: &Budget<'_>,
) -> Found {
    if query.max_paths == 0 {
        return Found { paths: Vec::new(), complete: true };
    }
    if start == end {
        let here = knowledge.concept(start).map(|concept| Path { start, hops: Vec::new(), confidence: concept.confidence });
        return Found { paths: here.into_iter().collect(), complete: true };
    }
    let expansion = Expansion::new(knowledge, query.direction, &query.filter, admits, budget, query.max_paths > 1);
    yen::k_best(&expansion, start, end, query.max_depth, query.max_paths, query.strategy)
}

/// The order of a strategy; `Less` comes first.
pub fn order(strategy: PathStrategy, a: &Path, b: &Path) -> Ordering {
    let length = a.hops.len().cmp(&b.hops.len());
    let confidence = b.confidence.total_cmp(&a.confidence);
    let first = match strategy {
        PathStrategy::Shortest => length.then(confidence),
        PathStrategy::Best => confidence.then(length),
    };
    first.then_with(|| a.concepts().cmp(b.concepts()))
}
