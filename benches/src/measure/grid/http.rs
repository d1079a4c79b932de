//! Requests over HTTP, and their times.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use reqwest::blocking::{Client, RequestBuilder};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn client() -> anyhow::Result<Client> {
    Client::builder().no_proxy().timeout(PATIENCE).build().context("make an HTTP client")
}

/// The time of a request and its whole answer, which must be a good one.
pub(super) fn timed(request: RequestBuilder) -> anyhow::Result<(Duration, String)> {
    let started = Instant::now();
    let reply = request.send()?;
    let status = reply.status();
    let text = reply.text()?;
    let time = started.elapsed();
    anyhow::ensure!(status.is_success(), "a read was answered {status}: {text}");
    Ok((time, text))
}
