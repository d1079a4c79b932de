//! What holds for every request and reply: an id, errors in one shape, panics caught, the request counted.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::HeaderName;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use sutra_protocol::{ApiError, ErrorCode};
use tracing::{debug, error};

use super::app::App;
use super::leftover;
use super::problem::Problem;
use super::router;

/// Names the request in the reply, the error and the log.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID_BYTES: usize = 128;

/// When the request's head had arrived: its deadline counts from here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Started(pub(super) tokio::time::Instant);

pub(super) async fn envelope(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let operation = operation(&request);
    let (mut request, leftover) = leftover::watch(request);
    request.extensions_mut().insert(Started(tokio::time::Instant::now()));
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());

    let caught = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = caught.unwrap_or_else(|_| {
        // What the panic says may quote a caller's data; the panic hook has written it to the log.
        error!(operation, request_id = ?id, "a handler panicked");
        Problem(ApiError::new(ErrorCode::Internal, "the node made a mistake; its log has more under this request_id"))
            .into_response()
    });

    let problem = response.extensions_mut().remove::<Problem>().or_else(|| unexplained(&response, &method, &path));
    let code = problem.as_ref().map(|problem| problem.0.code);
    if let Some(problem) = problem {
        debug!(operation, request_id = ?id, code = %problem.0.code, message = problem.0.message, "refused");
        problem.write(&mut response, id.to_str().unwrap_or_default());
        // Else the rest of a refused body would be taken for the connection's next request, and the connection be closed.
        leftover.drain().await;
    }
    app.metrics.observe(operation, code, started.elapsed());
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// The error of a reply that did not come from a handler: the router's own 404 and 405.
fn unexplained(response: &Response, method: &Method, path: &str) -> Option<Problem> {
    match response.status() {
        StatusCode::METHOD_NOT_ALLOWED => {
            let message = format!("{method} is not a method of this path; the header Allow lists those that it has");
            Some(Problem(ApiError::new(ErrorCode::MethodNotAllowed, message)))
        }
        StatusCode::NOT_FOUND => {
            let path = sutra_protocol::limits::excerpt(path);
            Some(Problem(ApiError::not_found(format!("there is no path {path}; /openapi.json lists them"))))
        }
        _ => None,
    }
}

fn operation(request: &Request) -> &'static str {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    matched.and_then(|path| router::operation_id(request.method(), path)).unwrap_or("unknown")
}

/// The caller's id if it is 1 to 128 visible ASCII characters, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let sane =
        |value: &&HeaderValue| (1..=REQUEST_ID_BYTES).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic);
    headers.get(REQUEST_ID).filter(sane).cloned().unwrap_or_else(|| {
        let id = uuid::Uuid::new_v4().to_string();
        // Hexadecimal digits and dashes are always a header value.
        HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("-"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sane_request_id_is_echoed() {
        let with = |id: &[u8]| HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_bytes(id).unwrap())]);
        assert_eq!(request_id(&with(b"ward-7")), "ward-7");
        for odd in [&b""[..], b"a b", &[b'x'; 129], b"caf\xc3\xa9"] {
            assert_ne!(request_id(&with(odd)).as_bytes(), odd);
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
