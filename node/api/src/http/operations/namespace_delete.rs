//! `DELETE /v1/namespaces/{ns}`.

use axum::extract::State;
use axum::http::Method;
use sutra_protocol::ErrorCode;
use sutra_protocol::http::NamespaceDropped;

use crate::http::app::App;
use crate::http::extract::target::Name;
use crate::http::extract::{NoBody, NoParams, Query, Write};
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::DELETE, "/v1/namespaces/{ns}", "delete_namespace", Tag::Namespaces, "Remove a namespace")
        .about("Everything in it goes with it, its history too.")
        .of_namespace()
        .writes_named()
        .bounded()
        .answers::<NamespaceDropped>("What went.")
        .hands_out_token()
        .errors(&[ErrorCode::NotFound])
}

pub(in crate::http) async fn drop_namespace(
    State(app): State<App>,
    Name(name): Name,
    Query(NoParams): Query<NoParams>,
    Write { caller, body: NoBody }: Write<NoBody>,
) -> Reply {
    reply::written(app.service.drop_namespace(&caller, &name).await?)
}
