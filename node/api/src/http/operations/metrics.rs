//! `GET /metrics`.

use axum::extract::State;
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use crate::http::app::App;
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::Reply;

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::GET, "/metrics", "metrics", Tag::Node, "Numbers for Prometheus").answers_text(
        200,
        "text/plain",
        "The numbers.",
    )
}

pub(in crate::http) async fn metrics(State(app): State<App>) -> Reply {
    let service = &app.service;
    let text = app.metrics.render(&service.stats(), &service.store_stats(), service.node_numbers().as_ref());
    Ok(([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response())
}
