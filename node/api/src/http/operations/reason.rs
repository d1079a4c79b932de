//! `POST /v1/reason`.

use axum::extract::State;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, Method};
use sutra_protocol::http::{ReasonRequest, ReasonResponse};
use sutra_protocol::{ApiError, ErrorCode};

use crate::http::app::App;
use crate::http::extract::{Json, Query, ReadParams, Reader};
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::POST, "/v1/reason", "reason", Tag::Read, "Answer a question with its evidence")
        .about("An answer is made from stored paths only. Where there is none, `known` is false and `because` says why.")
        .reads()
        .bounded()
        .takes::<ReasonRequest>()
        .answers::<ReasonResponse>("The answer, or the reason why there is none.")
        .errors(&[ErrorCode::NotFound, ErrorCode::Conflict])
}

pub(in crate::http) async fn reason(
    State(app): State<App>,
    Query(read): Query<ReadParams>,
    Reader(caller): Reader,
    headers: HeaderMap,
    Json(mut body): Json<ReasonRequest>,
) -> Reply {
    if headers.get_all(ACCEPT).iter().any(|accept| accept.as_bytes().starts_with(b"text/event-stream")) {
        let message = "Accept asks for text/event-stream, which this version does not have; application/json is answered";
        return Err(ApiError::invalid("Accept", message).into());
    }
    read.fill(&mut body.namespace, &mut body.valid_at, &mut body.known_at)?;
    let answer = app.service.reason(&caller, body).await?;
    if let Some(because) = &answer.because {
        app.metrics.refused(because.code);
    }
    reply::json(answer)
}
