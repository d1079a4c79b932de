//! `POST /v1/import`.

mod lines;
mod run;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, Method};
use axum::response::IntoResponse;
use sutra_protocol::http::{ImportReport, TransferLine};
use sutra_protocol::{ApiError, ErrorCode, Namespace};

use self::run::Run;
use crate::http::app::App;
use crate::http::extract::caller::idempotency_key;
use crate::http::extract::params::{FromParams, Params};
use crate::http::extract::{Query, Reader, body};
use crate::http::openapi::{Operation, Tag, schema};
use crate::http::reply::{self, Reply};

const NDJSON: &str = "application/x-ndjson";

/// `namespace`, and that it shall not run apart from its connection.
pub(in crate::http) struct ImportParams {
    namespace: Option<Namespace>,
}

impl FromParams for ImportParams {
    const BOUNDED: bool = false;

    fn from_params(params: &mut Params) -> Result<Self, ApiError> {
        refuse_async(params)?;
        Ok(Self { namespace: params.one("namespace")? })
    }
}

/// Jobs come with a later version.
pub(super) fn refuse_async(params: &mut Params) -> Result<(), ApiError> {
    match params.flag("async")? {
        Some(true) => Err(ApiError::invalid("async", "async is true, which this version does not have; leave it out")),
        _ => Ok(()),
    }
}

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::POST, "/v1/import", "import", Tag::Transfer, "Learn any number of lines")
        .about(
            "NDJSON of any length; a line is a body of `/v1/learn` or of `/v1/associate`. A bad line is reported and the rest goes \
             on. With `Accept: application/x-ndjson` a report comes about once a second, the last with `done: true`; without it, \
             the last report alone. Lines are stored a second after they came, or sooner. A node that stops answers with what it has \
             stored, and an error for the first line that it has not read. Importing the same lines again changes nothing, so `Idempotency-Key` is refused here.",
        )
        .query("namespace", schema::<Namespace>(), "For the lines that name none. Default: `default`.")
        .takes_lines::<TransferLine>()
        .answers::<ImportReport>("The last report.")
        .answers_lines::<ImportReport>("A report about once a second.")
        .errors(&[
            ErrorCode::InvalidArgument,
            ErrorCode::PermissionDenied,
            ErrorCode::Overloaded,
            ErrorCode::Unavailable,
            ErrorCode::DeadlineExceeded,
        ])
}

pub(in crate::http) async fn import(
    State(app): State<App>,
    Query(params): Query<ImportParams>,
    Reader(caller): Reader,
    headers: HeaderMap,
    body: Body,
) -> Reply {
    body::check_headers(&headers, "application/x-ndjson", is_ndjson)?;
    if idempotency_key(&headers)?.is_some() {
        let message = "Idempotency-Key is not for imports: importing the same lines again changes nothing";
        return Err(ApiError::invalid("Idempotency-Key", message).into());
    }
    let run = Run::new(&app, caller, params.namespace.unwrap_or_default(), body)?;
    if !wants_progress(&headers) {
        let (report, token) = run.complete(|_| {}).await?;
        let mut response = reply::json(report)?;
        reply::set_token(&mut response, &token);
        return Ok(response);
    }
    Ok(([(CONTENT_TYPE, NDJSON)], Body::from_stream(run.reports())).into_response())
}

fn is_ndjson(essence: &str) -> bool {
    matches!(
        essence,
        "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonlines"
            | "application/json"
            | "application/octet-stream"
            | "text/plain"
    )
}

fn wants_progress(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok()).any(|accept| accept.contains("ndjson"))
}
