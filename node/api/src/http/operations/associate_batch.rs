//! `POST /v1/associate/batch`.

use axum::extract::State;
use axum::http::Method;
use sutra_protocol::ErrorCode;
use sutra_protocol::http::{AssociateBatchRequest, AssociateBatchResponse};

use crate::http::app::App;
use crate::http::extract::read::fill;
use crate::http::extract::{InNamespace, Query, Write};
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::POST, "/v1/associate/batch", "associate_batch", Tag::Write, "Associate several pairs of concepts")
        .about("Items stand or fall each on its own.")
        .writes()
        .bounded()
        .takes::<AssociateBatchRequest>()
        .answers::<AssociateBatchResponse>("What became of each item, in order.")
        .hands_out_token()
        .errors(&[ErrorCode::NotFound])
}

pub(in crate::http) async fn associate_batch(
    State(app): State<App>,
    Query(InNamespace(namespace)): Query<InNamespace>,
    Write { caller, mut body }: Write<AssociateBatchRequest>,
) -> Reply {
    fill("namespace", &mut body.namespace, namespace)?;
    reply::written(app.service.associate_batch(&caller, body).await?)
}
