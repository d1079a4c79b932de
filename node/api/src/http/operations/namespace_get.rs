//! `GET /v1/namespaces/{ns}`.

use axum::extract::State;
use axum::http::Method;
use sutra_protocol::ErrorCode;
use sutra_protocol::http::NamespaceView;

use crate::http::app::App;
use crate::http::extract::target::Name;
use crate::http::extract::{NoParams, Query, Reader};
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::GET, "/v1/namespaces/{ns}", "get_namespace", Tag::Namespaces, "Read a namespace's settings and counts")
        .of_namespace()
        .reads_named()
        .bounded()
        .answers::<NamespaceView>("The namespace.")
        .errors(&[ErrorCode::NotFound])
}

pub(in crate::http) async fn namespace(
    State(app): State<App>,
    Name(name): Name,
    Query(NoParams): Query<NoParams>,
    Reader(caller): Reader,
) -> Reply {
    reply::json(app.service.namespace(&caller, &name).await?)
}
