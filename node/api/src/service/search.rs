//! `POST /v1/search`.

use sutra_protocol::ApiError;
use sutra_protocol::http::{SearchHit, SearchMode, SearchRequest, SearchResponse};
use sutra_storage::Hit;

use super::{Caller, Read, Service, fault};

/// Results of a request that does not say how many.
const K: u32 = 10;

impl Service {
    /// Searches by words (Okapi BM25) or by a vector (cosine similarity) among the concepts that pass the filter.
    ///
    /// # Errors
    /// `invalid_argument` (also for words in a mode that needs an embedder, and for a vector of another dimension than the
    /// namespace's), `deadline_exceeded`.
    pub async fn search(&self, caller: &Caller, request: SearchRequest) -> Result<SearchResponse, ApiError> {
        request.validate()?;
        if let (None, Some(mode @ (SearchMode::Hybrid | SearchMode::Vector))) = (&request.vector, request.mode) {
            let mode = mode.as_str();
            let message = format!(
                "mode is {mode}, and for words that needs an embedder, which this node does not have; search in mode keyword, or \
                 give a vector"
            );
            return Err(ApiError::invalid("mode", message));
        }
        let SearchRequest { query, vector, k, filter, min_score, namespace, valid_at, known_at, mode: _ } = request;
        let k = k.unwrap_or(K) as usize;
        let read = Read { namespace: namespace.unwrap_or_default(), valid_at, known_at };
        let found = self.heavy_in_part(caller, read, move |view| {
            let mut hits = match &vector {
                Some(vector) => view.nearest(vector, k, filter.as_ref()).map_err(|error| fault::nearest(&error))?,
                None => {
                    let found = view.search(&query, k, filter.as_ref());
                    found.map_err(|error| ApiError::invalid("query", error.to_string()))?
                }
            };
            hits.retain(|hit| min_score.is_none_or(|least| hit.score >= least));
            Ok(hits.iter().map(render).collect())
        });
        let (results, missing_shards) = found.await?;
        Ok(SearchResponse { results, partial: !missing_shards.is_empty(), missing_shards })
    }
}

fn render(hit: &Hit) -> SearchHit {
    SearchHit {
        id: hit.concept.id,
        content: hit.concept.content.to_string(),
        semantic_type: hit.concept.semantic_type,
        score: hit.score,
        confidence: hit.concept.confidence,
    }
}
