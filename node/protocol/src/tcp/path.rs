//! `FindPath`, `FindPathSemantic`.

use serde::{Deserialize, Serialize};

use super::concept::Named;
use crate::error::ApiError;
use crate::http::{PathRequest, PathView};
use crate::id::ConceptId;

/// Fields of `FindPath`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct FindPath {
    /// Where the path begins.
    pub start_id: Option<Named>,
    /// Where it ends.
    pub end_id: Option<Named>,
    /// Most hops: 1 to 20. Default: 6.
    pub max_depth: Option<u32>,
}

/// Fields of `FindPathOk`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FindPathOk {
    /// Whether there is one.
    pub found: bool,
    /// The concepts of the shortest, from start to end.
    pub path: Vec<ConceptId>,
}

/// Fields of `FindPathSemantic`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct FindPathSemantic {
    /// Where paths begin.
    pub start_id: Option<Named>,
    /// Where paths end.
    pub end_id: Option<Named>,
    /// Most hops: 1 to 20. Default: 6.
    pub max_depth: Option<u32>,
    /// Most paths: 1 to 100. Default: 1.
    pub max_paths: Option<u32>,
    /// Which paths count.
    pub filter: SemanticFilter,
}

/// The filter of the original protocol. Only `min_confidence` is available; the other fields may be sent with the values that
/// filter nothing.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct SemanticFilter {
    semantic_type: Option<String>,
    domain_context: Option<String>,
    temporal_after: Option<crate::AttributeValue>,
    temporal_before: Option<crate::AttributeValue>,
    has_causal_relation: bool,
    /// Least confidence of each association, 0 to 1.
    pub min_confidence: Option<f64>,
    required_terms: Vec<String>,
}

/// Fields of `FindPathSemanticOk`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FindPathSemanticOk {
    /// Shortest first, each as in `/v1/path`.
    pub paths: Vec<PathView>,
}

impl FindPath {
    /// The same request as `/v1/path` has it.
    ///
    /// # Errors
    /// `invalid_argument` if an end is missing.
    pub fn into_http(self) -> Result<PathRequest, ApiError> {
        let Self { start_id, end_id, max_depth } = self;
        FindPathSemantic { start_id, end_id, max_depth, ..FindPathSemantic::default() }.into_http()
    }
}

impl FindPathSemantic {
    /// The same request as `/v1/path` has it.
    ///
    /// # Errors
    /// `invalid_argument` if an end is missing or a filter is not available.
    pub fn into_http(self) -> Result<PathRequest, ApiError> {
        self.filter.refuse_unavailable()?;
        Ok(PathRequest {
            start: Named::required(self.start_id, "start_id")?.into(),
            end: Named::required(self.end_id, "end_id")?.into(),
            max_depth: self.max_depth,
            max_paths: self.max_paths,
            direction: None,
            types: None,
            labels: None,
            min_confidence: self.filter.min_confidence,
            strategy: None,
            namespace: None,
            valid_at: None,
            known_at: None,
        })
    }
}

impl SemanticFilter {
    fn refuse_unavailable(&self) -> Result<(), ApiError> {
        let given = [
            ("semantic_type", self.semantic_type.is_some()),
            ("domain_context", self.domain_context.is_some()),
            ("temporal_after", self.temporal_after.is_some()),
            ("temporal_before", self.temporal_before.is_some()),
            ("has_causal_relation", self.has_causal_relation),
            ("required_terms", !self.required_terms.is_empty()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((name, _)) => {
                Err(ApiError::invalid(format!("filter.{name}"), format!("filter.{name} is not available in this version")))
            }
        }
    }
}
