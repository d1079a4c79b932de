//! What a node counts about its requests, for `/metrics`. Shared by the HTTP and the TCP interface; cheap to clone.

use std::fmt::{Display, Write as _};
use std::sync::Arc;
use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};
use sutra_grid::{NodeNumbers, ReplicaNumbers};
use sutra_protocol::ErrorCode;
use sutra_protocol::http::{RefusalCode, StatsResponse};
use sutra_replication::Role;
use sutra_storage::StoreStats;

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
    pub fn render(&self, stats: &StatsResponse, store: &StoreStats, node: Option<&NodeNumbers>) -> String {
        let mut text = String::new();
        let mut own = |name: &str, kind: &str, help: &str, value: &dyn Display| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        };
        let log = &stats.write_log;
        own("sutra_concepts_total", "gauge", "Living concepts.", &stats.concepts);
        own("sutra_associations_total", "gauge", "Living associations.", &stats.edges);
        own("sutra_vectors_total", "gauge", "Living concepts with a vector.", &stats.vectors);
        own("sutra_namespaces", "gauge", "Namespaces.", &stats.namespaces);
        own("sutra_wal_size_bytes", "gauge", "Size of the write-ahead log.", &stats.wal_bytes);
        own("sutra_wal_files", "gauge", "Files of the write-ahead log.", &stats.log_files);
        own("sutra_segments", "gauge", "Segments.", &stats.segments);
        own("sutra_segment_bytes", "gauge", "Size of the segments, with the graphs over their vectors.", &stats.segment_bytes);
        own("sutra_delta_bytes", "gauge", "Memory of what is in no segment yet.", &stats.delta_bytes);
        own("sutra_delta_budget_bytes", "gauge", "What that may take before it is checkpointed.", &stats.delta_budget_bytes);
        own("sutra_checkpoints_total", "counter", "Checkpoints since the start.", &stats.checkpoints);
        own("sutra_last_checkpoint_seconds", "gauge", "How long the last checkpoint took.", &stats.last_checkpoint_seconds);
        own("sutra_compactions_total", "counter", "Merges of segments since the start.", &stats.compactions);
        own("sutra_compacted_bytes_total", "counter", "Bytes that they wrote.", &store.compacted_bytes);
        own(
            "sutra_vector_graph_inserts_total",
            "counter",
            "Vectors put into graphs since the start, those of graphs that were given up too.",
            &store.graph_inserts,
        );
        own("sutra_scrubs_pending", "gauge", "Erasures whose content may still be in a file.", &stats.scrubs_pending);
        own(
            "sutra_effects_pending",
            "gauge",
            "Commands whose effects some other shard has still to take.",
            &store.effects_pending,
        );
        let oldest = store.effects_oldest.map_or(0.0, |oldest| oldest.as_micros() as f64 / 1e6);
        own(
            "sutra_effects_oldest_timestamp_seconds",
            "gauge",
            "When the oldest of them was recorded, in Unix time; 0: there is none.",
            &oldest,
        );
        own(
            "sutra_storage_trouble",
            "gauge",
            "1 if the last checkpoint or compaction failed.",
            &u8::from(stats.trouble.is_some()),
        );
        own("sutra_write_log_pending", "gauge", "Commands that wait in the write log.", &stats.pending);
        own("sutra_write_log_pending_bytes", "gauge", "Bytes of the commands that wait in the write log.", &stats.pending_bytes);
        own("sutra_write_log_utilisation", "gauge", "How full the write log is, 0 to 1.", &log.utilisation);
        own(
            "sutra_write_log_predicted_depth",
            "gauge",
            "Commands that will wait when the next entry is written.",
            &log.predicted_depth,
        );
        own(
            "sutra_write_log_window_seconds",
            "gauge",
            "How long the reconciler waits for more commands.",
            &(log.window_ms / 1e3),
        );
        own("sutra_write_log_rate", "gauge", "Commands that arrive in a second.", &log.rate_per_second);
        own("sutra_write_log_lag_seconds", "gauge", "How long a command that arrives now will wait.", &log.lag_seconds);
        own("sutra_write_log_health", "gauge", "1 is well, 0 turns writes away.", &log.health_score);
        own("sutra_commands_total", "counter", "Commands made durable since the start.", &stats.written);
        own("sutra_entries_total", "counter", "Entries of the log that they were packed into.", &store.entries);
        if let Some(node) = node {
            own(
                "sutra_replicas_moving",
                "gauge",
                "Replicas here that have no vote yet, or that the map has taken away.",
                &node.replicas_moving,
            );
            replicas(&mut text, &node.replicas);
            checks(&mut text, node);
            questions(&mut text, node);
            let mut of_node = |name: &str, help: &str, value: u64| {
                let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}");
            };
            of_node(
                "sutra_replicas_quarantined_total",
                "Replicas of this node that were not what their groups knew, or were damaged, since its start.",
                node.replicas_quarantined,
            );
            of_node(
                "sutra_replicas_healed_total",
                "Those of them that were made anew from the others, and are what their groups know again.",
                node.replicas_healed,
            );
            of_node("sutra_replicas_opened_total", "Replicas that this node was given since its start.", node.replicas_opened);
            of_node(
                "sutra_replicas_given_up_total",
                "Replicas that were taken away from this node since its start, and are removed.",
                node.replicas_given_up,
            );
            of_node("sutra_router_retries_total", "Commands that were given to a leader again.", node.retries);
            of_node(
                "sutra_router_hedges_total",
                "Reads that a second replica was asked because the first took long.",
                node.hedges,
            );
            of_node("sutra_peer_calls_total", "Requests to other nodes since the start.", node.peer_calls);
            of_node("sutra_peer_failures_total", "Requests to other nodes that had no reply.", node.peer_failures);
            let (name, help) = ("sutra_pinned_views", "Views of this node's shards that other nodes read now.");
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {}", node.pinned);
        }
        let mut times = |name: &str, help: &str, sum: f64, count: u64| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} summary\n{name}_sum {sum}\n{name}_count {count}");
        };
        let (sum, count) = (store.sync_seconds_total, store.syncs);
        times("sutra_wal_sync_seconds", "Time of writes with fsync of the write-ahead log.", sum, count);
        let (sum, count) = (store.apply_seconds_total, store.entries);
        times("sutra_apply_seconds", "Time in which entries of the log were applied and published.", sum, count);
        let (sum, count) = (store.checkpoint_seconds_total, store.checkpoints);
        times("sutra_checkpoint_seconds", "Time of checkpoints.", sum, count);
        // Encoding into a string fails only where a family has no metrics, and then what was encoded so far is still true.
        let _ = TextEncoder::new().encode_utf8(&self.0.registry.gather(), &mut text);
        text
    }
}

