//! `TextSearch`, `VectorSearch`.

use serde::{Deserialize, Serialize};

use crate::filter::Filter;
use crate::http::{SearchHit, SearchMode, SearchRequest};
use crate::id::ConceptId;

/// Fields of `TextSearch`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct TextSearch {
    /// The words.
    pub query: String,
    /// 1 to 1000. Default: 10.
    pub limit: Option<u32>,
}

/// Fields of `TextSearchOk`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TextSearchOk {
    /// Best first.
    pub results: Vec<SearchHit>,
}

impl From<TextSearch> for SearchRequest {
    fn from(TextSearch { query, limit }: TextSearch) -> Self {
        Self { query, k: limit, ..Self::default() }
    }
}

/// Fields of `VectorSearch`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct VectorSearch {
    /// 1 to 4096 numbers, as many as the namespace's vectors have, not all zero.
    pub query_vector: Vec<f32>,
    /// 1 to 1000. Default: 10.
    pub k: Option<u32>,
    /// How widely the original searches its graph. It is read, and changes nothing: the node chooses.
    pub ef_search: Option<u32>,
    /// Which concepts may be found.
    pub filter: Option<Filter>,
    /// Least cosine similarity.
    pub min_score: Option<f64>,
}

/// Fields of `VectorSearchOk`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VectorSearchOk {
    /// Best first: the concept and its cosine similarity, -1 to 1.
    pub results: Vec<(ConceptId, f64)>,
}

impl From<VectorSearch> for SearchRequest {
    fn from(VectorSearch { query_vector, k, ef_search: _, filter, min_score }: VectorSearch) -> Self {
        Self { vector: Some(query_vector), k, filter, min_score, mode: Some(SearchMode::Vector), ..Self::default() }
    }
}
