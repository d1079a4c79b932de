//! Okapi BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009) with k1 = 1.2 and b = 0.75.

use crate::Statistics;

const K1: f64 = 1.2;
const B: f64 = 0.75;
/// More documents are not told apart: beyond, the weight of a word that all have would be rounded to 0.
const MOST: i64 = 1 << 48;

/// What the statistics say about every word: how to weigh rarity and length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Living documents.
    documents: f64,
    /// Words of a document on average, at least 1.
    average: f64,
}

impl Scale {
    pub(crate) fn of(statistics: &Statistics) -> Self {
        // Sums of corrections can be off for a moment; a negative count must not turn a score around.
        let documents = statistics.documents.clamp(0, MOST) as f64;
        let words = statistics.words.max(0) as f64;
        Self { documents, average: (words / documents.max(1.0)).max(1.0) }
    }

    /// The weight of a word that `holding` living documents have: ln(1 + (N − n + ½) / (n + ½)), always above 0.
    pub(crate) fn rarity(&self, holding: i64) -> f64 {
        let holding = (holding.max(0) as f64).min(self.documents);
        (1.0 + (self.documents - holding + 0.5) / (holding + 0.5)).ln()
    }

    /// What a word of weight `rarity` adds to a document of `length` words that has it `frequency` times. It grows with the
    /// frequency and falls with the length.
    #[inline]
    pub(crate) fn score(&self, rarity: f64, frequency: u32, length: u32) -> f64 {
        let times = f64::from(frequency);
        let length = f64::from(length) / self.average;
        rarity * times * (K1 + 1.0) / (times + K1 * (1.0 - B + B * length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(documents: i64, words: i64) -> Scale {
        Scale::of(&Statistics { documents, words, ..Statistics::default() })
    }

    #[test]
    fn scores_are_okapi_bm25() {
        let scale = scale(2, 4);
        let expected = (1.0_f64 + 1.5 / 1.5).ln() * 2.2 / (1.0 + 1.2 * (0.25 + 0.75 * 1.5));
        assert!((scale.score(scale.rarity(1), 1, 3) - expected).abs() < 1e-15);
    }

    #[test]
    fn a_weight_is_above_zero_whatever_the_statistics() {
        for documents in [i64::MIN, -1, 0, 1, 1_000, i64::MAX] {
            for holding in [i64::MIN, -1, 0, 1, 1_000, i64::MAX] {
                let scale = scale(documents, 0);
                let score = scale.score(scale.rarity(holding), 1, 1);
                assert!(score > 0.0 && score.is_finite(), "{documents} {holding}: {score}");
            }
        }
    }
}
