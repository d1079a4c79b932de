//! `GET /info`.

use axum::extract::State;
use axum::http::Method;
use sutra_protocol::http::InfoResponse;

use crate::http::app::App;
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::GET, "/info", "info", Tag::Node, "What the node is").answers::<InfoResponse>("What it is.")
}

pub(in crate::http) async fn info(State(app): State<App>) -> Reply {
    reply::json(app.service.info())
}
