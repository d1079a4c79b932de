//! `GET /openapi.json`.

use axum::extract::State;
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::json;

use crate::http::app::App;
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::Reply;

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::GET, "/openapi.json", "openapi", Tag::Node, "This document").answers_json(
        200,
        json!({ "type": "object" }),
        "The document, OpenAPI 3.1.",
    )
}

pub(in crate::http) async fn document(State(app): State<App>) -> Reply {
    Ok(([(CONTENT_TYPE, "application/json")], app.document).into_response())
}
