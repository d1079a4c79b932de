//! The control loop.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use serde_json::{Value, json};
use sutra_operator::config::{Config, LeaseConfig, LogFormat};
use sutra_operator::control::{self, ControlError, Shell};
use sutra_operator::events::Events;
use sutra_operator::health::Health;
use sutra_operator::lease::Leadership;
use sutra_operator::metrics::Metrics;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::api::Api;

const SOON: Duration = Duration::from_secs(10);

fn cluster(name: &str) -> Value {
    json!({"apiVersion": "sutra.dev/v1alpha1", "kind": "SutraCluster",
        "metadata": {"name": name, "namespace": "team", "uid": name, "resourceVersion": "1", "generation": 1},
        "spec": {"nodes": 1, "storage": {"size": "1Gi"}, "security": {"mode": "development"}}})
}

fn stateful_set(cluster: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": cluster, "namespace": "team",
        "labels": {"app.kubernetes.io/instance": cluster}, "resourceVersion": "2", "managedFields": [{"manager": "x"}]}})
}

fn shell(api: &Api) -> Shell {
    let client = api.client();
    Shell {
        events: Events::new(client.clone(), "one"),
        client,
        leadership: Leadership::new().1,
        config: Config {
            namespace: None,
            cluster_selector: None,
            node_image: "sutra-node:1".into(),
            lease_namespace: "sutra".into(),
            lease: LeaseConfig {
                name: "sutra-operator".into(),
                identity: "one".into(),
                duration: Duration::from_secs(15),
                renew: Duration::from_secs(5),
            },
            cluster_domain: "cluster.local".into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            poll: Duration::from_secs(15),
            log: LogFormat::Text,
        },
        metrics: Metrics::new(),
        probe: reqwest::Client::new(),
        health: Health::new(),
    }
}

/// A control loop whose reconciliation tells the name of each cluster that it is given.
struct Loop {
    looked_at: UnboundedReceiver<String>,
    stop: CancellationToken,
    ended: JoinHandle<Result<(), ControlError>>,
}

impl Loop {
    fn begin(shell: Shell) -> Self {
        let (sender, looked_at) = unbounded_channel();
        let stop = CancellationToken::new();
        let ended = tokio::spawn(control::run(shell, stop.clone(), move |cluster, _context| {
            let _ = sender.send(cluster.name_any());
            async { Ok::<_, Infallible>(Action::await_change()) }
        }));
        Self { looked_at, stop, ended }
    }

    async fn next(&mut self) -> String {
        timeout(SOON, self.looked_at.recv()).await.expect("a cluster is looked at").unwrap()
    }

    async fn is_quiet(&mut self) {
        let next = timeout(Duration::from_millis(700), self.looked_at.recv()).await;
        assert!(next.is_err(), "{next:?} was looked at");
    }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(timeout(SOON, wait).await.is_ok(), "{what}");
}

#[tokio::test]
async fn no_cluster_is_looked_at_before_all_objects_are_known() {
    let api = Api::new();
    api.has("sutraclusters", cluster("demo"));
    api.is_silent_about("pods");
    let shell = shell(&api);
    let health = shell.health.clone();
    let mut control = Loop::begin(shell);
    until("clusters are watched", || api.is_watched("sutraclusters")).await;
    control.is_quiet().await;
    assert!(health.ready().unwrap_err().contains("pods: not all known yet"));
    api.speaks_about("pods");
    assert_eq!(control.next().await, "demo");
    assert_eq!(health.ready(), Ok(()));
}

#[tokio::test]
async fn whatever_happens_to_what_belongs_to_a_cluster_makes_it_looked_at_again() {
    let api = Api::new();
    api.has("sutraclusters", cluster("demo"));
    api.has("sutraclusters", cluster("other"));
    let mut control = Loop::begin(shell(&api));
    let mut both = [control.next().await, control.next().await];
    both.sort();
    assert_eq!(both, ["demo", "other"]);
    until("stateful sets are watched", || api.is_watched("statefulsets")).await;
    control.is_quiet().await;
    for what in ["ADDED", "MODIFIED", "DELETED"] {
        api.happens("statefulsets", what, &stateful_set("demo"));
        assert_eq!(control.next().await, "demo", "{what}");
    }
    api.happens("statefulsets", "MODIFIED", &stateful_set("of-nobody"));
    control.is_quiet().await;
    api.happens("sutraclusters", "ADDED", &cluster("third"));
    assert_eq!(control.next().await, "third");
}

