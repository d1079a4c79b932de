//! Immutable files of rows.

mod container;
mod error;
mod hash;
mod part;
mod rows;
mod segment;
mod shape;
mod source;

pub use container::Container;
pub use error::{Damage, SegmentError};
pub use hash::{number_key, text_hash, time_key};
pub use part::{AttributeRuns, Code, Edge, Part, Standing};
pub use rows::{AssociationRow, ConceptRow, ConceptVersion, EvidenceVersion};
pub use segment::{Segment, SegmentId, write};
pub use shape::Shape;
pub use source::{Pace, Source, Written};

/// The version of the format that is written and read.
pub const VERSION: u32 = 3;

/// Greatest length of a store's id, in bytes.
pub const STORE_ID_BYTES: usize = 128;
