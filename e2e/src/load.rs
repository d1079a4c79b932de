//! A client that teaches and asks without a pause, and keeps what it was told: so that it can be said afterwards what it saw of a
//! change or a failure, and that nothing is missing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::grid::Grid;
use crate::wait::{SOON, until};

/// Between two requests.
const PAUSE: Duration = Duration::from_millis(40);
/// A node that is gone lets a connection hang.
const CONNECT: Duration = Duration::from_millis(500);
/// How long a node may take for a write before it says what became of it: a client that waits, and one that would rather try again.
const WRITES: [Duration; 2] = [Duration::from_secs(8), Duration::from_secs(2)];
/// How many clients there were.
static SHIFTS: AtomicU64 = AtomicU64::new(0);
/// By how much longer an answer is waited for.
const ANSWER: Duration = Duration::from_secs(4);

/// What was acknowledged, and what went wrong.
#[derive(Debug, Default)]
struct Seen {
    /// Ids of what was acknowledged, with the time.
    kept: Vec<(String, Instant)>,
    /// Requests that were answered otherwise than they should be, or not at all.
    failed: Vec<(Instant, String)>,
    /// Reads that did not show what had been acknowledged to this client.
    went_back: Vec<String>,
}

/// A client at work, in the background.
pub struct Load {
    seen: Arc<Mutex<Seen>>,
    work: JoinHandle<()>,
    began: Instant,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.work.abort();
    }
}

impl Load {
    /// Begins, through this grid's address.
    ///
    /// # Errors
    /// If there can be no client.
    pub fn on(grid: &Grid) -> Result<Self> {
        Self::with(vec![grid.address.clone()], WRITES[0], ANSWER)
    }

    /// The same by a client that tries another of these nodes soon: of a machine that hangs, or that nothing reaches, nobody hears that
    /// it is gone, and a Service's address leads there for as long as Kubernetes has not heard it.
    ///
    /// # Errors
    /// If there can be no client.
    pub fn in_a_hurry_on(nodes: &[Grid]) -> Result<Self> {
        Self::with(nodes.iter().map(|node| node.address.clone()).collect(), WRITES[1], ANSWER / 4)
    }

    fn with(addresses: Vec<String>, write: Duration, answer: Duration) -> Result<Self> {
        // Without connections that are kept: each request may reach another node.
        let builder = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0);
        let http = builder.connect_timeout(CONNECT).timeout(write + answer).build().context("make a client")?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        // Each teaches something else: what was taught once is told again without being stored.
        let shift = SHIFTS.fetch_add(1, Ordering::Relaxed);
        let client = Client { http, addresses, write, shift, token: None, number: 0 };
        let work = tokio::spawn(client.work(Arc::clone(&seen)));
        Ok(Self { seen, work, began: Instant::now() })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many writes were acknowledged so far.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.seen().kept.len()
    }

    /// Waits until this many writes more are acknowledged.
    ///
    /// # Errors
    /// If they are not within a while: what the client saw last.
    pub async fn goes_on(&self, writes: usize) -> Result<()> {
        let before = self.acknowledged();
        until("the client's writes go on", SOON, async || {
            let now = self.acknowledged();
            let last = self.seen().failed.last().map(|(_, what)| what.clone());
            ensure!(now >= before + writes, "{} of {writes} were acknowledged; the last failure: {last:?}", now - before);
            Ok(())
        })
        .await
    }

    /// The longest time without an acknowledged write since then, up to now.
    #[must_use]
    pub fn gap_since(&self, then: Instant) -> Duration {
        let seen = self.seen();
        let times: Vec<Instant> = seen.kept.iter().map(|(_, at)| *at).collect();
        let from = times.iter().rposition(|at| *at <= then).map_or(self.began, |last| times[last]);
        let within = times.into_iter().filter(|at| *at > then).chain([Instant::now()]);
        within.fold((from, Duration::ZERO), |(last, longest), at| (at, longest.max(at - last))).1
    }

    /// Requests that failed since then.
    #[must_use]
    pub fn failures_since(&self, then: Instant) -> Vec<String> {
        self.seen().failed.iter().filter(|(at, _)| *at >= then).map(|(_, what)| what.clone()).collect()
    }

    /// Ends it, and checks with each of these nodes that it knows all that was acknowledged. Yields how much that was.
    ///
    /// # Errors
    /// If something is missing, or if a read did not show what had been acknowledged before it.
    pub async fn nothing_is_missing(self, nodes: &[Grid], http: &reqwest::Client) -> Result<usize> {
        self.work.abort();
        let (kept, went_back) = {
            let mut seen = self.seen();
            (std::mem::take(&mut seen.kept), std::mem::take(&mut seen.went_back))
        };
        ensure!(went_back.is_empty(), "{} reads went back:\n{}", went_back.len(), went_back.join("\n"));
        ensure!(!kept.is_empty(), "nothing was acknowledged at all");
        for node in nodes {
            let ids: Vec<&str> = kept.iter().map(|(id, _)| id.as_str()).collect();
            for ids in ids.chunks(500) {
                until("a node knows what was acknowledged", SOON, async || known(node, http, ids).await).await?;
            }
        }
        Ok(kept.len())
    }
}

