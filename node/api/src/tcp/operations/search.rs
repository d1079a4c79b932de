//! `TextSearch`, `VectorSearch`, `Reason`.

use sutra_protocol::ApiError;
use sutra_protocol::http::{ReasonRequest, ReasonResponse, SearchHit, SearchRequest};
use sutra_protocol::tcp::{TextSearch, TextSearchOk, VectorSearch, VectorSearchOk};

use crate::tcp::answer::Asked;

pub(in crate::tcp) async fn text(asked: &Asked, search: TextSearch) -> Result<TextSearchOk, ApiError> {
    Ok(TextSearchOk { results: found(asked, search.into()).await? })
}

pub(in crate::tcp) async fn vector(asked: &Asked, search: VectorSearch) -> Result<VectorSearchOk, ApiError> {
    let found = found(asked, search.into()).await.map_err(blame_the_vector)?;
    Ok(VectorSearchOk { results: found.into_iter().map(|hit| (hit.id, hit.score)).collect() })
}

/// The field that HTTP calls `vector` has another name here.
fn blame_the_vector(mut error: ApiError) -> ApiError {
    if let Some(place) = error.param.as_deref().and_then(|param| param.strip_prefix("vector")) {
        if let Some(rest) = error.message.strip_prefix("vector") {
            error.message = format!("query_vector{rest}");
        }
        error.param = Some(format!("query_vector{place}"));
    }
    error
}

async fn found(asked: &Asked, mut request: SearchRequest) -> Result<Vec<SearchHit>, ApiError> {
    request.namespace = Some(asked.read.namespace.clone());
    request.valid_at = asked.read.valid_at;
    request.known_at = asked.read.known_at;
    Ok(asked.service.search(&asked.caller, request).await?.results)
}

pub(in crate::tcp) async fn reason(asked: &Asked, question: ReasonRequest) -> Result<ReasonResponse, ApiError> {
    let answer = asked.service.reason(&asked.caller, question).await?;
    if let Some(refusal) = &answer.because {
        asked.metrics.refused(refusal.code);
    }
    Ok(answer)
}
