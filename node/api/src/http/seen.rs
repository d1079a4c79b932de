//! What a read's answer tells of how much it has seen.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use super::app::App;
use super::extract::caller::TOKEN;
use super::reply;
use crate::service::Token;

/// Gives a good answer a token, so that whoever only reads never sees less on another node: of all that is applied here by now, which
/// is at least what was shown, and of what the request's own token names.
pub(super) async fn seen(State(app): State<App>, request: Request, next: Next) -> Response {
    let brought = request.headers().get(TOKEN).and_then(|token| token.to_str().ok()?.parse::<Token>().ok());
    let mut response = next.run(request).await;
    if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
        let token = app.service.seen().merge(&brought.unwrap_or_default());
        reply::set_token(&mut response, &token);
    }
    response
}
