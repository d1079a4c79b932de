//! How answers leave.

use axum::Json;
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::extract::caller::TOKEN;
use super::problem::Problem;
use crate::service::{Token, Written};

/// What a handler ends with.
pub(super) type Reply = Result<Response, Problem>;

/// A read's answer.
pub(super) fn json<T: Serialize>(body: T) -> Reply {
    Ok(Json(body).into_response())
}

/// A write's answer, with its token.
pub(super) fn written<T: Serialize>(written: Written<T>) -> Reply {
    let mut response = Json(written.body).into_response();
    set_token(&mut response, &written.token);
    Ok(response)
}

/// Hands `token` to the caller.
pub(super) fn set_token(response: &mut Response, token: &Token) {
    // A token is base64url, which is always a header value.
    if let Ok(value) = HeaderValue::from_str(&token.to_string()) {
        response.headers_mut().insert(TOKEN, value);
    }
}
