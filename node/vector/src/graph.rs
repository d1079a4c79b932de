//! The graph of a part.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use sutra_disk::{Bytes, Disk};
use thiserror::Error;
use zerocopy::FromBytes;

use crate::codes::Code;
use crate::engine::{EngineError, EngineOptions, Viewed};
use crate::filter::Ordinals;
use crate::format::{Damage, HEADER, Header};
use crate::query::Query;
use crate::scan::Coded;
use crate::shape::Shape;

/// Memory that usearch takes for each vector of a view: two pointers, and a slot of 16 bytes in a hash table of a power of two.
const MEMORY: usize = 48;

/// An index of a part's vectors, in place in its mapped file, which is unmapped when the graph is dropped.
///
/// Besides the map it takes up to 48 bytes a vector of memory, and some 100 KiB for each search at a time.
pub struct Graph {
    engine: Viewed,
    /// The whole file: codes and their lengths are read from it directly.
    bytes: Bytes,
    header: Header,
    checksum: u32,
}

/// What a graph's file is to be, as a manifest says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Of the part's vectors.
    pub shape: Shape,
    /// Of the part's vectors.
    pub count: u32,
    /// CRC32C of the whole file, where it is known.
    pub checksum: Option<u32>,
}

/// Why a graph could not be opened. The file can be removed and built again: the vectors themselves are not in it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GraphError {
    /// The disk's.
    #[error("open the vector graph {path}")]
    Open {
        /// Its file.
        path: PathBuf,
        /// The disk's reason.
        source: io::Error,
    },
    /// It is not what was written.
    #[error("the vector graph {path} is damaged")]
    Damaged {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        source: Damage,
    },
    /// It is whole, but not the one the manifest means.
    #[error("the vector graph {path} is another's: its checksum is {found:08x}, the manifest says {expected:08x}")]
    Checksum {
        /// Its file.
        path: PathBuf,
        /// The manifest's.
        expected: u32,
        /// The file's.
        found: u32,
    },
    /// It is whole, but not of this part's vectors.
    #[error("the vector graph {path} is another's: it has {found_count} vectors of {found}, the part {count} of {shape}")]
    Other {
        /// Its file.
        path: PathBuf,
        /// The part's.
        shape: Shape,
        /// The part's.
        count: u32,
        /// The file's.
        found: Shape,
        /// The file's.
        found_count: u32,
    },
    /// usearch does not take it, although it is what usearch wrote: perhaps for want of memory.
    #[error("view the vector graph {path}")]
    Engine {
        /// Its file.
        path: PathBuf,
        /// What usearch says.
        source: EngineError,
    },
    /// usearch takes it, and sees something else in it than is in it.
    #[error("the vector graph {path} has {expected} vectors, and usearch sees {found}")]
    Lost {
        /// Its file.
        path: PathBuf,
        /// As the file says.
        expected: u32,
        /// As usearch does.
        found: usize,
    },
}

impl Graph {
    /// Maps a graph, having read all of it once to compare it with its checksum: a task for the background.
    ///
    /// # Errors
    /// [`GraphError`], which names the file.
    pub fn open(disk: &dyn Disk, path: &Path, expected: &Expected) -> Result<Self, GraphError> {
        let path = || path.to_owned();
        let bytes = disk.map(&path()).map_err(|source| GraphError::Open { path: path(), source })?;
        let header = Header::check(&bytes).map_err(|source| GraphError::Damaged { path: path(), source })?;
        let checksum = whole_checksum(&header, bytes.len());
        if let Some(expected) = expected.checksum.filter(|expected| *expected != checksum) {
            return Err(GraphError::Checksum { path: path(), expected, found: checksum });
        }
        let Expected { shape, count, .. } = *expected;
        if (header.shape, header.count) != (shape, count) {
            return Err(GraphError::Other { path: path(), shape, count, found: header.shape, found_count: header.count });
        }
        let options = EngineOptions {
            dimension: shape.len(),
            connectivity: header.connectivity as usize,
            expansion_add: header.expansion_add as usize,
        };
        let engine = Viewed::new(options, bytes.clone(), Header::index_at(count)..bytes.len())
            .map_err(|source| GraphError::Engine { path: path(), source })?;
        if engine.len() != count as usize || engine.dimension() != shape.len() {
            return Err(GraphError::Lost { path: path(), expected: count, found: engine.len() });
        }
        Ok(Self { engine, bytes, header, checksum })
    }

    /// Dimension and scalar of the vectors it was built from.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.header.shape
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.header.count
    }

    /// Size of its file in bytes.
    #[must_use]
    pub fn file_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// CRC32C of its file.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        self.checksum
    }

    /// Memory besides the map, in bytes: for each vector where its node, its codes and its key are.
    #[must_use]
    pub fn memory(&self) -> usize {
        MEMORY * self.header.count as usize
    }

    /// Candidates a search considers unless it says otherwise.
    pub(crate) fn expansion(&self) -> usize {
        self.header.expansion_search as usize
    }

    /// About the `wanted` nearest, which is also how many candidates are considered.
    pub(crate) fn search(&self, query: &Query, wanted: usize) -> Result<Vec<u32>, EngineError> {
        self.engine.search(query.codes(), wanted)
    }

    /// About the `wanted` nearest that are in `set`.
    pub(crate) fn search_among(&self, query: &Query, wanted: usize, set: &Ordinals) -> Result<Vec<u32>, EngineError> {
        self.engine.search_among(query.codes(), wanted, set)
    }
}

impl Coded for Graph {
    #[inline]
    fn code(&self, ordinal: u32) -> Code<'_> {
        if ordinal >= self.header.count {
            return Code { codes: &[], inverse: 0.0 };
        }
        let (ordinal, dimension) = (ordinal as usize, self.header.shape.len());
        let at = Header::codes_at(self.header.count) + ordinal * dimension;
        let codes = self.bytes.get(at..at + dimension);
        let inverse = self.bytes.get(HEADER + size_of::<f32>() * ordinal..).and_then(<[u8]>::first_chunk);
        Code {
            codes: codes.and_then(|codes| <[i8]>::ref_from_bytes(codes).ok()).unwrap_or_default(),
            inverse: inverse.map_or(0.0, |bytes| f32::from_le_bytes(*bytes)),
        }
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "graph of {} vectors of {}", self.header.count, self.header.shape)
    }
}

/// CRC32C of a file that has this header, from its parts'.
pub(crate) fn whole_checksum(header: &Header, len: usize) -> u32 {
    crc32c::crc32c_combine(crc32c::crc32c(&header.encode()), header.body, len.saturating_sub(HEADER))
}
