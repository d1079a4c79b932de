//! Embeddings with the structure of real ones.

use std::sync::Arc;

use crate::random::{Random, zipf};

/// Numbers of a vector: those of all-MiniLM-L6-v2.
pub(crate) const DIMENSION: usize = 384;
/// Dimensions in which they truly vary. Estimates of sentence embeddings' intrinsic dimension are 20 to 50; independent noise in
/// all 384 would make all neighbours equally far, which no embedder does.
const LATENT: usize = 48;
/// Topics, of Zipfian size.
const TOPICS: usize = 2_000;
/// Spread of a topic's vectors around its centre, whose own numbers have deviation 1.
const SPREAD: f32 = 0.6;
/// Deviation of what is noise in each of the dimensions, the numbers of the signal having one of about 1.
const NOISE: f32 = 0.05;

const PROJECTION: u64 = 0x10;
const CENTRE: u64 = 0x11;
const MEMBER: u64 = 0x12;
const QUESTION: u64 = 0x13;

/// Makes vectors of length 1. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Vectors {
    seed: u64,
    /// `LATENT` rows of `DIMENSION` numbers.
    projection: Arc<[f32]>,
}

impl Vectors {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::of(seed, PROJECTION, 0);
        let scale = 1.0 / (LATENT as f32).sqrt();
        let projection = (0..LATENT * DIMENSION).map(|_| random.normal() * scale).collect();
        Self { seed, projection }
    }

    /// The vector of concept `index`.
    pub(crate) fn of(&self, index: usize) -> Arc<[f32]> {
        self.member(MEMBER, index)
    }

    /// The vector of a question: from the same topics, and no concept's.
    pub(crate) fn question(&self, index: usize) -> Arc<[f32]> {
        self.member(QUESTION, index)
    }

    fn member(&self, stream: u64, index: usize) -> Arc<[f32]> {
        let mut random = Random::of(self.seed, stream, index as u64);
        let topic = zipf(&mut random, TOPICS);
        let mut centre = Random::of(self.seed, CENTRE, topic as u64);
        let mut vector: Vec<f32> = (0..DIMENSION / 2).flat_map(|_| self.noise(&mut random)).collect();
        for row in self.projection.chunks_exact(DIMENSION) {
            let weight = centre.normal() + SPREAD * random.normal();
            for (number, direction) in vector.iter_mut().zip(row) {
                *number += weight * direction;
            }
        }
        let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
        vector.iter().map(|number| number / length).collect()
    }

    /// Two numbers of one draw: the noise need not be exactly normal, and it is most of the work.
    fn noise(&self, random: &mut Random) -> [f32; 2] {
        let bits = random.next();
        // A uniform number below 1 has deviation 1 ÷ √12.
        [bits as u32, (bits >> 32) as u32].map(|half| (half as f32 / u32::MAX as f32 - 0.5) * NOISE * 12f32.sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn vectors_have_length_one_and_depend_on_seed_and_index() {
        let vectors = Vectors::new(5);
        let of_7 = vectors.of(7);
        assert_eq!(of_7.len(), DIMENSION);
        assert!((cosine(&of_7, &of_7) - 1.0).abs() < 1e-5);
        assert_eq!(of_7, Vectors::new(5).of(7));
        assert_ne!(of_7, vectors.of(8));
        assert_ne!(of_7, vectors.question(7));
        assert_ne!(of_7, Vectors::new(6).of(7));
    }

    #[test]
    fn the_nearest_stand_out_from_the_crowd() {
        let vectors = Vectors::new(5);
        let all: Vec<_> = (0..3_000).map(|index| vectors.of(index)).collect();
        let question = vectors.question(0);
        let mut cosines: Vec<f32> = all.iter().map(|vector| cosine(vector, &question)).collect();
        cosines.sort_unstable_by(|a, b| b.total_cmp(a));
        assert!(cosines[0] > 0.6, "a topic is a neighbourhood: {}", cosines[0]);
        assert!(cosines[1_500].abs() < 0.1, "other topics are unrelated: {}", cosines[1_500]);
        assert!(cosines[0] > cosines[9], "{:?}", &cosines[..10]);
    }
}
