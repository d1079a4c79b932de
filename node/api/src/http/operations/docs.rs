//! `GET /docs`.

use axum::http::Method;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use axum::response::{Html, IntoResponse};

use crate::http::openapi::{Operation, Tag};
use crate::http::reply::Reply;

const PAGE: &str = include_str!("docs.html");
/// The page is one file and asks nobody but the node that served it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
    img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::GET, "/docs", "docs", Tag::Node, "A page for this document").answers_text(
        200,
        "text/html",
        "The page.",
    )
}

pub(in crate::http) async fn docs() -> Reply {
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, Html(PAGE)).into_response())
}
