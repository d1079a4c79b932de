//! `GET /readyz`.

use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use crate::http::app::App;
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::Reply;

pub(in crate::http) fn describe() -> Operation {
    let fields = json!({ "status": { "type": "string" }, "reason": { "type": "string" } });
    let schema: Value = json!({ "type": "object", "required": ["status"], "properties": fields });
    Operation::new(Method::GET, "/readyz", "readyz", Tag::Node, "Whether new clients should come here")
        .answers_json(200, schema.clone(), "They should.")
        .answers_json(503, schema, "The node is starting, draining or failed.")
}

pub(in crate::http) async fn readyz(State(app): State<App>) -> Reply {
    let health = app.service.health();
    if app.service.is_ready() {
        return Ok(Json(json!({ "status": health.status })).into_response());
    }
    let reason = health.reason.unwrap_or_else(|| format!("the node is {}", health.status));
    let body = Json(json!({ "status": health.status, "reason": reason }));
    Ok((StatusCode::SERVICE_UNAVAILABLE, body).into_response())
}
