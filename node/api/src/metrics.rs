//! What a node counts about its requests, for `/metrics`. Shared by the HTTP and the TCP interface; cheap to clone.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};
use sutra_protocol::ErrorCode;
use sutra_protocol::http::{RefusalCode, StatsResponse};

/// The counters of one node. Every label has a bounded set of values: operation names are literals, codes are enums.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    refusals: IntCounterVec,
    http_connections: IntGauge,
    tcp_connections: IntGauge,
}

/// The interface that a connection belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// HTTP, `sutra_http_connections`.
    Http,
    /// MessagePack over TCP, `sutra_tcp_connections`.
    Tcp,
}

/// An open connection: counted until it is dropped.
#[derive(Debug)]
pub struct OpenConnection(IntGauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// From 100 µs, what a read from memory takes, to 10 s, the default time-out.
const BUCKETS: [f64; 14] = [0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Counters that all stand at zero, in a registry of their own.
    #[expect(
        clippy::expect_used,
        reason = "it fails on a malformed or repeated name only, and the names are literals under test"
    )]
    pub fn new() -> Self {
        Self(Arc::new(Inner::new().expect("metric names are well formed")))
    }

    /// Counts a request that ended after `elapsed`: `code` is `None` if it succeeded.
    pub fn observe(&self, operation: &'static str, code: Option<ErrorCode>, elapsed: Duration) {
        let code = code.map_or("ok", ErrorCode::as_str);
        self.0.requests.with_label_values(&[operation, code]).inc();
        self.0.seconds.with_label_values(&[operation]).observe(elapsed.as_secs_f64());
    }

    /// Counts a question that was refused an answer.
    pub fn refused(&self, code: RefusalCode) {
        self.0.refusals.with_label_values(&[code.as_str()]).inc();
    }

    /// Counts a connection for as long as the returned value lives.
    #[must_use]
    pub fn connected(&self, interface: Interface) -> OpenConnection {
        let gauge = match interface {
            Interface::Http => &self.0.http_connections,
            Interface::Tcp => &self.0.tcp_connections,
        };
        gauge.inc();
        OpenConnection(gauge.clone())
    }

    /// Everything counted, and the node's own numbers, in the text format of Prometheus (version 0.0.4).
    pub fn render(&self, stats: &StatsResponse, sync: WalSync) -> String {
        let mut text = String::new();
        let mut own = |name: &str, kind: &str, help: &str, value: u64| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        };
        own("sutra_concepts_total", "gauge", "Living concepts.", stats.concepts);
        own("sutra_associations_total", "gauge", "Living associations.", stats.edges);
        own("sutra_namespaces", "gauge", "Namespaces.", stats.namespaces);
        own("sutra_wal_size_bytes", "gauge", "Size of the write-ahead log.", stats.wal_bytes);
        own("sutra_write_log_pending", "gauge", "Commands that wait in the write log.", stats.pending);
        own("sutra_write_log_pending_bytes", "gauge", "Bytes of the commands that wait in the write log.", stats.pending_bytes);
        own("sutra_commands_total", "counter", "Commands made durable since the start.", stats.written);
        let _ = writeln!(
            text,
            "# HELP sutra_wal_sync_seconds Time of writes with fsync of the write-ahead log.\n\
             # TYPE sutra_wal_sync_seconds summary\n\
             sutra_wal_sync_seconds_sum {}\nsutra_wal_sync_seconds_count {}",
            sync.seconds_total, sync.count
        );
        // Encoding into a string fails only where a family has no metrics, and then what was encoded so far is still true.
        let _ = TextEncoder::new().encode_utf8(&self.0.registry.gather(), &mut text);
        text
    }
}

/// How often, and for how long in all, the write-ahead log was written and synced.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WalSync {
    /// Syncs since the start.
    pub count: u64,
    /// Their time together, in seconds.
    pub seconds_total: f64,
}

impl Inner {
    fn new() -> prometheus::Result<Self> {
        let inner = Self {
            registry: Registry::new(),
            requests: IntCounterVec::new(
                Opts::new("sutra_requests_total", "Requests by operation and outcome."),
                &["operation", "code"],
            )?,
            seconds: HistogramVec::new(
                HistogramOpts::new("sutra_request_seconds", "Time from a request's head to its reply.").buckets(BUCKETS.to_vec()),
                &["operation"],
            )?,
            refusals: IntCounterVec::new(
                Opts::new("sutra_refusals_total", "Questions without an answer, by the reason for it."),
                &["code"],
            )?,
            http_connections: IntGauge::new("sutra_http_connections", "Open HTTP connections.")?,
            tcp_connections: IntGauge::new("sutra_tcp_connections", "Open connections of the MessagePack protocol.")?,
        };
        inner.registry.register(Box::new(inner.requests.clone()))?;
        inner.registry.register(Box::new(inner.seconds.clone()))?;
        inner.registry.register(Box::new(inner.refusals.clone()))?;
        inner.registry.register(Box::new(inner.http_connections.clone()))?;
        inner.registry.register(Box::new(inner.tcp_connections.clone()))?;
        Ok(inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_refusals_and_connections_are_rendered() {
        let metrics = Metrics::new();
        metrics.observe("learn", None, Duration::from_millis(2));
        metrics.observe("learn", Some(ErrorCode::Conflict), Duration::from_millis(2));
        metrics.refused(RefusalCode::NoPath);
        let open = metrics.connected(Interface::Http);
        let closed = metrics.connected(Interface::Tcp);
        drop(closed);
        let sync = WalSync { count: 3, seconds_total: 0.25 };
        let text = metrics.render(&StatsResponse { concepts: 7, ..StatsResponse::default() }, sync);
        for line in [
            "sutra_concepts_total 7",
            "sutra_wal_sync_seconds_sum 0.25",
            "sutra_wal_sync_seconds_count 3",
            r#"sutra_requests_total{code="ok",operation="learn"} 1"#,
            r#"sutra_requests_total{code="conflict",operation="learn"} 1"#,
            r#"sutra_request_seconds_count{operation="learn"} 2"#,
            r#"sutra_refusals_total{code="no_path"} 1"#,
            "sutra_http_connections 1",
            "sutra_tcp_connections 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
        drop(open);
    }
}
