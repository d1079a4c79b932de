//! `POST /v1/learn`.

use axum::extract::State;
use axum::http::Method;
use sutra_protocol::ErrorCode;
use sutra_protocol::http::{LearnRequest, LearnResponse};

use crate::http::app::App;
use crate::http::extract::read::fill;
use crate::http::extract::{InNamespace, Query, Write};
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::POST, "/v1/learn", "learn", Tag::Write, "Learn a piece of knowledge")
        .about(
            "Surrounding white space is dropped and Unicode brought to form C. Content that is there already, with the same key, \
             is merged unless `on_conflict` says otherwise.",
        )
        .writes()
        .bounded()
        .takes::<LearnRequest>()
        .answers::<LearnResponse>("What was learned.")
        .hands_out_token()
        .errors(&[ErrorCode::NotFound])
}

pub(in crate::http) async fn learn(
    State(app): State<App>,
    Query(InNamespace(namespace)): Query<InNamespace>,
    Write { caller, mut body }: Write<LearnRequest>,
) -> Reply {
    fill("namespace", &mut body.namespace, namespace)?;
    reply::written(app.service.learn(&caller, body).await?)
}
