//! Vectors as embedders make them: seeded, so that every run sees the same.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use sutra_disk::{Bytes, RealDisk};
use sutra_vector::{Built, Effort, Expected, Filter, Graph, GraphConfig, Part, Query, Scalar, Shape, build};

/// A source of vectors.
pub(crate) struct Embeddings {
    random: Random,
    dimension: usize,
    /// Where topics lie; none: vectors lie everywhere.
    topics: Vec<Vec<f32>>,
    /// How far a vector lies from its topic, in proportion to the topic's own length.
    spread: f32,
    /// Directions in which texts of a topic differ; none: in all.
    traits: Vec<Vec<f32>>,
}

impl Embeddings {
    /// Texts on so many topics, each a Gaussian cloud.
    pub(crate) fn clustered(seed: u64, dimension: usize, topics: usize) -> Self {
        let mut random = Random(seed);
        let topics = (0..topics).map(|_| random.vector(dimension)).collect();
        Self { random, dimension, topics, spread: 0.5, traits: Vec::new() }
    }

    /// Texts on so many topics that differ in so many ways, as sentence embeddings do: their intrinsic dimension is far below their own.
    pub(crate) fn with_traits(seed: u64, dimension: usize, topics: usize, traits: usize) -> Self {
        let mut texts = Self::clustered(seed, dimension, topics);
        texts.traits = (0..traits).map(|_| texts.random.vector(dimension)).collect();
        texts
    }

    /// Vectors of every direction.
    pub(crate) fn uniform(seed: u64, dimension: usize) -> Self {
        Self::clustered(seed, dimension, 0)
    }

    pub(crate) fn vector(&mut self) -> Vec<f32> {
        if self.topics.is_empty() {
            return self.random.vector(self.dimension);
        }
        let topic = self.topics[self.random.below(self.topics.len())].clone();
        if self.traits.is_empty() {
            let noise = self.random.vector(self.dimension);
            return topic.iter().zip(noise).map(|(centre, noise)| centre + self.spread * noise).collect();
        }
        let mut vector = topic;
        let share = self.spread / (self.traits.len() as f32).sqrt();
        for direction in &self.traits {
            let amount = share * self.random.normal();
            vector.iter_mut().zip(direction).for_each(|(number, direction)| *number += amount * direction);
        }
        let noise = self.random.vector(self.dimension);
        vector.iter().zip(noise).map(|(number, noise)| number + 0.05 * noise).collect()
    }

    pub(crate) fn vectors(&mut self, count: usize) -> Vec<Vec<f32>> {
        (0..count).map(|_| self.vector()).collect()
    }
}

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// 0 to 1, never 0.
    fn share(&mut self) -> f32 {
        ((self.next() >> 40) + 1) as f32 / (1 << 24) as f32
    }

    /// Of mean 0 and variance 1, by Box and Muller.
    fn normal(&mut self) -> f32 {
        (-2.0 * self.share().ln()).sqrt() * (std::f32::consts::TAU * self.share()).cos()
    }

    fn vector(&mut self, dimension: usize) -> Vec<f32> {
        (0..dimension).map(|_| self.normal()).collect()
    }
}

pub(crate) fn shape(dimension: usize, scalar: Scalar) -> Shape {
    Shape::new(u32::try_from(dimension).unwrap(), scalar).unwrap()
}

/// A part of these vectors, in the middle of a file.
pub(crate) fn part(shape: Shape, vectors: &[Vec<f32>]) -> Part {
    let mut bytes = b"sections before".to_vec();
    let start = bytes.len();
    for vector in vectors {
        shape.encode(vector, &mut bytes).unwrap();
    }
    let end = bytes.len();
    bytes.extend(b"sections after");
    Part::new(shape, Bytes::from(bytes), start..end, u32::try_from(vectors.len()).unwrap()).unwrap()
}

/// The true neighbours: of the vectors as they were given, in `f32`, without any of the code that is tested.
pub(crate) fn truth(vectors: &[Vec<f32>], query: &[f32], k: usize, passes: impl Fn(u32) -> bool) -> Vec<u32> {
    let length = |vector: &[f32]| vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    let of_query = length(query);
    let mut all: Vec<(f32, u32)> = (0_u32..)
        .zip(vectors)
        .filter(|(ordinal, _)| passes(*ordinal))
        .map(|(ordinal, vector)| {
            let dot: f32 = vector.iter().zip(query).map(|(left, right)| left * right).sum();
            (dot / (length(vector) * of_query).max(f32::MIN_POSITIVE), ordinal)
        })
        .collect();
    all.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
    all.into_iter().take(k).map(|(_, ordinal)| ordinal).collect()
}

/// Ordinals that a search of `part` finds.
pub(crate) fn found(part: &Part, query: &[f32], k: usize, filter: Filter<'_>, effort: Effort) -> Vec<u32> {
    let query = Query::new(part.shape(), query).unwrap();
    part.search(&query, k, &filter, effort).unwrap().into_iter().map(|neighbour| neighbour.ordinal).collect()
}

/// How many of the true neighbours were found, 0 to 1.
pub(crate) fn recall(truth: &[u32], found: &[u32]) -> f64 {
    truth.iter().filter(|ordinal| found.contains(ordinal)).count() as f64 / truth.len() as f64
}

/// Builds a part's graph into a file.
pub(crate) fn build_at(path: &Path, part: &Part) -> Built {
    build(&RealDisk, path, part, &GraphConfig::default(), &mut |_| ControlFlow::Continue(())).unwrap()
}

/// The part with its graph, whose file has no name any more.
pub(crate) fn with_graph(part: &Part) -> Part {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("part.graph");
    let built = build_at(&path, part);
    let expected = Expected { shape: part.shape(), count: part.len(), checksum: Some(built.checksum) };
    part.with_graph(Arc::new(Graph::open(&RealDisk, &path, &expected).unwrap())).unwrap()
}
