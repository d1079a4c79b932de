//! What an operator counts about its work, for `/metrics`. Cheap to clone.

mod process;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use prometheus::{Gauge, Histogram, HistogramOpts, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};
use sutra_crds::SutraCluster;

/// The counters of one operator. Every label has a bounded set of values: kinds, verbs and steps are literals.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    leader: IntGauge,
    reconciles: IntCounterVec,
    reconcile_seconds: Histogram,
    writes: IntCounterVec,
    clusters: IntGaugeVec,
    steps: IntCounterVec,
    node_polls: IntCounterVec,
    watch_errors: IntCounterVec,
    resident_memory: IntGauge,
    cpu_seconds: Gauge,
}

/// How a reconciliation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconciled {
    /// All that could be done was done.
    Ok,
    /// It failed and is tried again.
    Error,
    /// It took too long and was given up.
    TimedOut,
}

impl Reconciled {
    fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::TimedOut => "timed_out",
        }
    }
}

/// From 5 ms, what a reconciliation without a write takes, to a minute.
const BUCKETS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0];

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Counters that all stand at zero, in a registry of their own.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "it fails on a malformed or repeated name only, and the names are literals under test"
    )]
    pub fn new() -> Self {
        Self(Arc::new(Inner::new().expect("metric names are well formed")))
    }

    /// Whether this operator holds the lease.
    pub fn leads(&self, leads: bool) {
        self.0.leader.set(leads.into());
    }

    /// Counts a reconciliation that took `elapsed`.
    pub fn reconciled(&self, result: Reconciled, elapsed: Duration) {
        self.0.reconciles.with_label_values(&[result.label()]).inc();
        self.0.reconcile_seconds.observe(elapsed.as_secs_f64());
    }

    /// Counts a write to the API server: of which kind of object (`StatefulSet`), by which verb (`apply`, `create`, `delete`, `patch`).
    pub fn wrote(&self, kind: &str, verb: &str) {
        self.0.writes.with_label_values(&[kind, verb]).inc();
    }

    /// Counts a step of a plan that was carried out.
    pub fn stepped(&self, step: &str) {
        self.0.steps.with_label_values(&[step]).inc();
    }

    /// Counts a question to a node: whether it answered.
    pub fn node_polled(&self, answered: bool) {
        self.0.node_polls.with_label_values(&[if answered { "ok" } else { "error" }]).inc();
    }

    /// Counts a watch that failed.
    pub fn watch_failed(&self, kind: &str) {
        self.0.watch_errors.with_label_values(&[kind]).inc();
    }

    /// Takes over how many clusters have each condition in each state.
    pub fn observe_clusters(&self, clusters: &[Arc<SutraCluster>]) {
        let mut counts = BTreeMap::<(&str, &str), i64>::new();
        let conditions = clusters.iter().filter_map(|cluster| cluster.status.as_ref()).flat_map(|status| &status.conditions);
        for condition in conditions {
            *counts.entry((&condition.type_, &condition.status)).or_default() += 1;
        }
        self.0.clusters.reset();
        for ((condition, state), count) in counts {
            self.0.clusters.with_label_values(&[condition, state]).set(count);
        }
    }

    /// In Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.observe_process();
        // It fails on a metric without samples only, and `gather` leaves those out.
        TextEncoder::new().encode_to_string(&self.0.registry.gather()).unwrap_or_default()
    }
}

