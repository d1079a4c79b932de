//! `POST /v1/learn/batch`.

use axum::extract::State;
use axum::http::Method;
use sutra_protocol::ErrorCode;
use sutra_protocol::http::{LearnBatchRequest, LearnBatchResponse};

use crate::http::app::App;
use crate::http::extract::read::fill;
use crate::http::extract::{InNamespace, Query, Write};
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::POST, "/v1/learn/batch", "learn_batch", Tag::Write, "Learn several pieces of knowledge")
        .about("Items stand or fall each on its own.")
        .writes()
        .bounded()
        .takes::<LearnBatchRequest>()
        .answers::<LearnBatchResponse>("What became of each item, in order.")
        .hands_out_token()
        .errors(&[ErrorCode::NotFound])
}

pub(in crate::http) async fn learn_batch(
    State(app): State<App>,
    Query(InNamespace(namespace)): Query<InNamespace>,
    Write { caller, mut body }: Write<LearnBatchRequest>,
) -> Reply {
    fill("namespace", &mut body.namespace, namespace)?;
    reply::written(app.service.learn_batch(&caller, body).await?)
}
