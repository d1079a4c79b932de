//! `GET /v1/export`.

mod chunks;

use axum::body::Body;
use axum::extract::State;
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::json;
use sutra_protocol::http::TransferLine;
use sutra_protocol::{ApiError, ErrorCode};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::import::refuse_async;
use crate::http::app::App;
use crate::http::extract::params::{FromParams, Params};
use crate::http::extract::{Query, ReadParams, Reader};
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::Reply;

/// When a caller may try again whose turn did not come.
const RETRY_AFTER_MS: u64 = 5_000;

/// A read; only its beginning has a deadline.
pub(in crate::http) struct ExportParams(ReadParams);

impl FromParams for ExportParams {
    fn is_strong(&self) -> bool {
        self.0.is_strong()
    }

    fn is_whole(&self) -> bool {
        self.0.is_whole()
    }

    fn from_params(params: &mut Params) -> Result<Self, ApiError> {
        refuse_async(params)?;
        ReadParams::from_params(params).map(Self)
    }
}

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::GET, "/v1/export", "export", Tag::Transfer, "Read a whole namespace")
        .about(
            "NDJSON that import takes back: the concepts, then the associations, all as they were at one moment. \
             A node makes a few exports at once; `timeout_ms` is how long to wait for a turn.",
        )
        .reads()
        .bounded()
        .answers_lines::<TransferLine>("The lines.")
}

pub(in crate::http) async fn export(
    State(app): State<App>,
    Query(ExportParams(read)): Query<ExportParams>,
    Reader(caller): Reader,
) -> Reply {
    let turn = turn(&app, caller.deadline).await?;
    let exporter = app.service.export(&caller, &read.into_read()).await?;
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(chunks::chunks(exporter, turn))).into_response())
}

/// An export takes a thread for as long as its client reads, so there are only so many at once.
async fn turn(app: &App, deadline: Instant) -> Result<OwnedSemaphorePermit, ApiError> {
    match timeout_at(deadline, app.exports.clone().acquire_owned()).await {
        Ok(Ok(turn)) => Ok(turn),
        _ => {
            let message = format!("{} exports are running, as many as may; try again later", app.limits.exports);
            Err(ApiError::new(ErrorCode::Overloaded, message).with_details(json!({ "retry_after_ms": RETRY_AFTER_MS })))
        }
    }
}
