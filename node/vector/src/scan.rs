//! Searches without a graph.

use crate::codes::Code;
use crate::filter::Filter;
use crate::kernel::similarity;
use crate::neighbour::{Best, Neighbour};
use crate::query::{Effort, Query};
use crate::shape::Shape;

/// Of so few vectors every one is compared as it is stored: exact, and with 384 dimensions 0.06 ms at most.
const FEW: u32 = 512;

/// Vectors as they are stored.
pub(crate) trait Stored {
    fn shape(&self) -> Shape;

    /// Ordinals are below it.
    fn count(&self) -> u32;

    /// The stored form of one; no bytes where there is none.
    fn stored(&self, ordinal: u32) -> &[u8];
}

/// Vectors as codes.
pub(crate) trait Coded {
    fn code(&self, ordinal: u32) -> Code<'_>;
}

/// How many of the approximately best are compared as they are stored to find the `k` best. The order of codes differs from the true one
/// only among near equals.
pub(crate) fn shortlist(k: usize) -> usize {
    k.saturating_mul(2).saturating_add(24)
}

/// Whether the search is to compare stored vectors only.
pub(crate) fn is_direct(count: u32, filter: &Filter<'_>, effort: Effort) -> bool {
    let passing = match filter {
        Filter::All | Filter::Each(_) => count,
        Filter::Among(set) => set.len().min(count),
    };
    effort == Effort::Exact || passing <= FEW
}

/// The `k` nearest that pass, every one compared as it is stored.
pub(crate) fn exact(vectors: &impl Stored, query: &Query, k: usize, filter: &Filter<'_>) -> Vec<Neighbour> {
    let shape = vectors.shape();
    best(vectors.count(), k, filter, |ordinal| similarity(shape, query.unit(), vectors.stored(ordinal)))
}

/// The `k` nearest that pass: all compared by their codes, the best of them as they are stored.
pub(crate) fn coded(vectors: &impl Stored, codes: &impl Coded, query: &Query, k: usize, filter: &Filter<'_>) -> Vec<Neighbour> {
    let approximate = best(vectors.count(), shortlist(k), filter, |ordinal| query.approximate(codes.code(ordinal)));
    rescored(vectors, query, k, approximate.into_iter().map(|neighbour| neighbour.ordinal))
}

/// The `k` nearest of `candidates`, compared as they are stored.
pub(crate) fn rescored(
    vectors: &impl Stored,
    query: &Query,
    k: usize,
    candidates: impl IntoIterator<Item = u32>,
) -> Vec<Neighbour> {
    let shape = vectors.shape();
    let mut found: Vec<Neighbour> = candidates
        .into_iter()
        .map(|ordinal| Neighbour { ordinal, similarity: similarity(shape, query.unit(), vectors.stored(ordinal)) })
        .collect();
    found.sort_unstable_by(Neighbour::order);
    found.truncate(k);
    found
}

/// The first `k` that pass, for a query to which all are equally similar.
pub(crate) fn first(count: u32, k: usize, filter: &Filter<'_>) -> Vec<Neighbour> {
    let neighbour = |ordinal| Neighbour { ordinal, similarity: 0.0 };
    match filter {
        Filter::Among(set) => set.iter().take_while(|ordinal| *ordinal < count).take(k).map(neighbour).collect(),
        _ => (0..count).filter(|ordinal| filter.passes(*ordinal)).take(k).map(neighbour).collect(),
    }
}

/// The `wanted` that score highest of those that pass.
#[inline]
fn best(count: u32, wanted: usize, filter: &Filter<'_>, score: impl Fn(u32) -> f32) -> Vec<Neighbour> {
    let mut best = Best::new(wanted, count as usize);
    let scored = |ordinal| Neighbour { ordinal, similarity: score(ordinal) };
    match filter {
        Filter::All => (0..count).for_each(|ordinal| best.offer(scored(ordinal))),
        Filter::Each(test) => {
            for neighbour in (0..count).map(scored) {
                // The caller's test may cost more than the comparison did.
                if best.wants(&neighbour) && test(neighbour.ordinal) {
                    best.offer(neighbour);
                }
            }
        }
        Filter::Among(set) => {
            set.iter().take_while(|ordinal| *ordinal < count).for_each(|ordinal| best.offer(scored(ordinal)));
        }
    }
    best.into_sorted()
}
