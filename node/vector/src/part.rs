//! Vectors of a segment.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use sutra_disk::Bytes;
use thiserror::Error;
use tracing::warn;

use crate::codes::{Code, Codes};
use crate::engine::EngineError;
use crate::filter::{Filter, Ordinals};
use crate::graph::Graph;
use crate::neighbour::Neighbour;
use crate::query::{Effort, Query};
use crate::scan::{self, Coded, Stored, shortlist};
use crate::shape::{Shape, ShapeError};

/// A part keeps its own codes in memory up to so many bytes; a larger one without a graph is compared as it is stored.
const CODES_BYTES: usize = 32 << 20;

/// A filter that lets through less than one vector in so many is scanned, and not followed through the graph. Measured with 50,000 of 384
/// dimensions: scanning takes 0.15 ms at 10 % and 0.2 at 15 %, following 0.25 to 0.5 at 20 % and 0.2 at 50 %.
const SELECTIVE: u32 = 5;

/// The vectors of one namespace in one segment, in place in its file, and their graph if they have one.
///
/// Without a graph it keeps codes to scan in memory, computed at the first search: `dimension + 4` bytes a vector, and none if they would
/// take more than 32 MiB. With one it scans the codes in the graph's file.
#[derive(Debug)]
pub struct Part {
    shape: Shape,
    bytes: Bytes,
    /// Where in `bytes` the first vector begins; `count` of them lie inside.
    start: usize,
    count: u32,
    graph: Option<Arc<Graph>>,
    codes: OnceLock<Codes>,
}

/// Why vectors and bytes, or a graph, do not belong together.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartError {
    /// The range is not that of the vectors.
    #[error("{count} vectors of {shape} take {expected} bytes, and bytes {start} to {end} of {len} were given")]
    Range {
        /// Vectors there should be.
        count: u32,
        /// Their shape.
        shape: Shape,
        /// What they take.
        expected: u64,
        /// Where the range begins.
        start: usize,
        /// Where it ends.
        end: usize,
        /// How long the file is.
        len: usize,
    },
    /// The graph is another part's.
    #[error("the graph is of {found} vectors of {found_shape}, the part has {count} of {shape}")]
    Graph {
        /// The part's.
        count: u32,
        /// The part's.
        shape: Shape,
        /// The graph's.
        found: u32,
        /// The graph's.
        found_shape: Shape,
    },
}

impl Part {
    /// `count` vectors, [`Shape::stride`] bytes each, that fill `range` of `bytes` in the order of their ordinals.
    ///
    /// # Errors
    /// [`PartError::Range`].
    pub fn new(shape: Shape, bytes: Bytes, range: Range<usize>, count: u32) -> Result<Self, PartError> {
        let expected = u64::from(count) * shape.stride() as u64;
        let (start, end, len) = (range.start, range.end, bytes.len());
        if start > end || end > len || (end - start) as u64 != expected {
            return Err(PartError::Range { count, shape, expected, start, end, len });
        }
        Ok(Self { shape, bytes, start, count, graph: None, codes: OnceLock::new() })
    }

    /// The same vectors with their graph, to put in this part's place.
    ///
    /// # Errors
    /// [`PartError::Graph`].
    pub fn with_graph(&self, graph: Arc<Graph>) -> Result<Self, PartError> {
        let &Self { shape, count, start, .. } = self;
        if (graph.count(), graph.shape()) != (count, shape) {
            return Err(PartError::Graph { count, shape, found: graph.count(), found_shape: graph.shape() });
        }
        Ok(Self { shape, bytes: self.bytes.clone(), start, count, graph: Some(graph), codes: OnceLock::new() })
    }

    /// Dimension and scalar.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// How many vectors there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Its graph.
    #[must_use]
    pub fn graph(&self) -> Option<&Arc<Graph>> {
        self.graph.as_ref()
    }

    /// A vector as it is stored, [`Shape::stride`] bytes: what a compaction takes over.
    #[must_use]
    pub fn stored_bytes(&self, ordinal: u32) -> Option<&[u8]> {
        (ordinal < self.count).then(|| self.stored(ordinal))
    }

    /// A vector as it was stored.
    #[must_use]
    pub fn vector(&self, ordinal: u32) -> Option<Vec<f32>> {
        self.shape.decode(self.stored_bytes(ordinal)?).ok()
    }

