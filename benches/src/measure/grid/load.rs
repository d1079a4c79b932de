//! A client that writes all the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use reqwest::blocking::Client;
use serde_json::json;
use sutra_protocol::ConceptId;
use sutra_protocol::http::{GetConceptsResponse, LearnResponse};

use crate::process::{Grid, pause};

/// How long a write may be tried.
const PATIENCE: Duration = Duration::from_secs(60);
/// Before a refused write is tried again.
const PAUSE: Duration = Duration::from_millis(2);
/// Ids of one request.
const BATCH: usize = 1000;

/// A write that was acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acknowledged {
    pub(super) at: Instant,
    pub(super) id: ConceptId,
}

/// One write after another through one node, each repeated until it is acknowledged, as a client with an `Idempotency-Key` may.
#[derive(Debug)]
pub(super) struct Writer {
    over: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Vec<Acknowledged>>>,
}

impl Writer {
    /// `name` is in the contents, which no other writer teaches.
    pub(super) fn start(http: &str, name: String) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (url, ends) = (format!("http://{http}/v1/learn"), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            let client = Client::builder().no_proxy().timeout(PATIENCE).build().context("make an HTTP client")?;
            let mut acknowledged = Vec::new();
            while !ends.load(Ordering::Acquire) {
                let key = format!("{name}-{}", acknowledged.len());
                let content = format!("encounter {key}: blood pressure 128 over 84 mmHg");
                let id = write(&client, &url, &key, &content)?;
                acknowledged.push(Acknowledged { at: Instant::now(), id });
            }
            Ok(acknowledged)
        });
        Self { over, thread }
    }

    /// Ends it; what was acknowledged, in order.
    pub(super) fn stop(self) -> anyhow::Result<Vec<Acknowledged>> {
        self.over.store(true, Ordering::Release);
        self.thread.join().unwrap_or_else(|_| bail!("the writing client panicked"))
    }
}

fn write(client: &Client, url: &str, key: &str, content: &str) -> anyhow::Result<ConceptId> {
    let since = Instant::now();
    loop {
        let request = client.post(url).header("Idempotency-Key", key).json(&json!({ "content": content }));
        let last = match request.send() {
            Ok(reply) if reply.status() == 200 => return Ok(reply.json::<LearnResponse>().context("read an answer")?.id),
            Ok(reply) if matches!(reply.status().as_u16(), 429 | 503 | 504) => reply.text().unwrap_or_default(),
            Ok(reply) => bail!("a write was answered {}: {}", reply.status(), reply.text().unwrap_or_default()),
            Err(error) => error.to_string(),
        };
        anyhow::ensure!(since.elapsed() < PATIENCE, "a write was not acknowledged within {PATIENCE:?}: {last}");
        pause(PAUSE);
    }
}

/// How many of these a strong read through this node does not find.
pub(super) fn missing(grid: &Grid, through: usize, ids: &[ConceptId]) -> anyhow::Result<usize> {
    let client = Client::builder().no_proxy().timeout(PATIENCE).build().context("make an HTTP client")?;
    let url = format!("http://{}/v1/concepts/get?consistency=strong", grid.node(through)?.http);
    let mut missing = 0;
    for ids in ids.chunks(BATCH) {
        let reply = client.post(&url).json(&json!({ "ids": ids })).send()?.error_for_status()?;
        let reply: GetConceptsResponse = reply.json().context("read an answer")?;
        anyhow::ensure!(reply.concepts.len() + reply.missing.len() == ids.len(), "an answer is not about all ids");
        missing += reply.missing.len();
    }
    Ok(missing)
}
