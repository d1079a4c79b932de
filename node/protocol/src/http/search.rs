//! `POST /v1/search`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::filter::Filter;
use crate::id::ConceptId;
use crate::limits::{self, Violation};
use crate::namespace::Namespace;
use crate::time::Timestamp;
use crate::vocabulary::SemanticType;

/// A search by words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SearchRequest {
    /// The words: 1 byte to 64 KiB.
    #[schema(required, min_length = 1)]
    pub query: String,
    /// How many results: 1 to 1000. Default: 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub k: Option<u32>,
    /// Default: `keyword`, the one mode of a node without an embedder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<SearchMode>,
    /// Which concepts may be found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// Least score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_score: Option<f64>,
    /// Default: `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// What held in the world then. Default: now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_at: Option<Timestamp>,
    /// What was recorded by then. Default: everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_at: Option<Timestamp>,
}

/// How a search ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SearchMode {
    /// By words and by meaning.
    Hybrid,
    /// By meaning.
    Vector,
    /// By words: Okapi BM25.
    Keyword,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SearchResponse {
    /// Best first; equal scores in the order of the ids.
    pub results: Vec<SearchHit>,
    /// Whether a shard could not answer.
    pub partial: bool,
}

/// One result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SearchHit {
    /// The concept.
    pub id: ConceptId,
    /// Its content.
    pub content: String,
    /// Its type.
    #[serde(rename = "type")]
    pub semantic_type: SemanticType,
    /// How well it matches; comparable within one reply only.
    pub score: f64,
    /// The concept's confidence.
    pub confidence: f64,
}

impl SearchRequest {
    /// Checks every field against its bound.
    ///
    /// # Errors
    /// The first [`Violation`], naming its field.
    pub fn validate(&self) -> Result<(), Violation> {
        limits::text("query", &self.query, limits::QUERY_BYTES)?;
        if let Some(k) = self.k {
            limits::in_range("k", k.into(), 1, limits::K as u64)?;
        }
        match self.min_score {
            Some(score) if !score.is_finite() => Err(Violation::invalid("min_score", format!("is {score}"), "it must be finite")),
            _ => self.filter.as_ref().map_or(Ok(()), Filter::validate),
        }
    }
}