async fn known(node: &Grid, http: &reqwest::Client, ids: &[&str]) -> Result<()> {
    let url = format!("{}/v1/concepts/get?consistency=strong", node.address);
    let answer = http.post(&url).json(&json!({"ids": ids})).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status.is_success(), "{url} answers {status}: {text}");
    let missing: Vec<&&str> = ids.iter().filter(|id| !text.contains(&format!("\"id\":\"{id}\""))).collect();
    ensure!(missing.is_empty(), "{url} does not know {} of {}: {missing:?}", missing.len(), ids.len());
    Ok(())
}

struct Client {
    http: reqwest::Client,
    /// The first is asked until it fails to answer; then it is the last.
    addresses: Vec<String>,
    /// How long a node may take for a write.
    write: Duration,
    /// Which of the clients it is.
    shift: u64,
    /// Of all that it wrote.
    token: Option<String>,
    number: u64,
}

impl Client {
    async fn work(mut self, seen: Arc<Mutex<Seen>>) {
        let note = |what: &dyn Fn(&mut Seen)| what(&mut seen.lock().unwrap_or_else(PoisonError::into_inner));
        loop {
            self.number += 1;
            // Until it is answered, under one key: what was stored already is not stored again.
            let id = loop {
                match self.write().await {
                    Ok(id) => break id,
                    Err(error) => {
                        note(&|seen| seen.failed.push((Instant::now(), format!("write {}: {error:#}", self.number))));
                        self.addresses.rotate_left(1);
                    }
                }
                sleep(PAUSE).await;
            };
            note(&|seen| seen.kept.push((id.clone(), Instant::now())));
            match self.read(&id).await {
                Ok(true) => {}
                Ok(false) => note(&|seen| seen.went_back.push(format!("write {} ({id}) was not found", self.number))),
                Err(error) => {
                    note(&|seen| seen.failed.push((Instant::now(), format!("read {}: {error:#}", self.number))));
                    self.addresses.rotate_left(1);
                }
            }
            sleep(PAUSE).await;
        }
    }

    async fn write(&mut self) -> Result<String> {
        let body = json!({
            "content": format!("Ward round {} of shift {}: all patients were seen", self.number, self.shift),
            "key": format!("round-{}-{}", self.shift, self.number),
        });
        let key = format!("ward-round-{}-{}", self.shift, self.number);
        let url = format!("{}/v1/learn?timeout_ms={}", self.addresses[0], self.write.as_millis());
        let mut request = self.http.post(url).header("Idempotency-Key", key).json(&body);
        if let Some(token) = &self.token {
            request = request.header("Sutra-Token", token);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let token = answer.headers().get("sutra-token").and_then(|token| token.to_str().ok()).map(str::to_owned);
        let text = answer.text().await?;
        ensure!(status.is_success(), "{status}: {text}");
        let answer: Value = serde_json::from_str(&text)?;
        self.token = Some(token.context("a write without a Sutra-Token")?);
        answer["id"].as_str().map(str::to_owned).context("a learn request's answer names no id")
    }

    /// Whether it is there.
    async fn read(&self, id: &str) -> Result<bool> {
        let mut request = self.http.get(format!("{}/v1/concept/{id}", self.addresses[0]));
        if let Some(token) = &self.token {
            request = request.header("Sutra-Token", token);
        }
        let answer = request.send().await?;
        let status = answer.status();
        if status == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        ensure!(status.is_success(), "{status}: {}", answer.text().await?);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_work(times: &[u64]) -> (Load, Instant) {
        let began = Instant::now();
        let kept = times.iter().map(|ms| (String::new(), began + Duration::from_millis(*ms))).collect();
        let seen = Arc::new(Mutex::new(Seen { kept, ..Seen::default() }));
        (Load { seen, work: tokio::spawn(async {}), began }, began)
    }

    #[tokio::test(start_paused = true)]
    async fn a_gap_is_the_longest_time_between_two_acknowledgements() {
        let (load, began) = at_work(&[10, 20, 70, 90]);
        sleep(Duration::from_millis(100)).await;
        assert_eq!(load.gap_since(began + Duration::from_millis(25)), Duration::from_millis(50), "one that began before counts");
        assert_eq!(load.gap_since(began + Duration::from_millis(75)), Duration::from_millis(20));
        sleep(Duration::from_millis(400)).await;
        assert_eq!(load.gap_since(began), Duration::from_millis(410), "one that has not ended counts");
    }
}
