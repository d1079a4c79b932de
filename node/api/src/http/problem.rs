//! An error on its way out.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sutra_protocol::limits::Violation;
use sutra_protocol::{ApiError, ErrorCode};

/// The error of a handler or an extractor. The envelope gives it the request's id and writes its body.
#[derive(Clone, Debug)]
pub(super) struct Problem(pub(super) ApiError);

impl<E: Into<ApiError>> From<E> for Problem {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status(self.0.code);
        response.extensions_mut().insert(self);
        response
    }
}

impl Problem {
    /// Writes the error into `response`, whose other headers (such as `Allow`) stay.
    pub(super) fn write(mut self, response: &mut Response, request_id: &str) {
        self.0.request_id = Some(request_id.into());
        *response.status_mut() = status(self.0.code);
        let headers = response.headers_mut();
        headers.remove(axum::http::header::CONTENT_LENGTH);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = retry_after(&self.0) {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        *response.body_mut() = Body::from(serde_json::json!({ "error": self.0 }).to_string());
    }
}

/// `too_large`, naming the body and both sizes.
pub(super) fn body_too_large(found: Option<u64>, bound: usize) -> ApiError {
    let found = found.map_or_else(|| format!("has more than {bound} bytes"), |found| format!("has {found} bytes"));
    let bound = format!("at most {bound} are allowed");
    Violation { field: "body".into(), found, bound, oversize: true }.into()
}

fn status(code: ErrorCode) -> StatusCode {
    StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Whole seconds, at least one: `Retry-After` knows no smaller unit.
fn retry_after(error: &ApiError) -> Option<u64> {
    if !matches!(error.code, ErrorCode::RateLimited | ErrorCode::Overloaded) {
        return None;
    }
    let millis = error.details.as_ref().and_then(|details| details.get("retry_after_ms")).and_then(serde_json::Value::as_u64);
    Some(millis.unwrap_or(1000).div_ceil(1000).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overload_says_when_to_come_back_in_whole_seconds() {
        let overloaded = |millis: u64| {
            ApiError::new(ErrorCode::Overloaded, "full").with_details(serde_json::json!({ "retry_after_ms": millis }))
        };
        assert_eq!(retry_after(&overloaded(0)), Some(1));
        assert_eq!(retry_after(&overloaded(1001)), Some(2));
        assert_eq!(retry_after(&ApiError::not_found("gone")), None);
    }
}
