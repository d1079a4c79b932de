//! Segments: immutable files of rows, used in place.
//!
//! ```text
//!   a checkpoint's delta ─┐
//!                         ├─ Source ─→ write ─→ file ─→ Segment::open ─→ Part ─→ find, concept, leaving, arriving, called …
//!   compacted segments ───┘            (once)          (header, tables)  (one for each namespace; blocks checked when first touched)
//! ```
//!
//! The format, SUTRADAT version 3, is specified in `docs/sutradat.md`. A row is complete: it holds all versions of a concept, or all
//! evidence of an association, so that of several segments the newest that has a row has all of it.
//!
//! | module | responsibility |
//! |---|---|
//! | `rows` | rows with their history |
//! | `source`, `write` | what a segment is written from, and writing it |
//! | `segment`, `container`, `header`, `section` | the file: header, tables, checked blocks |
//! | `part`, `meta` | the rows of one namespace: by id, by association, by name, time and attribute |
//! | `concept_row`, `evidence`, `varint` | records as bytes |
//! | `dictionary`, `texts` | texts that repeat |
//! | `naturalise` | another store's segment becomes one of this store |
//! | `run`, `attributes`, `hash`, `search`, `filter` | finding things |
//! | `error` | what can go wrong |

mod attributes;
mod concept_row;
mod container;
mod dictionary;
mod error;
mod evidence;
mod filter;
mod hash;
mod header;
mod meta;
mod naturalise;
mod part;
mod rows;
mod run;
mod search;
mod section;
mod segment;
mod source;
mod texts;
mod varint;
mod write;

pub use attributes::{AttributeRuns, Values};
pub use container::{Container, Span};
pub use error::{Damage, SegmentError};
pub use hash::{number_key, text_hash, time_key};
pub use naturalise::{Head, naturalise};
pub use part::{Code, Edge, Part, Standing};
pub use rows::{AssociationRow, ConceptRow, ConceptVersion, EvidenceVersion};
pub use segment::{Segment, SegmentId};
pub use source::{Pace, Source, Written};
pub use sutra_vector::Shape;
pub use write::write;

/// The version of the format that is written and read.
pub const VERSION: u32 = 3;

/// Greatest length of a store's id, in bytes.
pub const STORE_ID_BYTES: usize = 128;
