//! `POST /v1/concepts/query`.

use axum::extract::State;
use axum::http::Method;
use sutra_protocol::filter::Leaf;
use sutra_protocol::http::{QueryRequest, QueryResponse};
use sutra_protocol::query::Order;

use crate::http::app::App;
use crate::http::extract::{Json, Query, ReadParams, Reader};
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::POST, "/v1/concepts/query", "query_concepts", Tag::Read, "List the concepts that pass a filter")
        .about(
            "Page by page, each from the newest state. The cursor of a page is good for the same namespace and order, for ever: a \
             concept that keeps its place in the order is on exactly one page, whatever is taught or retracted in between.",
        )
        .reads()
        .bounded()
        .takes::<QueryRequest>()
        .knows::<Leaf>()
        .knows::<Order>()
        .answers::<QueryResponse>("A page.")
}

pub(in crate::http) async fn query(
    State(app): State<App>,
    Query(read): Query<ReadParams>,
    Reader(caller): Reader,
    Json(mut body): Json<QueryRequest>,
) -> Reply {
    read.fill(&mut body.namespace, &mut body.valid_at, &mut body.known_at)?;
    reply::json(app.service.query(&caller, body).await?)
}
