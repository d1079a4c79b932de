//! `GET /v1/export`.

use std::io;

use axum::body::Body;
use axum::extract::State;
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use futures_util::{Stream, stream};
use sutra_protocol::ApiError;
use sutra_protocol::http::TransferLine;

use super::import::refuse_async;
use crate::http::app::App;
use crate::http::extract::params::{FromParams, Params};
use crate::http::extract::{Query, ReadParams, Reader};
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::Reply;
use crate::service::Exporter;

/// A read without a deadline.
pub(in crate::http) struct ExportParams(ReadParams);

impl FromParams for ExportParams {
    const BOUNDED: bool = false;

    fn from_params(params: &mut Params) -> Result<Self, ApiError> {
        refuse_async(params)?;
        ReadParams::from_params(params).map(Self)
    }
}

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::GET, "/v1/export", "export", Tag::Transfer, "Read a whole namespace")
        .about("NDJSON that import takes back: the concepts, then the associations, all as they were at one moment.")
        .reads()
        .answers_lines::<TransferLine>("The lines.")
        .errors(&[sutra_protocol::ErrorCode::DeadlineExceeded])
}

pub(in crate::http) async fn export(
    State(app): State<App>,
    Query(ExportParams(read)): Query<ExportParams>,
    Reader(caller): Reader,
) -> Reply {
    let exporter = app.service.export(&caller, &read.into_read()).await?;
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(pages(exporter))).into_response())
}

/// The next page is made when the client has taken the one before; a client that goes away takes the exporter with it.
fn pages(exporter: Exporter) -> impl Stream<Item = io::Result<Vec<u8>>> + Send {
    stream::unfold(Some(exporter), |exporter| async move {
        let mut exporter = exporter?;
        let made = tokio::task::spawn_blocking(move || exporter.next_page().map(|page| (page, exporter))).await;
        match made {
            Ok(page) => page.map(|(page, exporter)| (Ok(page), Some(exporter))),
            // Without this the client would take a reply that was cut off for a whole one.
            Err(error) => Some((Err(io::Error::other(error)), None)),
        }
    })
}