impl Inner {
    fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            Ok(counters)
        };
        let reconciles =
            counters("sutra_operator_reconciles_total", "Reconciliations of a cluster, by how they ended", &["result"])?;
        let writes = counters("sutra_operator_writes_total", "Writes to the API server", &["kind", "verb"])?;
        let steps = counters("sutra_operator_steps_total", "Steps of plans that were carried out", &["step"])?;
        let node_polls = counters("sutra_operator_node_polls_total", "Questions to nodes", &["result"])?;
        let watch_errors = counters("sutra_operator_watch_errors_total", "Watches that failed", &["kind"])?;
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let leader = gauge("sutra_operator_leader", "1 if this operator holds the lease")?;
        let resident_memory = gauge("sutra_operator_resident_memory_bytes", "Memory that the operator occupies")?;
        let clusters = IntGaugeVec::new(
            Opts::new("sutra_operator_clusters", "Clusters by condition and its state; none while this operator does not lead"),
            &["condition", "state"],
        )?;
        registry.register(Box::new(clusters.clone()))?;
        let cpu_seconds = Gauge::new("sutra_operator_cpu_seconds_total", "Processor time that the operator used")?;
        registry.register(Box::new(cpu_seconds.clone()))?;
        let reconcile_seconds = Histogram::with_opts(
            HistogramOpts::new("sutra_operator_reconcile_seconds", "Time that a reconciliation took").buckets(BUCKETS.to_vec()),
        )?;
        registry.register(Box::new(reconcile_seconds.clone()))?;
        for result in [Reconciled::Ok, Reconciled::Error, Reconciled::TimedOut] {
            reconciles.with_label_values(&[result.label()]);
        }
        Ok(Self {
            registry,
            leader,
            reconciles,
            reconcile_seconds,
            writes,
            clusters,
            steps,
            node_polls,
            watch_errors,
            resident_memory,
            cpu_seconds,
        })
    }

    fn observe_process(&self) {
        if let Some(bytes) = process::resident_memory() {
            self.resident_memory.set(bytes);
        }
        if let Some(seconds) = process::cpu_seconds() {
            self.cpu_seconds.set(seconds);
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
    use k8s_openapi::jiff::Timestamp;
    use sutra_crds::SutraClusterStatus;

    use super::*;

    fn cluster(ready: &str) -> Arc<SutraCluster> {
        let spec = serde_json::from_value(
            serde_json::json!({"nodes": 1, "storage": {"size": "1Gi"}, "security": {"mode": "development"}}),
        )
        .unwrap();
        let mut cluster = SutraCluster::new("demo", spec);
        let condition = Condition {
            type_: "Ready".into(),
            status: ready.into(),
            reason: "Settled".into(),
            message: String::new(),
            last_transition_time: Time(Timestamp::UNIX_EPOCH),
            observed_generation: None,
        };
        cluster.status = Some(SutraClusterStatus { conditions: vec![condition], ..Default::default() });
        Arc::new(cluster)
    }

    #[test]
    fn every_name_of_the_interface_is_there() {
        let metrics = Metrics::new();
        metrics.leads(true);
        metrics.reconciled(Reconciled::Ok, Duration::from_millis(7));
        metrics.wrote("StatefulSet", "apply");
        metrics.stepped("CreateObjects");
        metrics.node_polled(true);
        metrics.watch_failed("pods");
        let text = metrics.render();
        for line in [
            "sutra_operator_leader 1",
            "sutra_operator_reconciles_total{result=\"ok\"} 1",
            "sutra_operator_reconciles_total{result=\"error\"} 0",
            "sutra_operator_reconcile_seconds_bucket{le=\"0.01\"} 1",
            "sutra_operator_writes_total{kind=\"StatefulSet\",verb=\"apply\"} 1",
            "sutra_operator_steps_total{step=\"CreateObjects\"} 1",
            "sutra_operator_node_polls_total{result=\"ok\"} 1",
            "sutra_operator_watch_errors_total{kind=\"pods\"} 1",
            "sutra_operator_resident_memory_bytes ",
            "sutra_operator_cpu_seconds_total ",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn clusters_are_counted_anew_each_time() {
        let metrics = Metrics::new();
        metrics.observe_clusters(&[cluster("True"), cluster("True"), cluster("False")]);
        let text = metrics.render();
        assert!(text.contains("sutra_operator_clusters{condition=\"Ready\",state=\"True\"} 2"), "{text}");
        assert!(text.contains("sutra_operator_clusters{condition=\"Ready\",state=\"False\"} 1"), "{text}");
        metrics.observe_clusters(&[cluster("True")]);
        assert!(!metrics.render().contains("state=\"False\""));
    }
}
