//! `POST /v1/path`.

use axum::extract::State;
use axum::http::Method;
use sutra_protocol::ErrorCode;
use sutra_protocol::http::{PathRequest, PathResponse};

use crate::http::app::App;
use crate::http::extract::{Json, Query, ReadParams, Reader};
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::POST, "/v1/path", "path", Tag::Read, "Find the paths between two concepts")
        .about("Both ends may be an id, a key or a content; a path never visits a concept twice.")
        .reads()
        .bounded()
        .takes::<PathRequest>()
        .answers::<PathResponse>("The paths, in the order of the strategy.")
        .errors(&[ErrorCode::NotFound, ErrorCode::Conflict])
}

pub(in crate::http) async fn path(
    State(app): State<App>,
    Query(read): Query<ReadParams>,
    Reader(caller): Reader,
    Json(mut body): Json<PathRequest>,
) -> Reply {
    read.fill(&mut body.namespace, &mut body.valid_at, &mut body.known_at)?;
    reply::json(app.service.path(&caller, body).await?)
}
