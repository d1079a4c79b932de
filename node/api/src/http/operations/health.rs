//! `GET /health`.

use axum::extract::State;
use axum::http::Method;
use sutra_protocol::http::HealthResponse;

use crate::http::app::App;
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::GET, "/health", "health", Tag::Node, "How the node is")
        .answers::<HealthResponse>("How it is; the status is 200 whatever the body says.")
}

pub(in crate::http) async fn health(State(app): State<App>) -> Reply {
    reply::json(app.service.health())
}
