//! `POST /v1/search`.

use axum::extract::State;
use axum::http::Method;
use sutra_protocol::ErrorCode;
use sutra_protocol::filter::Leaf;
use sutra_protocol::http::{SearchRequest, SearchResponse};

use crate::http::app::App;
use crate::http::extract::{Json, Query, ReadParams, Reader};
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::POST, "/v1/search", "search", Tag::Read, "Search by words or by a vector")
        .about(
            "With `query`: Okapi BM25 over content and aliases; any of the words will do, `\"heart attack\"` is a phrase, `cardio*` the \
             beginning of a word, `asprin~` a word with a letter wrong. With `vector`: cosine similarity to the vectors that \
             concepts were taught with, which needs no embedder. What was just acknowledged is found, too.",
        )
        .reads()
        .bounded()
        .takes::<SearchRequest>()
        .knows::<Leaf>()
        .answers::<SearchResponse>("What was found, best first.")
        .errors(&[ErrorCode::NotFound, ErrorCode::Conflict])
}

pub(in crate::http) async fn search(
    State(app): State<App>,
    Query(read): Query<ReadParams>,
    Reader(caller): Reader,
    Json(mut body): Json<SearchRequest>,
) -> Reply {
    read.fill(&mut body.namespace, &mut body.valid_at, &mut body.known_at)?;
    reply::json(app.service.search(&caller, body).await?)
}
