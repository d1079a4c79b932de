//! `POST /v1/import`, `GET /v1/export`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AssociateRequest, LearnRequest};
use crate::error::ErrorCode;

/// A line of an import or an export: a body of `/v1/learn`, told by its `content`, or of `/v1/associate`.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum TransferLine {
    /// A concept, with associations if it likes.
    Learn(Box<LearnRequest>),
    /// An association.
    Associate(Box<AssociateRequest>),
}

/// What an import did. With `Accept: application/x-ndjson`, such a line is also sent about once a second while it runs, with
/// `done: false`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportReport {
    /// Concepts that the import created or confirmed.
    pub concepts: u64,
    /// Associations that the import created or confirmed.
    pub associations: u64,
    /// The first 1000 lines that failed.
    pub errors: Vec<ImportError>,
    /// How many lines failed.
    pub errors_total: u64,
    /// How long it took, so far.
    pub elapsed_ms: f64,
    /// How many lines were read, so far.
    pub lines: u64,
    /// Whether this is the last report.
    pub done: bool,
}

/// A line that failed. A refused line leaves nothing; a concept one of whose associations finds no end is learned without it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportError {
    /// The line, from 1.
    pub line: u64,
    /// What went wrong.
    pub code: ErrorCode,
    /// A sentence.
    pub message: String,
}