/// A number of a replica.
type OfReplica = fn(&ReplicaNumbers) -> f64;

/// What is told of each replica: name, kind, help, value.
const OF_REPLICA: [(&str, &str, &str, OfReplica); 8] = [
    ("sutra_replica_term", "gauge", "Raft's term.", |replica| replica.term as f64),
    (
        "sutra_replica_leader_changes_total",
        "counter",
        "How often another replica came to lead since the start, as this node saw it.",
        |replica| replica.leader_changes as f64,
    ),
    ("sutra_replica_last_index", "gauge", "Last entry of the replica's log.", |replica| replica.last as f64),
    ("sutra_replica_applied_index", "gauge", "Last entry that the replica has applied.", |replica| replica.applied as f64),
    ("sutra_replica_lag_entries", "gauge", "Entries of its log that the replica has not applied.", |replica| {
        replica.last.saturating_sub(replica.applied) as f64
    }),
    ("sutra_replication_lag_seconds", "gauge", "For how long the replica has not applied all of its log.", |replica| {
        replica.lag_seconds
    }),
    ("sutra_replica_snapshots_sent_total", "counter", "Snapshots that other replicas have taken in from this one.", |replica| {
        replica.snapshots_sent as f64
    }),
    (
        "sutra_replica_snapshots_installed_total",
        "counter",
        "Snapshots of other replicas that took the place of what this one had.",
        |replica| replica.snapshots_installed as f64,
    ),
];

/// Which replicas are in quarantine, and how often replicas were compared.
fn checks(text: &mut String, node: &NodeNumbers) {
    // Writing into a string can't fail.
    let _ = writeln!(
        text,
        "# HELP sutra_replica_quarantined 1 for a replica that nobody reads until it is healed.\n# TYPE sutra_replica_quarantined gauge"
    );
    let sound = node.replicas.iter().map(|replica| (replica.shard, 0));
    let mut all: Vec<(u64, u8)> = sound.chain(node.quarantined.iter().map(|shard| (*shard, 1))).collect();
    all.sort_unstable();
    for (shard, is_it) in all {
        let _ = writeln!(text, "sutra_replica_quarantined{{shard=\"{shard}\"}} {is_it}");
    }
    let _ = writeln!(
        text,
        "# HELP sutra_digest_checks_total How often this node compared the replicas of a shard.\n# TYPE sutra_digest_checks_total counter"
    );
    for (shard, outcome, count) in &node.checks {
        let _ = writeln!(text, "sutra_digest_checks_total{{shard=\"{shard}\",outcome=\"{}\"}} {count}", outcome.as_str());
    }
}

/// What other nodes were asked for.
fn questions(text: &mut String, node: &NodeNumbers) {
    // Writing into a string can't fail.
    let _ = writeln!(
        text,
        "# HELP sutra_view_requests_total Requests to other nodes for something of a state of a shard.\n\
         # TYPE sutra_view_requests_total counter"
    );
    for (question, count) in &node.questions {
        let _ = writeln!(text, "sutra_view_requests_total{{question=\"{question}\"}} {count}");
    }
}

