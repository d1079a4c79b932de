//! `POST /v1/concepts/get`.

use axum::extract::State;
use axum::http::Method;
use sutra_protocol::http::{GetConceptsRequest, GetConceptsResponse};

use crate::http::app::App;
use crate::http::extract::{Json, Query, ReadParams, Reader};
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::POST, "/v1/concepts/get", "get_concepts", Tag::Read, "Read several concepts")
        .about("All from one state, in the order of the ids. What does not exist is listed, and is no error.")
        .reads()
        .bounded()
        .takes::<GetConceptsRequest>()
        .answers::<GetConceptsResponse>("Those that exist, and the ids of the others.")
}

pub(in crate::http) async fn get(
    State(app): State<App>,
    Query(read): Query<ReadParams>,
    Reader(caller): Reader,
    Json(mut body): Json<GetConceptsRequest>,
) -> Reply {
    read.fill(&mut body.namespace, &mut body.valid_at, &mut body.known_at)?;
    reply::json(app.service.get_concepts(&caller, body).await?)
}
