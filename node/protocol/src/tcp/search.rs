//! `TextSearch`.

use serde::{Deserialize, Serialize};

use crate::http::{SearchHit, SearchRequest};

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
