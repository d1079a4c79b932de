//! `POST /v1/search`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::concept;
use crate::filter::Filter;
use crate::id::ConceptId;
use crate::limits::{self, Violation};
use crate::namespace::Namespace;
use crate::time::Timestamp;
use crate::vocabulary::SemanticType;

/// A search by words or by a vector: exactly one of `query` and `vector` is needed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SearchRequest {
    /// The words: 1 byte to 64 KiB, at most 64 different ones. A text with any of them is found; one with more of them, and with
    /// rarer ones, comes first. `"heart attack"` stands for the phrase, `cardio*` for words that begin so, `asprin~` for words one
    /// letter away, or two for a word of eight letters or more; `~1` and `~2` say how many.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// 1 to 4096 numbers, as many as the namespace's vectors have, not all zero: finds the vectors at the least angles to it.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "super::bounded::optional::<{ limits::VECTOR_DIMENSIONS }, _, _>"
    )]
    #[schema(min_items = 1, max_items = 4096)]
    pub vector: Option<Vec<f32>>,
    /// How many results: 1 to 1000. Default: 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub k: Option<u32>,
    /// Default: `keyword` for words, `vector` for a vector. Words in the modes `vector` and `hybrid` need an embedder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<SearchMode>,
    /// Which concepts may be found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// Least score; of vectors, least cosine similarity.
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
    /// By meaning: cosine similarity of vectors.
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
    /// Which shards could not answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_shards: Vec<u64>,
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
    /// How well it matches: of words comparable within one reply only; of vectors their cosine similarity, -1 to 1.
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
        match &self.vector {
            None => limits::text("query", &self.query, limits::QUERY_BYTES)?,
            Some(vector) => self.validate_vector(vector)?,
        }
        if let Some(k) = self.k {
            limits::in_range("k", k.into(), 1, limits::K as u64)?;
        }
        match self.min_score {
            Some(score) if !score.is_finite() => Err(Violation::invalid("min_score", format!("is {score}"), "it must be finite")),
            _ => self.filter.as_ref().map_or(Ok(()), Filter::validate),
        }
    }
    fn validate_vector(&self, vector: &[f32]) -> Result<(), Violation> {
        if !self.query.is_empty() {
            return Err(Violation::invalid("query", "is given beside vector", "exactly one of the two is needed"));
        }
        if let Some(mode @ (SearchMode::Keyword | SearchMode::Hybrid)) = self.mode {
            let found = format!("is {}", mode.as_str());
            return Err(Violation::invalid("mode", found, "a vector without words can be searched for in mode vector only"));
        }
        concept::validate_vector(vector)?;
        if vector.iter().all(|number| *number == 0.0) {
            return Err(Violation::invalid("vector", "is all zeros", "it has no direction to compare"));
        }
        Ok(())
    }
}

impl SearchMode {
    /// The mode's name in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hybrid => "hybrid",
            Self::Vector => "vector",
            Self::Keyword => "keyword",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(json: &str) -> String {
        let request: SearchRequest = serde_json::from_str(json).unwrap();
        request.validate().unwrap_err().to_string()
    }

    #[test]
    fn words_or_a_vector_are_needed_and_not_both() {
        assert_eq!(fault("{}"), "query is empty; 1 to 65536 bytes are needed");
        assert_eq!(
            fault(r#"{"query": "fever", "vector": [1]}"#),
            "query is given beside vector; exactly one of the two is needed"
        );
        assert!(fault(r#"{"vector": [1], "mode": "hybrid"}"#).starts_with("mode is hybrid; "));
        assert!(fault(r#"{"vector": []}"#).starts_with("vector has 0 dimensions; "));
        assert_eq!(fault(r#"{"vector": [0, 0]}"#), "vector is all zeros; it has no direction to compare");
        let good: SearchRequest = serde_json::from_str(r#"{"vector": [0, 0.5], "mode": "vector", "k": 3}"#).unwrap();
        assert_eq!(good.validate(), Ok(()));
    }

    #[test]
    fn a_vector_is_bounded_while_it_is_read() {
        let long = format!(r#"{{"vector": [{}1]}}"#, "1,".repeat(4096));
        assert!(serde_json::from_str::<SearchRequest>(&long).unwrap_err().to_string().contains("more than 4096 entries"));
    }
}
