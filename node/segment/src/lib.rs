//! Immutable files of rows.

mod rows;

pub use rows::{AssociationRow, ConceptRow, ConceptVersion, EvidenceVersion};
