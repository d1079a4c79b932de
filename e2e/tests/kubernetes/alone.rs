//! What disturbs everybody: the API server away, a new kind of object. Their names are the first, so that nobody waits for them later.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use sutra_e2e::case::{Case, alone};
use sutra_e2e::cluster::{Cluster, Manifest};
use sutra_e2e::grid::{FACTS, Grid, METFORMIN, WARFARIN};
use sutra_e2e::load::Load;
use sutra_e2e::operator::{self, Operator, Settings};
use sutra_e2e::wait::{LONG, SOON, throughout, until};
use sutra_e2e::wishes;
use tokio::time::Instant;

use crate::grid::{LONGEST_GAP, leader, nodes, tell, uids};
use crate::leader::settled;

// Nobody else could look at anything meanwhile.
#[test]
fn a_grid_serves_on_without_the_api_server_and_all_is_as_before_when_it_is_back() -> Result<()> {
    alone(async |case| {
        let environment = &case.world().environment;
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets")).await?;
        let three = Cluster::running(case, &Manifest::minimal("formulary").spec(&json!({"nodes": 3}))).await?;
        let (pods, claims) = (uids(&three).await?, claims(&three).await?);
        let load = Load::on(&three.grid().await?)?;
        let by_service = cluster.grid().await?;
        by_service.teach(WARFARIN).await?;
        let by_pod = Grid::at(&case.world().http, &cluster.pod_address().await?);
        let before = cluster.life().await?;
        let shard = cluster.shards().await?;

        let began = Instant::now();
        environment.lab(["apiserver", "stop"]).await?;
        ensure!(cluster.get().await.is_err(), "the API server answers although it is stopped");
        let mut facts = FACTS.iter().cycle();
        let served = throughout("service without the API server", wishes::outage(), async || {
            let fact = *facts.next().context("no facts")?;
            by_service.learn(fact).await?;
            by_pod.knows(fact).await?;
            by_pod.learn(fact).await?;
            by_service.knows(fact).await
        })
        .await;
        environment.lab(["apiserver", "start"]).await?;
        served?;

        // The operators ended when they could not renew their lease; their successors lead now.
        environment
            .kubectl(["rollout", "status", "deployment/sutra-operator", "-n", operator::NAMESPACE, "--timeout=180s"])
            .await?;
        cluster.ready().await?;
        three.ready().await?;
        load.goes_on(10).await?;
        let failures = load.failures_since(began);
        ensure!(failures.is_empty(), "{} requests failed, the first: {}", failures.len(), failures[0]);
        let now = self::claims(&three).await?;
        ensure!(uids(&three).await? == pods && now == claims, "pods or claims were replaced: {now:?}, before {claims:?}");
        load.nothing_is_missing(&nodes(case, &three, 3).await?, &case.world().http).await?;
        let load = Load::in_a_hurry_on(&nodes(case, &three, 3).await?)?;
        for away in &AWAY {
            machine_is_away(case, &three, &load, away).await?;
        }
        ensure!(uids(&three).await? == pods && self::claims(&three).await? == claims, "pods or claims were replaced");
        load.nothing_is_missing(&nodes(case, &three, 3).await?, &case.world().http).await?;
        // Its pod may be on that machine.
        by_service.remembers(METFORMIN).await?;
        ensure!(cluster.life().await? == before, "the pod was replaced: {before:?}, now {:?}", cluster.life().await?);
        let uids = |shards: &[sutra_crds::SutraShard]| shards.iter().map(|shard| shard.metadata.uid.clone()).collect::<Vec<_>>();
        ensure!(uids(&cluster.shards().await?) == uids(&shard), "the SutraShards are others");
        // And it works again.
        cluster.change(&json!({"resources": {"requests": {"memory": "72Mi"}}})).await?;
        cluster.renewed(&before).await?;
        by_service.remembers(METFORMIN).await
    })
}

// What else was on that machine has to come again too.
#[test]
fn a_machine_that_loses_its_power_and_gets_it_back_takes_nothing_along() -> Result<()> {
    alone(async |case| {
        let three = Cluster::running(case, &Manifest::minimal("formulary").spec(&json!({"nodes": 3}))).await?;
        let (pods, claims) = (uids(&three).await?, claims(&three).await?);
        let load = Load::in_a_hurry_on(&nodes(case, &three, 3).await?)?;
        machine_is_away(case, &three, &load, &WITHOUT_POWER).await?;
        ensure!(uids(&three).await? == pods && self::claims(&three).await? == claims, "pods or claims were replaced");
        load.nothing_is_missing(&nodes(case, &three, 3).await?, &case.world().http).await?;
        Ok(())
    })
}

/// What becomes of a machine.
struct Away {
    /// How it is told.
    what: &'static str,
    /// How it comes about, and how it ends.
    lab: [&'static [&'static str]; 2],
    /// Whether its processes go on afterwards.
    keeps_processes: bool,
    /// Whether the operator is killed meanwhile.
    operator_dies: bool,
}

const AWAY: [Away; 2] = [
    Away {
        what: "is cut off, and the operator killed meanwhile",
        lab: [&["node", "link", "down"], &["node", "link", "up"]],
        keeps_processes: true,
        operator_dies: true,
    },
    Away { what: "hangs", lab: [&["node", "pause"], &["node", "resume"]], keeps_processes: true, operator_dies: false },
];
const WITHOUT_POWER: Away =
    Away { what: "loses its power", lab: [&["node", "kill"], &["node", "start"]], keeps_processes: false, operator_dies: false };