/// The numbers of a node's replicas, family by family.
fn replicas(text: &mut String, replicas: &[ReplicaNumbers]) {
    for (name, kind, help, value) in OF_REPLICA {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for replica in replicas {
            let _ = writeln!(text, "{name}{{shard=\"{}\"}} {}", replica.shard, value(replica));
        }
    }
    let _ = writeln!(
        text,
        "# HELP sutra_replica_follower_behind_entries Entries of the log of the replica, which leads, that another is not known to have.\n\
         # TYPE sutra_replica_follower_behind_entries gauge"
    );
    for replica in replicas {
        let known = replica.followers.iter().filter_map(|(node, behind)| Some((node, (*behind)?)));
        for (node, behind) in known {
            let shard = replica.shard;
            let _ = writeln!(text, "sutra_replica_follower_behind_entries{{shard=\"{shard}\",node=\"{node}\"}} {behind}");
        }
    }
    let _ = writeln!(text, "# HELP sutra_replica_role 1 for what the replica is.\n# TYPE sutra_replica_role gauge");
    for replica in replicas {
        for role in Role::ALL {
            let (shard, name, is_it) = (replica.shard, role.as_str(), u8::from(role == replica.role));
            let _ = writeln!(text, "sutra_replica_role{{shard=\"{shard}\",role=\"{name}\"}} {is_it}");
        }
    }
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
    use sutra_protocol::http::WriteLogStats;

    use sutra_grid::CheckOutcome;

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
        let store =
            StoreStats { syncs: 3, sync_seconds_total: 0.25, entries: 9, apply_seconds_total: 0.125, ..StoreStats::default() };
        let write_log = WriteLogStats { health_score: 0.75, ..WriteLogStats::default() };
        let stats = StatsResponse { concepts: 7, segments: 2, checkpoints: 5, write_log, ..StatsResponse::default() };
        let replica = ReplicaNumbers {
            shard: 1,
            role: Role::Follower,
            term: 4,
            leader_changes: 2,
            last: 12,
            applied: 10,
            lag_seconds: 0.5,
            followers: Vec::new(),
            snapshots_sent: 6,
            snapshots_installed: 4,
        };
        let followers = vec![("node-2".to_owned(), Some(5)), ("node-3".to_owned(), None)];
        let leader = ReplicaNumbers { shard: 7, role: Role::Leader, term: 9, followers, ..replica.clone() };
        let node = NodeNumbers {
            replicas: vec![replica, leader],
            replicas_opened: 2,
            replicas_given_up: 1,
            replicas_moving: 5,
            quarantined: vec![3],
            replicas_quarantined: 2,
            replicas_healed: 1,
            checks: vec![(7, CheckOutcome::Equal, 4), (7, CheckOutcome::Diverged, 1)],
            retries: 8,
            hedges: 2,
            questions: vec![("concepts", 0), ("expand", 9)],
            pinned: 6,
            peer_calls: 3,
            peer_failures: 1,
        };
        let text = metrics.render(&stats, &store, Some(&node));
        for line in [
            "sutra_concepts_total 7",
            "sutra_segments 2",
            r#"sutra_replica_lag_entries{shard="1"} 2"#,
            r#"sutra_replica_role{shard="1",role="follower"} 1"#,
            r#"sutra_replica_role{shard="1",role="leader"} 0"#,
            r#"sutra_replica_snapshots_sent_total{shard="1"} 6"#,
            r#"sutra_replica_snapshots_installed_total{shard="1"} 4"#,
            r#"sutra_replica_term{shard="7"} 9"#,
            r#"sutra_replica_role{shard="7",role="leader"} 1"#,
            r#"sutra_replica_follower_behind_entries{shard="7",node="node-2"} 5"#,
            r#"sutra_replication_lag_seconds{shard="1"} 0.5"#,
            r#"sutra_replica_quarantined{shard="1"} 0"#,
            r#"sutra_replica_quarantined{shard="3"} 1"#,
            r#"sutra_digest_checks_total{shard="7",outcome="equal"} 4"#,
            r#"sutra_digest_checks_total{shard="7",outcome="diverged"} 1"#,
            "sutra_replicas_quarantined_total 2",
            "sutra_replicas_healed_total 1",
            "sutra_replicas_opened_total 2",
            "sutra_replicas_given_up_total 1",
            "sutra_replicas_moving 5",
            "sutra_router_retries_total 8",
            "sutra_router_hedges_total 2",
            r#"sutra_view_requests_total{question="concepts"} 0"#,
            r#"sutra_view_requests_total{question="expand"} 9"#,
            "sutra_pinned_views 6",
            "sutra_peer_failures_total 1",
            "sutra_entries_total 9",
            "sutra_apply_seconds_sum 0.125",
            "sutra_apply_seconds_count 9",
            "sutra_checkpoints_total 5",
            "sutra_write_log_health 0.75",
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
