//! Who asks, until when, with which token and `Idempotency-Key`.

use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::HeaderName;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use sutra_protocol::command::RequestKey;
use sutra_protocol::{ApiError, limits};
use tokio::time::Instant;

use super::json::{self, RequestBody};
use super::params::{Deadline, Strong, Whole};
use crate::http::app::App;
use crate::http::envelope::Started;
use crate::http::problem::Problem;
use crate::http::router;
use crate::service::{Caller, Token};

/// What a caller has written or seen.
pub(in crate::http) const TOKEN: HeaderName = HeaderName::from_static("sutra-token");
/// Makes the repetition of a write return the first answer.
pub(in crate::http) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Who reads. Extract it after [`super::Query`], which reads `timeout_ms`.
pub(in crate::http) struct Reader(pub(in crate::http) Caller);

/// Who writes, and what.
pub(in crate::http) struct Write<T> {
    pub(in crate::http) caller: Caller,
    pub(in crate::http) body: T,
}

impl<S: Sync> FromRequestParts<S> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(caller(&parts.headers, &parts.extensions)?))
    }
}

impl<T: RequestBody> FromRequest<App> for Write<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let key = idempotency_key(request.headers())?;
        let mut caller = caller(request.headers(), request.extensions())?;
        let (body, digest) = json::receive(request, app, |parts, bytes| key.is_some().then(|| digest(parts, bytes))).await?;
        caller.request = key.zip(digest).map(|(key, digest)| RequestKey { key, digest });
        Ok(Self { caller, body })
    }
}

/// When the caller stops waiting: as `timeout_ms` said, or else by the default.
pub(super) fn deadline(extensions: &Extensions) -> Instant {
    extensions.get::<Deadline>().map(|deadline| deadline.0).unwrap_or_else(|| {
        let started = extensions.get::<Started>().map_or_else(Instant::now, |started| started.0);
        started + Duration::from_millis(limits::DEFAULT_TIMEOUT_MS)
    })
}

fn caller(headers: &HeaderMap, extensions: &Extensions) -> Result<Caller, ApiError> {
    let token = text(headers, &TOKEN, "Sutra-Token")?.map(str::parse::<Token>).transpose()?;
    let deadline = deadline(extensions);
    let timeout = deadline.saturating_duration_since(Instant::now());
    let strong = extensions.get::<Strong>().is_some();
    let partial = extensions.get::<Whole>().is_none();
    Ok(Caller { deadline, token, strong, partial, ..Caller::anonymous(timeout) })
}

/// The caller's `Idempotency-Key`, within its bounds.
pub(in crate::http) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(key) = text(headers, &IDEMPOTENCY_KEY, "Idempotency-Key")? else { return Ok(None) };
    let bound = limits::IDEMPOTENCY_KEY_BYTES;
    if (1..=bound).contains(&key.len()) {
        return Ok(Some(key.into()));
    }
    let message = format!("Idempotency-Key has {} bytes; 1 to {bound} are allowed", key.len());
    Err(ApiError::invalid("Idempotency-Key", message))
}

/// A header that may stand once and holds visible ASCII.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName, shown: &str) -> Result<Option<&'a str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(ApiError::invalid(shown, format!("{shown} stands more than once; at most once is allowed")));
    }
    match value.to_str() {
        Ok(text) if text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Some(text)),
        _ => Err(ApiError::invalid(shown, format!("{shown} is {value:?}; only visible ASCII characters are allowed"))),
    }
}

/// The first 16 bytes of BLAKE3 over what makes two requests the same: method, path (whichever alias), query (but for how long
/// the caller waits) and body.
fn digest(parts: &Parts, body: &[u8]) -> u128 {
    let mut query: Vec<_> = parts.uri.query().unwrap_or_default().split('&').collect();
    query.retain(|pair| !pair.is_empty() && !pair.starts_with("timeout_ms="));
    query.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    for part in [parts.method.as_str(), router::unversioned(parts.uri.path()), &query.join("&")] {
        hasher.update(part.as_bytes());
        hasher.update(&[0]);
    }
    hasher.update(body);
    let mut first = [0; 16];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    u128::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn digest_of(uri: &str, body: &str) -> u128 {
        let (parts, ()) = Request::builder().method("POST").uri(uri).body(()).unwrap().into_parts();
        digest(&parts, body.as_bytes())
    }

    #[test]
    fn aliases_and_patience_do_not_make_another_request() {
        let digest = digest_of("/v1/learn?namespace=a", "{}");
        assert_eq!(digest, digest_of("/learn?timeout_ms=5&namespace=a", "{}"));
        assert_ne!(digest, digest_of("/v1/learn?namespace=b", "{}"));
        assert_ne!(digest, digest_of("/v1/learn?namespace=a", "{ }"));
        assert_ne!(digest, digest_of("/v1/associate?namespace=a", "{}"));
    }

    #[test]
    fn an_idempotency_key_has_bounds() {
        let key = |key: &str| idempotency_key(&HeaderMap::from_iter([(IDEMPOTENCY_KEY, HeaderValue::from_str(key).unwrap())]));
        assert_eq!(key(&"k".repeat(255)).unwrap().map(|key| key.len()), Some(255));
        for bad in ["", "a b", &"k".repeat(256)] {
            assert_eq!(key(bad).unwrap_err().param.as_deref(), Some("Idempotency-Key"));
        }
    }
}
