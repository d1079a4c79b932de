//! `POST /v1/search`.

use sutra_protocol::http::{SearchHit, SearchMode, SearchRequest, SearchResponse};
use sutra_protocol::{ApiError, Concept};
use sutra_storage::Hit;

use super::{Caller, Read, Service};

/// Results of a request that does not say how many.
const K: u32 = 10;

impl Service {
    /// Searches by words (Okapi BM25) among the concepts that pass the filter.
    ///
    /// # Errors
    /// `invalid_argument` (also for the modes that need an embedder), `deadline_exceeded`.
    pub async fn search(&self, caller: &Caller, request: SearchRequest) -> Result<SearchResponse, ApiError> {
        request.validate()?;
        if let Some(mode @ (SearchMode::Hybrid | SearchMode::Vector)) = request.mode {
            let mode = if mode == SearchMode::Vector { "vector" } else { "hybrid" };
            let message = format!("mode is {mode}, which needs an embedder; this node has none, so only keyword is served");
            return Err(ApiError::invalid("mode", message));
        }
        let service = self.clone();
        self.heavy(caller, move || {
            let SearchRequest { query, k, filter, min_score, namespace, valid_at, known_at, .. } = request;
            let view = service.view(&Read { namespace: namespace.unwrap_or_default(), valid_at, known_at })?;
            let passes = |concept: &Concept| filter.as_ref().is_none_or(|filter| filter.passes(concept));
            let mut hits = view.search(&query, k.unwrap_or(K) as usize, &passes);
            hits.retain(|hit| min_score.is_none_or(|least| hit.score >= least));
            Ok(SearchResponse { results: hits.iter().map(render).collect(), partial: false })
        })
        .await
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