    /// Memory in bytes: of its codes, or of its graph besides the map.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.codes.get().map_or(0, Codes::bytes) + self.graph.as_ref().map_or(0, |graph| graph.memory())
    }

    /// Computes the codes that the first search would.
    pub fn warm(&self) {
        if self.graph.is_none() && self.keeps_codes() {
            self.codes();
        }
    }

    /// About the `k` nearest that pass, nearest first, ties by ordinal; fewer only where fewer pass. What few pass is exact, and so is
    /// [`Effort::Exact`].
    ///
    /// # Errors
    /// [`ShapeError::Length`]: the query has another dimension.
    pub fn search(&self, query: &Query, k: usize, filter: &Filter<'_>, effort: Effort) -> Result<Vec<Neighbour>, ShapeError> {
        query.check(self.shape)?;
        let k = k.min(self.count as usize);
        Ok(if k == 0 {
            Vec::new()
        } else if query.is_zero() {
            scan::first(self.count, k, filter)
        } else if scan::is_direct(self.count, filter, effort) {
            scan::exact(self, query, k, filter)
        } else if let Some(graph) = &self.graph {
            self.followed(graph, query, k, filter, effort).unwrap_or_else(|| scan::coded(self, graph.as_ref(), query, k, filter))
        } else if self.keeps_codes() {
            scan::coded(self, self, query, k, filter)
        } else {
            scan::exact(self, query, k, filter)
        })
    }

    /// The search through the graph; `None` where a scan is better.
    fn followed(&self, graph: &Graph, query: &Query, k: usize, filter: &Filter<'_>, effort: Effort) -> Option<Vec<Neighbour>> {
        let expansion = match effort {
            Effort::Candidates(candidates) => candidates as usize,
            Effort::Usual | Effort::Exact => graph.expansion(),
        };
        let wanted = expansion.max(shortlist(k)).min(self.count as usize);
        let candidates = match filter {
            Filter::All => graph.search(query, wanted),
            Filter::Among(set) if self.is_selective(set) => return None,
            Filter::Among(set) => graph.search_among(query, wanted, set),
            Filter::Each(test) => return self.sifted(graph, query, k, wanted, test),
        };
        let passing = match filter {
            Filter::Among(set) => k.min(set.len() as usize),
            _ => k,
        };
        let candidates = searched(candidates)?;
        // An island of the graph that its entrance doesn't reach.
        (candidates.len() >= passing).then(|| scan::rescored(self, query, k, candidates))
    }

    /// Candidates of the graph that pass `test`: as many more as it takes for half a usual search's to pass, unless too few of them do.
    fn sifted(
        &self,
        graph: &Graph,
        query: &Query,
        k: usize,
        mut wanted: usize,
        test: &dyn Fn(u32) -> bool,
    ) -> Option<Vec<Neighbour>> {
        let enough = k.max(wanted / 2);
        while wanted < self.count as usize {
            let mut candidates = searched(graph.search(query, wanted))?;
            candidates.retain(|ordinal| test(*ordinal));
            if candidates.len() >= enough {
                return Some(scan::rescored(self, query, k, candidates));
            }
            if candidates.len() * (SELECTIVE as usize) < wanted {
                return None;
            }
            wanted *= 2;
        }
        None
    }

    /// Whether `set` is scanned faster than followed.
    fn is_selective(&self, set: &Ordinals) -> bool {
        set.len() < self.count / SELECTIVE
    }

    /// Whether its codes may be kept in memory.
    fn keeps_codes(&self) -> bool {
        (self.shape.len() + size_of::<f32>()) * self.count as usize <= CODES_BYTES
    }

    fn codes(&self) -> &Codes {
        self.codes.get_or_init(|| {
            let mut codes = Codes::with_capacity(self.shape.len(), self.count as usize);
            let mut vector = vec![0.0; self.shape.len()];
            for ordinal in 0..self.count {
                self.shape.read(self.stored(ordinal), &mut vector);
                codes.push(&vector);
            }
            codes
        })
    }
}

impl Stored for Part {
    fn shape(&self) -> Shape {
        self.shape
    }

    fn count(&self) -> u32 {
        self.count
    }

    #[inline]
    fn stored(&self, ordinal: u32) -> &[u8] {
        if ordinal >= self.count {
            return &[];
        }
        let (stride, ordinal) = (self.shape.stride(), ordinal as usize);
        // `new` has seen that they all lie inside.
        self.bytes.get(self.start + ordinal * stride..self.start + (ordinal + 1) * stride).unwrap_or_default()
    }
}

impl Coded for Part {
    #[inline]
    fn code(&self, ordinal: u32) -> Code<'_> {
        self.codes().get(self.shape.len(), ordinal as usize)
    }
}

/// What the graph found; `None`, and a line in the log, where it failed: the answer then comes from a scan.
fn searched(found: Result<Vec<u32>, EngineError>) -> Option<Vec<u32>> {
    found.inspect_err(|error| warn!(%error, "a vector graph could not be searched; its vectors are scanned")).ok()
}
