//! `PATCH /v1/concept/{id}`.

use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderMap, Method};
use serde_json::json;
use sutra_protocol::ErrorCode;
use sutra_protocol::http::{ConceptView, PatchRequest};

use crate::http::app::App;
use crate::http::extract::etag::{etag, if_match};
use crate::http::extract::target::Id;
use crate::http::extract::{InNamespace, Query, Write};
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::PATCH, "/v1/concept/{id}", "patch_concept", Tag::Write, "Change a concept")
        .about("An absent field stays; `null` clears it. The content never changes: it makes the id.")
        .of_concept()
        .writes()
        .bounded()
        .header("If-Match", json!({ "type": "string" }), "The ETag that the change is based on, or `*`.")
        .takes::<PatchRequest>()
        .answers::<ConceptView>("The concept as it is now.")
        .hands_out("ETag", "The new version.")
        .hands_out_token()
        .errors(&[ErrorCode::PreconditionFailed])
}

pub(in crate::http) async fn patch(
    State(app): State<App>,
    Id(id): Id,
    Query(InNamespace(namespace)): Query<InNamespace>,
    headers: HeaderMap,
    Write { caller, body }: Write<PatchRequest>,
) -> Reply {
    let expected = if_match(&headers)?;
    let written = app.service.patch(&caller, &namespace.unwrap_or_default(), id, expected, body).await?;
    let version = etag(written.body.updated_at);
    let mut response = reply::written(written)?;
    response.headers_mut().insert(ETAG, version);
    Ok(response)
}
