//! What clients of a grid are told, and whether it can be true.
//!
//! Each client owns a register: a concept with the attribute `n`, which it alone raises, by one a write. So every read can be judged at
//! once, whoever made it: what a read shows must have been begun, and may not be older than what it had to see. Beside that each client
//! teaches concepts that nobody else does, which must all be there at the end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

use super::fixture::{Grid, until};
use crate::random::Random;

/// As many as the interface promises something about.
pub(super) const CLIENTS: usize = 16;
/// How long a node has for a request, and how long a client waits for its answer.
const REQUEST_MS: u64 = 1_500;
const ANSWER: Duration = Duration::from_secs(2);
/// How long a write may be tried again: more than any event lasts.
const WRITE: Duration = Duration::from_secs(90);
/// How long a client waits before it tries another node.
const PAUSE: Duration = Duration::from_millis(10);
/// Of each writer this many concepts share a hub.
const HUBS: u64 = 5;

/// A register, as its owner and its readers see it together.
struct Register {
    id: String,
    /// Begun by its owner: no read may show more.
    begun: AtomicU64,
    /// Acknowledged, or shown by a strong read: a strong read that begins now has to show it.
    settled: AtomicU64,
    /// The last acknowledged write, and the token of its answer.
    told: Mutex<(u64, String)>,
}

/// What the clients did.
#[derive(Default)]
struct Record {
    /// When writes were acknowledged.
    acknowledged: Vec<Instant>,
    /// Contents that were acknowledged, with their ids.
    taught: Vec<(String, String)>,
    /// When something was done to the grid, and what.
    events: Vec<(Instant, String)>,
    /// How many reads were judged.
    reads: u64,
    /// What can't be true.
    violations: Vec<String>,
}

/// Load on a grid, and the record of it.
pub(super) struct History {
    urls: Vec<String>,
    registers: Vec<Register>,
    record: Mutex<Record>,
    over: AtomicBool,
    seed: u64,
}

impl History {
    /// Makes the registers.
    pub(super) fn of(grid: &Grid, seed: u64) -> Self {
        let register = |at: usize| {
            let body = json!({"content": format!("register {at}"), "key": format!("register-{at}"), "attributes": {"n": 0}});
            let reply = grid.client().post(grid.url(0, "/v1/learn")).json(&body).send().unwrap();
            assert_eq!(reply.status(), 200);
            let token = token(&reply);
            let id = reply.json::<Value>().unwrap()["id"].as_str().unwrap().to_owned();
            Register { id, begun: AtomicU64::new(0), settled: AtomicU64::new(0), told: Mutex::new((0, token)) }
        };
        let registers: Vec<Register> = (0..CLIENTS).map(register).collect();
        // A read without a token shows what its node has: from here on each has all registers.
        for (at, register) in (0..grid.size()).flat_map(|at| registers.iter().map(move |register| (at, register))) {
            let token = register.told.lock().unwrap_or_else(PoisonError::into_inner).1.clone();
            let read = grid.client().get(grid.url(at, &format!("/v1/concept/{}", register.id))).header("Sutra-Token", token);
            assert_eq!(read.send().unwrap().status(), 200);
        }
        Self { urls: grid.urls(), registers, record: Mutex::default(), over: AtomicBool::new(false), seed }
    }

