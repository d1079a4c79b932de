//! `TextSearch`, `Reason`.

use sutra_protocol::ApiError;
use sutra_protocol::http::{ReasonRequest, ReasonResponse, SearchRequest};
use sutra_protocol::tcp::{TextSearch, TextSearchOk};

use crate::tcp::answer::Asked;

pub(in crate::tcp) async fn text(asked: &Asked, search: TextSearch) -> Result<TextSearchOk, ApiError> {
    let mut request = SearchRequest::from(search);
    request.namespace = Some(asked.read.namespace.clone());
    request.valid_at = asked.read.valid_at;
    request.known_at = asked.read.known_at;
    Ok(TextSearchOk { results: asked.service.search(&asked.caller, request).await?.results })
}

pub(in crate::tcp) async fn reason(asked: &Asked, question: ReasonRequest) -> Result<ReasonResponse, ApiError> {
    let answer = asked.service.reason(&asked.caller, question).await?;
    if let Some(refusal) = &answer.because {
        asked.metrics.refused(refusal.code);
    }
    Ok(answer)
}
