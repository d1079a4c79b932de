//! `GET /v1/namespaces`.

use axum::extract::State;
use axum::http::Method;
use sutra_protocol::ErrorCode;
use sutra_protocol::http::NamespacesResponse;

use crate::http::app::App;
use crate::http::extract::{NoParams, Query, Reader};
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::GET, "/v1/namespaces", "list_namespaces", Tag::Namespaces, "List the namespaces")
        .reads_named()
        .bounded()
        .answers::<NamespacesResponse>("Every namespace, in the order of their names.")
        .errors(&[ErrorCode::InvalidArgument])
}

pub(in crate::http) async fn namespaces(
    State(app): State<App>,
    Query(NoParams): Query<NoParams>,
    Reader(caller): Reader,
) -> Reply {
    reply::json(app.service.namespaces(&caller).await?)
}