    /// Has the clients work while `meanwhile` does something to the grid.
    pub(super) fn during<T>(&self, meanwhile: impl FnOnce() -> T) -> T {
        /// However `meanwhile` ends: or the clients would go on for ever.
        struct Ends<'a>(&'a AtomicBool);
        impl Drop for Ends<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Release);
            }
        }
        self.over.store(false, Ordering::Release);
        std::thread::scope(|threads| {
            let ends = Ends(&self.over);
            for at in 0..CLIENTS {
                threads.spawn(move || Caller::of(self, at).work());
            }
            let done = meanwhile();
            drop(ends);
            done
        })
    }

    /// Waits until so many more writes were acknowledged.
    pub(super) fn writes(&self, more: usize) {
        let enough = self.record().acknowledged.len() + more;
        until("writes", || (self.record().acknowledged.len() >= enough || self.is_violated()).then_some(()));
    }

    /// Notes that something is done to the grid.
    pub(super) fn event(&self, what: impl Into<String>) {
        self.record().events.push((Instant::now(), what.into()));
    }

    pub(super) fn is_violated(&self) -> bool {
        !self.record().violations.is_empty()
    }

    /// The longest gap between acknowledged writes since this time.
    pub(super) fn gap(&self, since: Instant) -> Duration {
        let mut record = self.record();
        record.acknowledged.sort_unstable();
        gap(&record.acknowledged, since, None)
    }

    /// What was done to the grid, and the longest gap in the writes after each.
    pub(super) fn told(&self) -> String {
        let mut record = self.record();
        record.acknowledged.sort_unstable();
        let (first, mut text) = (record.acknowledged.first().copied(), String::new());
        for (at, (when, what)) in record.events.iter().enumerate() {
            let until = record.events.get(at + 1).map(|(next, _)| *next);
            let gap = gap(&record.acknowledged, *when, until);
            let since = first.map_or(Duration::ZERO, |first| when.saturating_duration_since(first));
            text += &format!("{:7.2} s  {what}: longest gap {} ms\n", since.as_secs_f64(), gap.as_millis());
        }
        text + &format!("{} writes, {} reads, seed {}", record.acknowledged.len(), record.reads, self.seed)
    }

    /// Checks the whole of it against what the nodes export in the end.
    pub(super) fn check(&self, exported: &[String]) {
        let told = self.told();
        let record = self.record();
        assert!(record.violations.is_empty(), "{told}\n{:#?}", record.violations);
        let lines = exported.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let concepts: HashMap<String, Value> =
            lines.filter_map(|line| Some((line.get("content")?.as_str()?.to_owned(), line))).collect();
        for (content, id) in &record.taught {
            assert!(concepts.contains_key(content), "{content:?} ({id}) was acknowledged, and is lost\n{told}");
        }
        for (at, register) in self.registers.iter().enumerate() {
            let last = concepts[&format!("register {at}")]["attributes"]["n"].as_u64().unwrap();
            let range = register.settled.load(Ordering::Acquire)..=register.begun.load(Ordering::Acquire);
            assert!(range.contains(&last), "register {at} ends with {last}, and {range:?} was acknowledged and begun\n{told}");
        }
    }

    fn record(&self) -> std::sync::MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The longest time in which no write was acknowledged.
fn gap(acknowledged: &[Instant], since: Instant, until: Option<Instant>) -> Duration {
    let until = until.unwrap_or_else(|| acknowledged.last().copied().unwrap_or(since));
    // From the last one before: the first after it ends the gap.
    let begin = acknowledged.partition_point(|at| *at < since).saturating_sub(1);
    let some: Vec<Instant> = acknowledged[begin..].iter().copied().take_while(|at| *at <= until.max(since)).collect();
    let after = acknowledged.get(begin + some.len()).copied();
    let all: Vec<Instant> = some.into_iter().chain(after).collect();
    all.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
}

fn token(reply: &Response) -> String {
    reply.headers()["sutra-token"].to_str().unwrap().to_owned()
}

/// One of the clients.
struct Caller<'a> {
    history: &'a History,
    at: usize,
    client: Client,
    random: Random,
    written: u64,
    /// What its last read showed: of which register, and the token of that answer.
    shown: Option<(usize, u64, String)>,
}

impl<'a> Caller<'a> {
    fn of(history: &'a History, at: usize) -> Self {
        let client = Client::builder().timeout(ANSWER).connect_timeout(Duration::from_secs(1)).build().unwrap();
        let begun = history.registers[at].begun.load(Ordering::Acquire);
        Self {
            history,
            at,
            client,
            random: Random(history.seed ^ ((at as u64 + 1) << 48) ^ begun),
            written: begun << 20,
            shown: None,
        }
    }

    fn work(mut self) {
        while !self.history.over.load(Ordering::Acquire) && !self.history.is_violated() {
            match self.random.below(20) {
                0..8 => self.raise(),
                8..12 => drop(self.teach()),
                12..13 => self.teach_and_change(),
                13..15 => self.read_with_a_token(),
                15..17 => self.read_on(),
                _ => self.read_strongly(),
            }
        }
    }

    fn url(&mut self, path: &str) -> String {
        let at = self.random.place(self.history.urls.len());
        let separator = if path.contains('?') { '&' } else { '?' };
        format!("{}{path}{separator}timeout_ms={REQUEST_MS}", self.history.urls[at])
    }

    fn violation(&self, what: String) {
        self.history.record().violations.push(what);
    }

    /// Writes on any node until it is acknowledged, as a client with an `Idempotency-Key` may.
    fn write(&mut self, request: impl Fn(&Client, &str) -> RequestBuilder, path: &str) -> Option<(Value, String)> {
        self.written += 1;
        let key = format!("{}-{}", self.at, self.written);
        let since = Instant::now();
        let mut last = String::new();
        while since.elapsed() < WRITE {
            let url = self.url(path);
            match request(&self.client, &url).header("Idempotency-Key", &key).send() {
                Ok(reply) if reply.status() == 200 => {
                    let token = token(&reply);
                    if let Ok(body) = reply.json::<Value>() {
                        self.history.record().acknowledged.push(Instant::now());
                        return Some((body, token));
                    }
                }
                Ok(reply) => {
                    let status = reply.status().as_u16();
                    last = reply.text().unwrap_or_default();
                    if !matches!(status, 429 | 503 | 504) {
                        self.violation(format!("a write to {url} was answered {status}: {last}"));
                        return None;
                    }
                }
                Err(error) => last = error.to_string(),
            }
            std::thread::sleep(PAUSE);
        }
        self.violation(format!("a write was not acknowledged in {WRITE:?}: {last}"));
        None
    }

