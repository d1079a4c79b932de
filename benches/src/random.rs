//! Randomness that is the same in every run.

/// SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014). A generator for each thing that is
/// made, seeded by what it is, so that the millionth concept can be made without the ones before it.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The generator of thing `index` of the kind `stream`.
    pub(crate) fn of(seed: u64, stream: u64, index: u64) -> Self {
        let mut parts = Self(seed);
        for part in [stream, index] {
            parts.0 = parts.next() ^ part;
        }
        Self(parts.next())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// At least 0, less than 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Less than `bound`, which is at least 1.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // The bias of the multiplication is below 2⁻³² for every bound used here.
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of them; they are not empty.
    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// Normally distributed around 0 with deviation 1 (Box and Muller, 1958).
    pub(crate) fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        (radius * (std::f64::consts::TAU * self.unit()).cos()) as f32
    }
}

/// Numbers below `ranks`, each the rarer the greater it is: that of rank r with a weight of about 1 ÷ r, as words in a text
/// (Zipf's law, with exponent 1).
pub(crate) fn zipf(random: &mut Random, ranks: usize) -> usize {
    // The integral of 1/x, inverted: exact for a continuous law, close enough for words.
    let top = (ranks as f64 + 1.0).ln();
    ((random.unit() * top).exp() as usize).clamp(1, ranks) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_thing_is_made_of_the_same_numbers() {
        let take = |mut random: Random| [random.next(), random.next(), random.next()];
        assert_eq!(take(Random::of(1, 2, 3)), take(Random::of(1, 2, 3)));
        for other in [Random::of(2, 2, 3), Random::of(1, 3, 3), Random::of(1, 2, 4), Random::of(1, 3, 2)] {
            assert_ne!(take(other), take(Random::of(1, 2, 3)));
        }
    }

    #[test]
    fn numbers_are_spread_evenly_below_their_bound() {
        let mut random = Random::of(7, 0, 0);
        let mut counts = [0u32; 10];
        for _ in 0..100_000 {
            counts[random.below(10)] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }

    #[test]
    fn normal_numbers_have_their_mean_and_deviation() {
        let mut random = Random::of(7, 1, 0);
        let values: Vec<f64> = (0..100_000).map(|_| f64::from(random.normal())).collect();
        let mean = values.iter().sum::<f64>() / 1e5;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }

    #[test]
    fn a_word_of_rank_ten_is_a_tenth_as_frequent_as_the_first() {
        let mut random = Random::of(7, 2, 0);
        let mut counts = vec![0u32; 1_000];
        for _ in 0..1_000_000 {
            counts[zipf(&mut random, 1_000)] += 1;
        }
        let ratio = f64::from(counts[0]) / f64::from(counts[9]);
        assert!((6.0..14.0).contains(&ratio), "{ratio}");
        assert!(counts[999] > 0);
    }
}
