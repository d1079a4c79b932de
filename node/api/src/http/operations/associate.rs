//! `POST /v1/associate`.

use axum::extract::State;
use axum::http::Method;
use sutra_protocol::ErrorCode;
use sutra_protocol::http::{AssociateRequest, AssociateResponse};

use crate::http::app::App;
use crate::http::extract::read::fill;
use crate::http::extract::{InNamespace, Query, Write};
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::POST, "/v1/associate", "associate", Tag::Write, "Associate two concepts")
        .about("The ends have to exist. More evidence for an association that is there raises its confidence.")
        .writes()
        .bounded()
        .takes::<AssociateRequest>()
        .answers::<AssociateResponse>("Where it was recorded.")
        .hands_out_token()
        .errors(&[ErrorCode::NotFound])
}

pub(in crate::http) async fn associate(
    State(app): State<App>,
    Query(InNamespace(namespace)): Query<InNamespace>,
    Write { caller, mut body }: Write<AssociateRequest>,
) -> Reply {
    fill("namespace", &mut body.namespace, namespace)?;
    reply::written(app.service.associate(&caller, body).await?)
}