/// The leader's machine is away for less than the time after which Kubernetes gives its pods up. The others write on.
async fn machine_is_away(case: &Case, cluster: &Cluster<'_>, load: &Load, away: &Away) -> Result<()> {
    load.goes_on(5).await?;
    let led = settled(case, cluster).await?;
    let pod = cluster.api::<Pod>().get(&led).await?;
    let machine = pod.spec.and_then(|spec| spec.node_name).context("a pod without a machine")?;
    let before = containers(case, cluster, &machine).await?;
    let environment = &case.world().environment;
    let then = Instant::now();
    let to_it = |words: &[&'static str]| words.iter().map(ToString::to_string).chain([machine.clone()]).collect::<Vec<_>>();
    environment.lab(to_it(away.lab[0])).await?;
    // Its pod may be on that machine: processes are killed from outside of it.
    let killed = if away.operator_dies { Operator::of_everybody(case).kill().await } else { Ok(()) };
    let went_on = load.goes_on(20).await;
    environment.lab(to_it(away.lab[1])).await?;
    killed?;
    went_on?;
    let gap = load.gap_since(then);
    if !away.keeps_processes {
        // Until then they are told to be what they were before, at addresses that they have no more.
        until("all that ran on the machine runs again", LONG, async || {
            let now = containers(case, cluster, &machine).await?;
            for (name, (old, _)) in &before {
                let (new, is_ready) = now.get(name).with_context(|| format!("there is no {name}"))?;
                ensure!(new != old && *is_ready, "{name} is still the old one, or not ready: {new}");
            }
            Ok(())
        })
        .await?;
    }
    until("no node is away", LONG, async || {
        let degraded = cluster.condition_now("Degraded").await?;
        ensure!(degraded.status == "False", "{}: {}", degraded.reason, degraded.message);
        Ok(())
    })
    .await?;
    leader(cluster).await?;
    cluster.ready().await?;
    tell(&format!(
        "the leader's machine {}: {} ms without a write, {} requests failed, whole again after {} s",
        away.what,
        gap.as_millis(),
        load.failures_since(then).len(),
        then.elapsed().as_secs()
    ));
    ensure!(gap < LONGEST_GAP, "nothing could be written for {gap:?}");
    Ok(())
}

/// Of the cluster, its operator and Kubernetes itself, what runs on a machine: by pod, the id of its first container, and whether that is ready.
async fn containers(case: &Case, cluster: &Cluster<'_>, machine: &str) -> Result<BTreeMap<String, (String, bool)>> {
    let mut all = BTreeMap::new();
    for namespace in [cluster.namespace.as_str(), operator::NAMESPACE, "kube-system"] {
        let api: Api<Pod> = Api::namespaced(case.world().client.clone(), namespace);
        for pod in api.list(&ListParams::default().fields(&format!("spec.nodeName={machine}"))).await? {
            let name = format!("{namespace}/{}", pod.name_any());
            let containers = pod.status.and_then(|status| status.container_statuses);
            let container = containers.into_iter().flatten().next().with_context(|| format!("{name} has no container"))?;
            all.insert(name, (container.container_id.unwrap_or_default(), container.ready));
        }
    }
    Ok(all)
}

/// Uids of the claims, by name.
async fn claims(cluster: &Cluster<'_>) -> Result<BTreeMap<String, Option<String>>> {
    let claims = cluster.api::<PersistentVolumeClaim>().list(&ListParams::default()).await?;
    Ok(claims.items.into_iter().map(|claim| (claim.name_any(), claim.metadata.uid)).collect())
}

const DEFINITION: &str = "customresourcedefinition/podmonitors.monitoring.coreos.com";

/// As much of the Prometheus operator's definition as an operator that writes one needs.
fn definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "podmonitors.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com",
            "names": {"kind": "PodMonitor", "listKind": "PodMonitorList", "plural": "podmonitors", "singular": "podmonitor"},
            "scope": "Namespaced",
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                }}},
            }],
        },
    })
}

// Every operator of the cluster sees the new API.
#[test]
fn pod_monitors_are_made_where_the_api_is_known_and_nothing_waits_for_them_when_it_goes() -> Result<()> {
    alone(async |case| {
        let home = case.new_namespace("operator").await?;
        Operator::install(case, &home, &Settings::of_namespace(case, &case.namespace)).await?;
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets").own()).await?;
        let environment = &case.world().environment;
        environment.kubectl_with(&definition().to_string(), ["apply", "-f", "-"]).await?;
        let shown = shows(case, &cluster).await;
        // The Prometheus operator is uninstalled.
        environment.kubectl(["delete", DEFINITION]).await?;
        shown?;
        let other = Cluster::create(case, &Manifest::minimal("formulary").own()).await?;
        other.ready().await?;
        cluster.carry_out(&json!({"resources": {"requests": {"memory": "72Mi"}}})).await
    })
}

async fn shows(case: &Case, cluster: &Cluster<'_>) -> Result<()> {
    case.world().environment.kubectl(["wait", "--for=condition=Established", DEFINITION, "--timeout=60s"]).await?;
    // The operator looks for the API now and then.
    until("there is a PodMonitor", LONG, async || {
        let monitor: Value = serde_json::from_str(&case.kubectl(&["get", "podmonitor/leaflets", "-o", "json"]).await?)?;
        let endpoint = &monitor["spec"]["podMetricsEndpoints"][0];
        ensure!((&endpoint["port"], &endpoint["path"]) == (&json!("http"), &json!("/metrics")), "it scrapes {endpoint}");
        Ok(())
    })
    .await?;
    cluster.carry_out(&json!({"monitoring": {"podMonitor": "disabled"}})).await?;
    until("there is no PodMonitor", SOON, async || {
        let left = case.kubectl(&["get", "podmonitors", "-o", "name"]).await?;
        ensure!(left.trim().is_empty(), "there is {left}");
        Ok(())
    })
    .await?;
    cluster.carry_out(&json!({"monitoring": {"podMonitor": "auto"}})).await
}
