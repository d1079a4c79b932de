//! What a node answers that waits for a grid: that it lives, and that it is not ready.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use sutra_protocol::error::ErrorBody;
use sutra_protocol::{ApiError, ErrorCode};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const REASON: &str = "the node waits for a grid: make one with sutra cluster init";

/// Serves HTTP on `listener` until `over` is cancelled. Whoever asks for more than signs of life gets `unavailable`.
///
/// # Errors
/// The listener's.
pub async fn serve_waiting(listener: TcpListener, over: CancellationToken) -> std::io::Result<()> {
    let alive = get(|| async { Json(json!({ "status": "ok" })) });
    let router = Router::new().route("/livez", alive.clone()).route("/v1/livez", alive).route("/readyz", get(unready));
    let router = router.route("/v1/readyz", get(unready)).fallback(refuse);
    axum::serve(listener, router).with_graceful_shutdown(async move { over.cancelled().await }).await
}

async fn unready() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "starting", "reason": REASON }))).into_response()
}

async fn refuse() -> Response {
    let error = ApiError::new(ErrorCode::Unavailable, REASON).with_details(json!({ "outcome": "none" }));
    (StatusCode::SERVICE_UNAVAILABLE, Json(ErrorBody { error })).into_response()
}
