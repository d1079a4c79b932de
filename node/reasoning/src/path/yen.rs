//! The k best loop-free paths.
//!
//! Yen's algorithm (J. Y. Yen, "Finding the K Shortest Loopless Paths in a Network", Management Science 17(11), 1971) with
//! Lawler's improvement (E. L. Lawler, Management Science 18(7), 1972): a path that left its parent at some hop deviates from
//! there on only, so that no candidate is found twice. Both strategies order paths with a common beginning as they order their
//! rests, which is all that the algorithm asks of an order. (Among paths of confidence 0 the order is fixed, but not by ids.)

use sutra_protocol::http::PathStrategy;
use sutra_protocol::{ConceptId, Step};

use super::expansion::{Expansion, IdSet};
use super::search::{Wanted, search};
use super::{Found, Path, order};

struct Candidate {
    path: Path,
    /// Before this hop it equals a path that was accepted earlier.
    deviates_at: usize,
}

/// The best `max_paths` paths between two different concepts.
pub(super) fn k_best(
    expansion: &Expansion<'_>,
    start: ConceptId,
    goal: ConceptId,
    max_depth: usize,
    max_paths: usize,
    strategy: PathStrategy,
) -> Found {
    let mut accepted: Vec<Path> = Vec::new();
    let none = IdSet::default();
    let first = search(expansion, &Wanted { start, goal, max_depth, strategy, excluded: &none, banned: &none });
    let mut complete = first.complete;
    let mut candidates: Vec<Candidate> =
        first.hops.map(|hops| Candidate { path: path(start, hops), deviates_at: 0 }).into_iter().collect();
    while let Some(Candidate { path: parent, deviates_at }) = take_first(&mut candidates, strategy) {
        accepted.push(parent);
        if accepted.len() == max_paths {
            break;
        }
        let parent = &accepted[accepted.len() - 1];
        let concepts: Vec<ConceptId> = parent.concepts().collect();
        for at in deviates_at..parent.hops.len() {
            if !complete {
                break;
            }
            let excluded: IdSet = concepts[..at].iter().copied().collect();
            let banned = next_after(&accepted, &concepts[..=at]);
            let wanted =
                Wanted { start: concepts[at], goal, max_depth: max_depth - at, strategy, excluded: &excluded, banned: &banned };
            let rest = search(expansion, &wanted);
            complete &= rest.complete;
            if let Some(rest) = rest.hops {
                let hops = parent.hops[..at].iter().cloned().chain(rest).collect();
                candidates.push(Candidate { path: path(start, hops), deviates_at: at });
            }
        }
    }
    Found { paths: accepted, complete }
}

/// Where the accepted paths that begin with `root` go next.
fn next_after(accepted: &[Path], root: &[ConceptId]) -> IdSet {
    let next = |path: &Path| {
        let mut concepts = path.concepts();
        root.iter().all(|id| concepts.next() == Some(*id)).then(|| concepts.next()).flatten()
    };
    accepted.iter().filter_map(next).collect()
}

fn take_first(candidates: &mut Vec<Candidate>, strategy: PathStrategy) -> Option<Candidate> {
    let (at, _) = candidates.iter().enumerate().min_by(|(_, a), (_, b)| order(strategy, &a.path, &b.path))?;
    Some(candidates.swap_remove(at))
}

fn path(start: ConceptId, hops: Vec<Step>) -> Path {
    let confidence = hops.iter().fold(1.0, |product, hop| product * hop.confidence);
    Path { start, hops, confidence }
}
