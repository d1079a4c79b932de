//! `DELETE /v1/associate`.

use axum::extract::State;
use axum::http::Method;
use sutra_protocol::ErrorCode;
use sutra_protocol::http::{DissociateRequest, DissociateResponse};

use crate::http::app::App;
use crate::http::extract::read::fill;
use crate::http::extract::{InNamespace, Query, Write};
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::DELETE, "/v1/associate", "dissociate", Tag::Write, "Retract an association")
        .about("The body names the association by the fields that it was taught with. All its evidence goes with it.")
        .writes()
        .bounded()
        .takes::<DissociateRequest>()
        .answers::<DissociateResponse>("What became of it.")
        .hands_out_token()
        .errors(&[ErrorCode::NotFound])
}

pub(in crate::http) async fn dissociate(
    State(app): State<App>,
    Query(InNamespace(namespace)): Query<InNamespace>,
    Write { caller, mut body }: Write<DissociateRequest>,
) -> Reply {
    fill("namespace", &mut body.namespace, namespace)?;
    reply::written(app.service.dissociate(&caller, body).await?)
}
