//! The vectors of the storage engine: kept by their ordinals, found by their direction.
//!
//! ```text
//!   Query ─┬─→ Recent   the delta's           scanned in i8, the best compared as stored ─┐
//!          ├─→ Part     a small segment's     scanned in i8, the best compared as stored ─┼─→ merge ─→ k nearest
//!          └─→ Part     a large segment's     few pass the filter: scanned                │
//!              + Graph                        else followed, the best compared as stored ─┘
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | `shape` | dimension and scalar of a namespace; what a stored vector's bytes are |
//! | `query` | what is looked for, prepared once, and how thoroughly |
//! | `filter` | which vectors may be found |
//! | `neighbour` | what is found; the best of many; merging parts |
//! | `recent` | vectors of the delta: appended, cloned, scanned |
//! | `part` | vectors of a segment, with or without a graph, and which way to search them |
//! | `scan` | searches without a graph |
//! | `codes` | vectors as bytes, to be compared quickly |
//! | `kernel` | dot products |
//! | `graph` | a graph in its mapped file, opened only once its checksum was right |
//! | `builder` | making a graph, by one thread that yields and can be stopped |
//! | `format` | the bytes of a graph's file |
//! | `engine` | usearch; the only `unsafe` of this crate |
//! | `gate` | so many at a time |

mod builder;
mod codes;
mod engine;
mod filter;
mod format;
mod gate;
mod graph;
mod kernel;
mod neighbour;
mod part;
mod query;
mod recent;
mod scan;
mod shape;

pub use builder::{BuildError, Built, GraphConfig, Progress, build};
pub use engine::EngineError;
pub use filter::{Filter, Ordinals};
pub use format::Damage;
pub use graph::{Expected, Graph, GraphError};
pub use neighbour::{Neighbour, merge};
pub use part::{Part, PartError};
pub use query::{Effort, Query};
pub use recent::Recent;
pub use shape::{DIMENSIONS, Scalar, Shape, ShapeError};
