//! How many associations leave a concept, and where they lead.

use crate::random::Random;

/// The part of concepts with at least k associations falls as k to the power of −1.5 (a density of exponent 2.5, as of most
/// networks in Clauset, Shalizi, Newman, "Power-Law Distributions in Empirical Data", 2009): few concepts teach many.
const SHAPE: f64 = 1.5;
/// Scale of the law, so that the mean of the whole numbers, cut at [`MOST`], is 5: 1 + 1.497 · SCALE^1.5.
const SCALE: f64 = 1.9255;
/// Most associations that leave one concept.
pub(crate) const MOST: usize = 300;
/// Associations a concept, on average.
#[cfg(test)]
pub(crate) const MEAN: f64 = 5.0;

/// How many associations concept `index` teaches; none are possible for the first.
pub(crate) fn out_degree(random: &mut Random, index: usize) -> usize {
    let pareto = SCALE * (1.0 - random.unit()).powf(-1.0 / SHAPE);
    (pareto as usize).min(MOST).min(index)
}

/// An older concept than `index`, which is above 0. The first ones are the most popular: the chance of concept j falls as 1 ÷ √j,
/// which gives in-degrees the power law of networks that grow by preferential attachment, with exponent 3 (Barabási and Albert,
/// "Emergence of Scaling in Random Networks", 1999).
pub(crate) fn target(random: &mut Random, index: usize) -> usize {
    let place = random.unit();
    ((place * place * index as f64) as usize).min(index - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: usize = 200_000;

    #[test]
    fn five_associations_leave_a_concept_on_average_and_few_leave_many() {
        let degrees: Vec<usize> = (1_000..N).map(|index| out_degree(&mut Random::of(3, 0, index as u64), index)).collect();
        let mean = degrees.iter().sum::<usize>() as f64 / degrees.len() as f64;
        assert!((mean - MEAN).abs() < 0.1, "{mean}");
        let above = |bound| degrees.iter().filter(|degree| **degree >= bound).count() as f64 / degrees.len() as f64;
        // Ten times the degree is 10^1.5 times as rare.
        let tail = above(5) / above(50);
        assert!((25.0..40.0).contains(&tail), "{tail}");
        assert!(degrees.iter().all(|degree| (1..=MOST).contains(degree)));
    }

    #[test]
    fn popular_concepts_have_thousands_of_associations_and_most_have_few() {
        let mut popularity = vec![0u32; N];
        let mut random = Random::of(3, 1, 0);
        for index in 1..N {
            for _ in 0..5 {
                popularity[target(&mut random, index)] += 1;
            }
        }
        // Expected of the first: 5 · Σ 1/√i = 10 · √N.
        let first = f64::from(popularity[0]);
        assert!((0.8..1.2).contains(&(first / (10.0 * (N as f64).sqrt()))), "{first}");
        let mut sorted = popularity.clone();
        sorted.sort_unstable();
        assert!(sorted[N / 2] <= 4, "half of all have at most {}", sorted[N / 2]);
        assert_eq!(popularity[N - 1], 0);
    }

    #[test]
    fn associations_lead_to_older_concepts_only() {
        let mut random = Random::of(3, 2, 0);
        for index in 1..2_000 {
            assert!(target(&mut random, index) < index);
        }
        assert_eq!(out_degree(&mut Random::of(3, 0, 0), 0), 0);
        assert!((0..100).all(|seed| out_degree(&mut Random::of(seed, 0, 0), 2) <= 2));
    }
}