    fn raise(&mut self) {
        let register = &self.history.registers[self.at];
        let next = register.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let (path, body) = (format!("/v1/concept/{}", register.id), json!({"attributes": {"n": next}}));
        if let Some((_, token)) = self.write(|client, url| client.patch(url).json(&body), &path) {
            register.settled.fetch_max(next, Ordering::AcqRel);
            *register.told.lock().unwrap_or_else(PoisonError::into_inner) = (next, token);
        }
    }

    /// Teaches something new; its id.
    fn teach(&mut self) -> Option<String> {
        let content = format!("statement {}/{} of the history", self.at, self.written);
        let hub = format!("hub {}", self.written % HUBS);
        let body = json!({"content": content, "associations": [{"target_content": hub, "type": "causal", "label": "feeds"}]});
        let (learned, _) = self.write(|client, url| client.post(url).json(&body), "/v1/learn")?;
        let id = learned["id"].as_str().unwrap_or_default().to_owned();
        self.history.record().taught.push((content, id.clone()));
        Some(id)
    }

    /// What was acknowledged can be changed through any node at once, without a token.
    fn teach_and_change(&mut self) {
        let Some(id) = self.teach() else { return };
        let path = format!("/v1/concept/{id}");
        self.write(|client, url| client.patch(url).json(&json!({"attributes": {"changed": true}})), &path);
    }

    /// What a register shows, from any node, and the answer's token; `None`: nothing could be told.
    fn read(&mut self, of: usize, query: &str, token: Option<&str>) -> Option<(u64, String)> {
        let url = self.url(&format!("/v1/concept/{}{query}", self.history.registers[of].id));
        let mut request = self.client.get(&url);
        if let Some(token) = token {
            request = request.header("Sutra-Token", token);
        }
        let Ok(reply) = request.send() else {
            std::thread::sleep(PAUSE);
            return None;
        };
        let status = reply.status().as_u16();
        let shown_by = if status == 200 { self::token(&reply) } else { String::new() };
        let text = reply.text().ok()?;
        match status {
            200 => Some((serde_json::from_str::<Value>(&text).unwrap_or_default()["attributes"]["n"].as_u64()?, shown_by)),
            429 | 503 | 504 => {
                std::thread::sleep(PAUSE);
                None
            }
            _ => {
                self.violation(format!("a read of {url} was answered {status}: {text}"));
                None
            }
        }
    }

    /// A read with the token of a write, which may be another client's, shows that write.
    fn read_with_a_token(&mut self) {
        let of = if self.random.below(2) == 0 { self.at } else { self.random.place(CLIENTS) };
        let register = &self.history.registers[of];
        let (least, token) = register.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((shown, _)) = self.read(of, "", Some(&token)) {
            self.judge(of, shown, least, "with a token");
        }
    }

    /// A read with the token of the read before, on whatever node, shows no less than that one.
    fn read_on(&mut self) {
        let (of, least, token) = match self.shown.take() {
            Some((of, least, token)) => (of, least, Some(token)),
            None => (self.random.place(CLIENTS), 0, None),
        };
        if let Some((shown, token)) = self.read(of, "", token.as_deref()) {
            self.judge(of, shown, least, "after a read");
            self.shown = Some((of, shown, token));
        }
    }

    /// A strong read shows all that was acknowledged, or shown by another strong read, before it began.
    fn read_strongly(&mut self) {
        let of = self.random.place(CLIENTS);
        let register = &self.history.registers[of];
        let least = register.settled.load(Ordering::Acquire);
        if let Some((shown, _)) = self.read(of, "?consistency=strong", None) {
            self.judge(of, shown, least, "that is strong");
            register.settled.fetch_max(shown, Ordering::AcqRel);
        }
    }

    fn judge(&self, of: usize, shown: u64, least: u64, kind: &str) {
        let begun = self.history.registers[of].begun.load(Ordering::Acquire);
        self.history.record().reads += 1;
        if !(least..=begun).contains(&shown) {
            self.violation(format!("a read {kind} of register {of} shows {shown}; {least} was settled before and {begun} begun"));
        }
    }
}
