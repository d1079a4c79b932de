//! `GET /v1/grid`.

use axum::extract::State;
use axum::http::Method;
use sutra_protocol::http::GridResponse;

use crate::http::app::App;
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::GET, "/v1/grid", "grid", Tag::Node, "The nodes and shards of the grid")
        .about("As the node that is asked knows them, and as the others answer it now. A node alone is a grid of one.")
        .answers::<GridResponse>("The grid.")
}

pub(in crate::http) async fn grid(State(app): State<App>) -> Reply {
    reply::json(app.service.grid().await)
}
