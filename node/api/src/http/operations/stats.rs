//! `GET /stats`.

use axum::extract::State;
use axum::http::Method;
use sutra_protocol::http::StatsResponse;

use crate::http::app::App;
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::GET, "/stats", "stats", Tag::Node, "Numbers about the node").answers::<StatsResponse>("The numbers.")
}

pub(in crate::http) async fn stats(State(app): State<App>) -> Reply {
    reply::json(app.service.stats())
}
