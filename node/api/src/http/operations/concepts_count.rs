//! `POST /v1/concepts/count`.

use axum::extract::State;
use axum::http::Method;
use sutra_protocol::filter::Leaf;
use sutra_protocol::http::{CountRequest, CountResponse};

use crate::http::app::App;
use crate::http::extract::{Json, Query, ReadParams, Reader};
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::POST, "/v1/concepts/count", "count_concepts", Tag::Read, "Count the concepts that pass a filter")
        .reads()
        .bounded()
        .takes::<CountRequest>()
        .knows::<Leaf>()
        .answers::<CountResponse>("How many there are.")
}

pub(in crate::http) async fn count(
    State(app): State<App>,
    Query(read): Query<ReadParams>,
    Reader(caller): Reader,
    Json(mut body): Json<CountRequest>,
) -> Reply {
    read.fill(&mut body.namespace, &mut body.valid_at, &mut body.known_at)?;
    reply::json(app.service.count(&caller, body).await?)
}
