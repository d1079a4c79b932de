//! `PUT /v1/namespaces/{ns}`.

use axum::extract::State;
use axum::http::Method;
use sutra_protocol::http::{NamespaceSettings, NamespaceView};

use crate::http::app::App;
use crate::http::extract::target::Name;
use crate::http::extract::{NoParams, Query, Write};
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(
        Method::PUT,
        "/v1/namespaces/{ns}",
        "put_namespace",
        Tag::Namespaces,
        "Create a namespace, or change its settings",
    )
    .about("The settings replace those that are there. The first write to a namespace creates it, too.")
    .of_namespace()
    .writes_named()
    .bounded()
    .may_take::<NamespaceSettings>()
    .answers::<NamespaceView>("The namespace as it is now.")
    .hands_out_token()
}

pub(in crate::http) async fn set_namespace(
    State(app): State<App>,
    Name(name): Name,
    Query(NoParams): Query<NoParams>,
    Write { caller, body }: Write<NamespaceSettings>,
) -> Reply {
    reply::written(app.service.set_namespace(&caller, &name, body).await?)
}
