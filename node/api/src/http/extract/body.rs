//! The bytes of a body, bounded in size and time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use serde_json::json;
use sutra_protocol::{ApiError, ErrorCode, limits};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::http::app::App;
use crate::http::problem::body_too_large;

/// A whole body, counted against the node's memory for bodies until it is dropped.
#[derive(Debug)]
pub(in crate::http) struct Held {
    pub(in crate::http) bytes: Vec<u8>,
    _memory: Option<OwnedSemaphorePermit>,
}

/// Reads a whole body. Memory is taken as bytes arrive, never because a header announces them.
pub(in crate::http) async fn read(app: &App, body: Body, deadline: Instant) -> Result<Held, ApiError> {
    let bound = limits::BODY_BYTES;
    let declared = body.size_hint().lower();
    if declared > bound as u64 {
        return Err(body_too_large(Some(declared), bound));
    }
    let mut body = body;
    let mut held = Held { bytes: Vec::new(), _memory: None };
    let mut counted = 0;
    while let Some(data) = next(&mut body, app.limits.body_idle_timeout, deadline).await? {
        if held.bytes.len() + data.len() > bound {
            return Err(body_too_large(None, bound));
        }
        held.bytes.extend_from_slice(&data);
        let needed = held.bytes.len().div_ceil(1 << 10);
        if needed > counted {
            let more = take(&app.body_memory, needed - counted)?;
            match &mut held._memory {
                Some(memory) => memory.merge(more),
                none => *none = Some(more),
            }
            counted = needed;
        }
    }
    Ok(held)
}

/// The next bytes of `body`; `None` at its end.
async fn next(body: &mut Body, idle: Duration, deadline: Instant) -> Result<Option<Bytes>, ApiError> {
    let patience = Instant::now() + idle;
    let until = deadline.min(patience);
    match tokio::time::timeout_at(until, frame(body)).await {
        Ok(data) => data,
        Err(_) if until == patience => Err(stalled(idle)),
        Err(_) => {
            let message = "the request's time was over before its body had arrived; timeout_ms may allow more";
            Err(ApiError::new(ErrorCode::DeadlineExceeded, message).with_details(json!({ "outcome": "none" })))
        }
    }
}

/// The next bytes of `body`, whenever they come; `None` at its end.
pub(in crate::http) async fn frame(body: &mut Body) -> Result<Option<Bytes>, ApiError> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiError::invalid("body", format!("the body broke off: {error}")))?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// The client sent nothing for too long.
pub(in crate::http) fn stalled(idle: Duration) -> ApiError {
    let message = format!("nothing more of the body arrived for {} s", idle.as_secs_f64());
    ApiError::new(ErrorCode::DeadlineExceeded, message).with_details(json!({ "outcome": "none" }))
}

/// Refuses a `Content-Encoding`, and a `Content-Type` for which `accepted` is false.
pub(in crate::http) fn check_headers(headers: &HeaderMap, wanted: &str, accepted: fn(&str) -> bool) -> Result<(), ApiError> {
    if let Some(encoding) = headers.get(CONTENT_ENCODING).filter(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let message = format!("Content-Encoding {encoding:?} is not supported; send the body as it is");
        return Err(ApiError::invalid("Content-Encoding", message));
    }
    let Some(found) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let essence = found.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if accepted(&essence) {
        return Ok(());
    }
    Err(ApiError::invalid("Content-Type", format!("Content-Type is {found:?}; {wanted} is needed")))
}

fn take(memory: &Arc<Semaphore>, kib: usize) -> Result<OwnedSemaphorePermit, ApiError> {
    let wanted = u32::try_from(kib).unwrap_or(u32::MAX);
    memory.clone().try_acquire_many_owned(wanted).map_err(|_| {
        ApiError::new(ErrorCode::Overloaded, "the node holds as many bytes of request bodies as it may; nothing was stored")
            .with_details(json!({ "retry_after_ms": 1000 }))
    })
}