#[tokio::test]
async fn what_is_cached_has_no_managed_fields() {
    let api = Api::new();
    api.has("sutraclusters", cluster("demo"));
    api.has("statefulsets", stateful_set("demo"));
    let (sender, mut seen) = unbounded_channel();
    let control = tokio::spawn(control::run(shell(&api), CancellationToken::new(), move |_, context| {
        let _ = sender.send(context.caches.stateful_sets.state());
        async { Ok::<_, Infallible>(Action::await_change()) }
    }));
    let sets = timeout(SOON, seen.recv()).await.unwrap().unwrap();
    assert_eq!(sets.len(), 1);
    assert!(sets[0].managed_fields().is_empty());
    control.abort();
}

#[tokio::test]
async fn who_stops_finishes_what_runs_and_begins_nothing() {
    let api = Api::new();
    api.has("sutraclusters", cluster("demo"));
    let (begun, finished) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted_begun, counted_finished) = (begun.clone(), finished.clone());
    let stop = CancellationToken::new();
    let control = tokio::spawn(control::run(shell(&api), stop.clone(), move |_, _| {
        counted_begun.fetch_add(1, Ordering::Relaxed);
        let finished = counted_finished.clone();
        async move {
            sleep(Duration::from_millis(500)).await;
            finished.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>(Action::requeue(Duration::from_millis(1)))
        }
    }));
    until("a reconciliation runs", || begun.load(Ordering::Relaxed) == 1).await;
    stop.cancel();
    timeout(SOON, control).await.unwrap().unwrap().unwrap();
    assert_eq!((begun.load(Ordering::Relaxed), finished.load(Ordering::Relaxed)), (1, 1));
}

#[tokio::test]
async fn who_stops_with_nothing_to_do_ends_at_once() {
    // Many at a time: what sees the stop first, the loop or the queue that the loop reads, is chance.
    let mut loops = JoinSet::new();
    for _ in 0..32 {
        loops.spawn(async {
            let api = Api::new();
            api.has("sutraclusters", cluster("demo"));
            let mut control = Loop::begin(shell(&api));
            control.next().await;
            control.stop.cancel();
            timeout(SOON, control.ended).await.unwrap().unwrap().unwrap();
        });
    }
    loops.join_all().await;
}

#[tokio::test]
async fn missing_definitions_are_told_and_waited_for() {
    let api = Api::new();
    api.has("sutraclusters", cluster("demo"));
    api.is_unknown("sutraclusters");
    let shell = shell(&api);
    let (health, metrics) = (shell.health.clone(), shell.metrics.clone());
    let mut control = Loop::begin(shell);
    until("it is not ready", || health.ready().is_err_and(|reason| reason.contains("does not know sutraclusters.sutra.dev")))
        .await;
    assert!(metrics.render().contains("sutra_operator_watch_errors_total{kind=\"sutraclusters\"}"));
    assert_eq!(health.live(), Ok(()));
    api.is_known("sutraclusters");
    assert_eq!(control.next().await, "demo");
    until("it is ready", || health.ready().is_ok()).await;
}

#[tokio::test]
async fn pod_monitors_are_watched_where_kubernetes_knows_them() {
    let api = Api::new();
    api.is_known("podmonitors");
    api.has("sutraclusters", cluster("demo"));
    let (sender, mut seen) = unbounded_channel();
    let control = tokio::spawn(control::run(shell(&api), CancellationToken::new(), move |_, context| {
        let _ = sender.send(context.has_pod_monitors());
        async { Ok::<_, Infallible>(Action::await_change()) }
    }));
    assert_eq!(timeout(SOON, seen.recv()).await.unwrap(), Some(true));
    assert!(api.is_watched("podmonitors"));
    control.abort();
}

#[derive(Debug, thiserror::Error)]
#[error("it does not work")]
struct Fault;

#[tokio::test]
async fn a_cluster_that_fails_is_not_woken_at_once_by_what_it_wrote() {
    let api = Api::new();
    api.has("sutraclusters", cluster("demo"));
    let shell = shell(&api);
    let metrics = shell.metrics.clone();
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = tries.clone();
    let control = tokio::spawn(control::run(shell, CancellationToken::new(), move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Err::<Action, _>(Fault) }
    }));
    until("it was tried", || tries.load(Ordering::Relaxed) == 1).await;
    until("stateful sets are watched", || api.is_watched("statefulsets")).await;
    for _ in 0..4 {
        api.happens("statefulsets", "MODIFIED", &stateful_set("demo"));
        sleep(Duration::from_millis(400)).await;
    }
    assert_eq!(tries.load(Ordering::Relaxed), 1);
    // Another spec is tried at once.
    let mut changed = cluster("demo");
    changed["metadata"]["generation"] = json!(2);
    api.happens("sutraclusters", "MODIFIED", &changed);
    until("it was tried again", || tries.load(Ordering::Relaxed) == 2).await;
    assert!(metrics.render().contains("sutra_operator_reconciles_total{result=\"error\"} 2"));
    control.abort();
}
