//! What a search finds.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A vector that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// Which of its part's vectors.
    pub ordinal: u32,
    /// Cosine of the angle between it and the query, −1 to 1; 0 where one of the two is zero.
    pub similarity: f32,
}

impl Neighbour {
    /// Nearest first, then by ordinal.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        other.similarity.total_cmp(&self.similarity).then(self.ordinal.cmp(&other.ordinal))
    }
}

/// The `k` nearest of several parts' neighbours, each list with its part: nearest first, then by part and ordinal.
pub fn merge<P: Ord + Copy>(lists: impl IntoIterator<Item = (P, Vec<Neighbour>)>, k: usize) -> Vec<(P, Neighbour)> {
    let mut all: Vec<(P, Neighbour)> =
        lists.into_iter().flat_map(|(part, list)| list.into_iter().map(move |neighbour| (part, neighbour))).collect();
    all.sort_unstable_by(|(left_part, left), (right_part, right)| {
        right.similarity.total_cmp(&left.similarity).then(left_part.cmp(right_part)).then(left.ordinal.cmp(&right.ordinal))
    });
    all.truncate(k);
    all
}

/// The best so many of all that were offered.
pub(crate) struct Best {
    /// The worst on top. Never more than `wanted`.
    heap: BinaryHeap<Worst>,
    wanted: usize,
}

struct Worst(Neighbour);

impl Best {
    /// Keeps `wanted`, of at most `offered` that will be.
    pub(crate) fn new(wanted: usize, offered: usize) -> Self {
        Self { heap: BinaryHeap::with_capacity(wanted.min(offered) + 1), wanted }
    }

    /// Whether `neighbour` would be kept.
    #[inline]
    pub(crate) fn wants(&self, neighbour: &Neighbour) -> bool {
        self.heap.len() < self.wanted || self.heap.peek().is_some_and(|worst| neighbour.order(&worst.0) == Ordering::Less)
    }

    /// Keeps `neighbour` if it is one of the best.
    #[inline]
    pub(crate) fn offer(&mut self, neighbour: Neighbour) {
        if self.wants(&neighbour) {
            self.keep(neighbour);
        }
    }

    fn keep(&mut self, neighbour: Neighbour) {
        self.heap.push(Worst(neighbour));
        if self.heap.len() > self.wanted {
            self.heap.pop();
        }
    }

    /// Best first.
    pub(crate) fn into_sorted(self) -> Vec<Neighbour> {
        self.heap.into_sorted_vec().into_iter().map(|worst| worst.0).collect()
    }
}

impl PartialEq for Worst {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Worst {}

impl PartialOrd for Worst {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Worst {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.order(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neighbour(ordinal: u32, similarity: f32) -> Neighbour {
        Neighbour { ordinal, similarity }
    }

    #[test]
    fn the_best_are_kept_and_of_equals_the_first() {
        let mut best = Best::new(3, 100);
        for ordinal in (0..10).rev() {
            best.offer(neighbour(ordinal, if ordinal == 7 { 0.9 } else { 0.5 }));
        }
        assert_eq!(best.into_sorted(), [neighbour(7, 0.9), neighbour(0, 0.5), neighbour(1, 0.5)]);
    }

    #[test]
    fn nothing_is_kept_where_nothing_is_wanted() {
        let mut best = Best::new(0, 10);
        best.offer(neighbour(1, 1.0));
        assert!(best.into_sorted().is_empty());
    }

    #[test]
    fn merged_lists_are_in_one_order() {
        let segment = vec![neighbour(4, 0.9), neighbour(1, 0.3)];
        let delta = vec![neighbour(9, 0.95), neighbour(2, 0.9), neighbour(3, 0.9)];
        let merged = merge([("segment", segment), ("delta", delta)], 4);
        assert_eq!(
            merged,
            [
                ("delta", neighbour(9, 0.95)),
                ("delta", neighbour(2, 0.9)),
                ("delta", neighbour(3, 0.9)),
                ("segment", neighbour(4, 0.9))
            ]
        );
    }
}
