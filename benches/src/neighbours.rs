//! The true nearest neighbours, found by looking at every vector.

use std::collections::BinaryHeap;
use std::sync::Arc;

/// For each question the positions of the `k` nearest vectors that pass, the nearest first. Vectors have length 1, so that the
/// greatest inner product is the nearest by cosine and by distance alike.
pub(crate) fn exact(
    vectors: &[Arc<[f32]>],
    questions: &[Arc<[f32]>],
    k: usize,
    passes: impl Fn(usize) -> bool + Sync,
) -> anyhow::Result<Vec<Vec<usize>>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = questions.len().div_ceil(threads).max(1);
    let passes = &passes;
    std::thread::scope(|scope| {
        let parts: Vec<_> = questions
            .chunks(share)
            .map(|part| {
                scope.spawn(move || part.iter().map(|question| nearest(vectors, question, k, passes)).collect::<Vec<_>>())
            })
            .collect();
        let mut all = Vec::with_capacity(questions.len());
        for part in parts {
            all.append(&mut part.join().map_err(|_| anyhow::anyhow!("the exact search panicked"))?);
        }
        Ok(all)
    })
}

/// A vector by how near it is; the greater is the farther, so that a heap's top is the one to drop.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Near {
    product: f32,
    at: usize,
}

impl Eq for Near {}

impl Ord for Near {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.product.total_cmp(&self.product).then(self.at.cmp(&other.at))
    }
}

impl PartialOrd for Near {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

fn nearest(vectors: &[Arc<[f32]>], question: &[f32], k: usize, passes: &impl Fn(usize) -> bool) -> Vec<usize> {
    let mut best = BinaryHeap::with_capacity(k + 1);
    for (at, vector) in vectors.iter().enumerate().filter(|(at, _)| passes(*at)) {
        best.push(Near { product: product(vector, question), at });
        if best.len() > k {
            best.pop();
        }
    }
    best.into_sorted_vec().into_iter().map(|near| near.at).collect()
}

/// Eight sums side by side, which the compiler turns into vector instructions.
fn product(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}

/// Which part of the true neighbours was found.
pub(crate) fn recall<T: PartialEq>(found: &[Vec<T>], truth: &[Vec<T>]) -> f64 {
    let all: usize = truth.iter().map(Vec::len).sum();
    let hits = found.iter().zip(truth).map(|(found, truth)| truth.iter().filter(|true_one| found.contains(true_one)).count());
    hits.sum::<usize>() as f64 / all.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::Vectors;

    #[test]
    fn the_nearest_are_those_that_sorting_everything_gives() {
        let made = Vectors::new(3);
        let vectors: Vec<_> = (0..500).map(|index| made.of(index)).collect();
        let questions: Vec<_> = (0..7).map(|index| made.question(index)).collect();
        let found = exact(&vectors, &questions, 10, |at| at % 3 != 0).unwrap();
        assert_eq!(found.len(), 7);
        for (question, found) in questions.iter().zip(&found) {
            let mut all: Vec<usize> = (0..500).filter(|at| at % 3 != 0).collect();
            let near = |at: &usize| vectors[*at].iter().zip(question.iter()).map(|(a, b)| f64::from(a * b)).sum::<f64>();
            all.sort_by(|a, b| near(b).total_cmp(&near(a)));
            assert_eq!(*found, all[..10]);
        }
    }

    #[test]
    fn recall_is_the_part_of_the_truth_that_was_found() {
        assert_eq!(recall(&[vec![1, 2], vec![9, 8]], &[vec![2, 3], vec![8, 9]]), 0.75);
        assert_eq!(recall(&[Vec::<u32>::new()], &[vec![1]]), 0.0);
    }

    #[test]
    fn fewer_that_pass_than_asked_for_are_all_found() {
        let made = Vectors::new(3);
        let vectors: Vec<_> = (0..50).map(|index| made.of(index)).collect();
        let found = exact(&vectors, &[made.question(0)], 10, |at| at < 4).unwrap();
        assert_eq!(found[0].len(), 4);
    }
}
