//! `GET /v1/concept/{id}`.

use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::IntoResponse;
use serde_json::json;
use sutra_protocol::http::ConceptView;

use crate::http::app::App;
use crate::http::extract::etag::{etag, is_known};
use crate::http::extract::target::Id;
use crate::http::extract::{Query, ReadParams, Reader};
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::GET, "/v1/concept/{id}", "get_concept", Tag::Read, "Read a concept")
        .of_concept()
        .reads()
        .bounded()
        .header("If-None-Match", json!({ "type": "string" }), "ETags that the caller has.")
        .answers::<ConceptView>("The concept.")
        .answers_nothing(304, "The caller has this version.")
        .hands_out("ETag", "The version, for If-Match and If-None-Match.")
}

pub(in crate::http) async fn concept(
    State(app): State<App>,
    Id(id): Id,
    Query(read): Query<ReadParams>,
    Reader(caller): Reader,
    headers: HeaderMap,
) -> Reply {
    let found = app.service.concept(&caller, &read.into_read(), id).await?;
    let mut response =
        if is_known(&headers, found.version)? { StatusCode::NOT_MODIFIED.into_response() } else { reply::json(found.body)? };
    response.headers_mut().insert(ETAG, etag(found.version));
    Ok(response)
}
