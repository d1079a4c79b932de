//! USearch, behind what it can't be asked to do wrong here.
//!
//! Its facts: concurrent insertions lose vectors (unum-cloud/USearch#735), so inserting takes `&mut`; searches beyond the reserved
//! threads fail, so a gate lets in as many as there are; a damaged file crashes it (unum-cloud/USearch#776), so only [`crate::Graph`]
//! hands it bytes, after their checksum. C++ exceptions arrive as errors.

#![allow(unsafe_code, reason = "usearch views memory without owning it, which its crate can only mark unsafe")]

use std::ops::Range;
use std::thread;

use sutra_disk::Bytes;
use thiserror::Error;
use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

use crate::filter::Ordinals;
use crate::gate::Gate;

/// What usearch says went wrong.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("usearch: {0}")]
pub struct EngineError(String);

/// What an index is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EngineOptions {
    pub(crate) dimension: usize,
    pub(crate) connectivity: usize,
    pub(crate) expansion_add: usize,
}

/// An index being built, by one thread.
pub(crate) struct Growing(Index);

/// An index in place in a file's bytes.
pub(crate) struct Viewed {
    /// Dropped before the bytes it points into.
    index: Index,
    /// Its contexts for searching.
    gate: Gate,
    _bytes: Bytes,
}

impl Growing {
    /// An empty index with room for `capacity` vectors.
    pub(crate) fn new(options: EngineOptions, capacity: usize) -> Result<Self, EngineError> {
        let index = open(options)?;
        index.reserve_capacity_and_threads(capacity, 1).map_err(refused)?;
        Ok(Self(index))
    }

    /// Adds one vector.
    pub(crate) fn add(&mut self, key: u32, codes: &[i8]) -> Result<(), EngineError> {
        self.0.add(u64::from(key), codes).map_err(refused)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.size()
    }

    /// Bytes that [`Growing::save`] writes.
    pub(crate) fn saved_len(&self) -> usize {
        self.0.serialized_length()
    }

    /// Writes the index to what `path` names, front to back.
    pub(crate) fn save(&self, path: &str) -> Result<(), EngineError> {
        self.0.save(path).map_err(refused)
    }
}

impl Viewed {
    /// The index in `range` of `bytes`, which has been checked against its checksum.
    pub(crate) fn new(options: EngineOptions, bytes: Bytes, range: Range<usize>) -> Result<Self, EngineError> {
        let index = open(options)?;
        // Searches compute; more of them at once than processors gain nothing, and each context keeps memory.
        let threads = thread::available_parallelism().map_or(4, |processors| (2 * processors.get()).clamp(4, 64));
        index.reserve_capacity_and_threads(0, threads).map_err(refused)?;
        let view = bytes.get(range).ok_or_else(|| EngineError("the index lies outside its file".to_owned()))?;
        // SAFETY: the slice is that of a reference-counted map or allocation that `_bytes` holds for longer than `index` (fields are
        // dropped in order), that doesn't move with the `Bytes`, and that nobody writes. Its content passed the checksum that the
        // builder computed, so it is what usearch itself wrote. `index` is private, and nothing here adds to it or changes it.
        unsafe { index.view_from_buffer(view) }.map_err(refused)?;
        Ok(Self { index, gate: Gate::new(threads), _bytes: bytes })
    }

    pub(crate) fn len(&self) -> usize {
        self.index.size()
    }

    pub(crate) fn dimension(&self) -> usize {
        self.index.dimensions()
    }

    /// Keys of about the `wanted` nearest, which is also how many candidates are kept on the way.
    pub(crate) fn search(&self, codes: &[i8], wanted: usize) -> Result<Vec<u32>, EngineError> {
        let _pass = self.gate.enter();
        Ok(keys(self.index.search(codes, wanted).map_err(refused)?.keys))
    }

    /// Keys of about the `wanted` nearest that are in `set`.
    pub(crate) fn search_among(&self, codes: &[i8], wanted: usize, set: &Ordinals) -> Result<Vec<u32>, EngineError> {
        let _pass = self.gate.enter();
        // C++ calls this: it must not panic, and can't.
        let among = |key: u64| u32::try_from(key).is_ok_and(|key| set.contains(key));
        Ok(keys(self.index.filtered_search(codes, wanted, among).map_err(refused)?.keys))
    }
}

fn open(options: EngineOptions) -> Result<Index, EngineError> {
    Index::new(&IndexOptions {
        dimensions: options.dimension,
        metric: MetricKind::Cos,
        quantization: ScalarKind::I8,
        connectivity: options.connectivity,
        expansion_add: options.expansion_add,
        // A search keeps the larger of this and what it is asked for; the latter is the one that can differ between searches.
        expansion_search: 1,
        multi: false,
    })
    .map_err(refused)
}

fn keys(keys: Vec<u64>) -> Vec<u32> {
    keys.into_iter().filter_map(|key| u32::try_from(key).ok()).collect()
}

fn refused(error: impl std::error::Error) -> EngineError {
    EngineError(error.to_string())
}
