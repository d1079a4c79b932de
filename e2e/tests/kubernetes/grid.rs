//! Clusters of three nodes: founded once, and then under a client that never rests, through everything that happens to nodes.

use std::collections::BTreeMap;
use std::io::{Write as _, stderr};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::Error;
use kube::api::{DeleteParams, EvictParams, ListParams};
use serde_json::{Value, json};
use sutra_crds::{SutraShard, names};
use sutra_e2e::case::{Case, scenario};
use sutra_e2e::cluster::{Cluster, Manifest};
use sutra_e2e::figures::WriteGaps;
use sutra_e2e::grid::{Grid, METFORMIN, WARFARIN};
use sutra_e2e::load::Load;
use sutra_e2e::operator::{Operator, Settings};
use sutra_e2e::wait::{LONG, SOON, until};
use sutra_e2e::wishes;
use tokio::time::{Instant, sleep, timeout};

use crate::leader::{dies, goes_by_force, goes_in_peace};

const NODES: usize = 3;
/// Where there is more than one.
const SHARDS: usize = 4;
/// Longer than an election and Kubernetes' notice of a pod that went without a word; far shorter than anybody would call an outage.
pub(crate) const LONGEST_GAP: Duration = Duration::from_secs(15);

fn three(name: &str) -> Manifest {
    Manifest::minimal(name).spec(&json!({"nodes": NODES}))
}

// Not println!, which is shown only for tests that fail.
pub(crate) fn tell(what: &str) {
    let _ = writeln!(stderr(), "{what}");
}

/// Uids of its pods that are not being deleted, by name.
pub(crate) async fn uids(cluster: &Cluster<'_>) -> Result<BTreeMap<String, String>> {
    let pods = cluster.pods().await?.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    pods.map(|pod| Ok((pod.metadata.name.context("no name")?, pod.metadata.uid.context("no uid")?))).collect()
}

/// Waits until a pod is another one than this, and everything serves. The cluster may not know yet that anything happened: the pod does.
pub(crate) async fn renewed(cluster: &Cluster<'_>, pod: &str, old: &str) -> Result<()> {
    until(&format!("{pod} is a new one, and ready"), LONG, async || {
        let now = cluster.api::<Pod>().get(pod).await?;
        ensure!(now.metadata.uid.as_deref() != Some(old), "it is the old one");
        let conditions = now.status.and_then(|status| status.conditions).unwrap_or_default();
        let ready = conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
        ensure!(ready, "it is not ready: {conditions:?}");
        Ok(())
    })
    .await?;
    cluster.ready().await
}

/// The nodes, each by its own address.
pub(crate) async fn nodes(case: &Case, cluster: &Cluster<'_>, count: usize) -> Result<Vec<Grid>> {
    let pods = cluster.pods().await?;
    ensure!(pods.len() == count, "there are {} pods", pods.len());
    pods.into_iter()
        .map(|pod| Ok(Grid::at(&case.world().http, &pod.status.and_then(|status| status.pod_ip).context("no address")?)))
        .collect()
}

/// `GET /v1/grid` of a node.
pub(crate) async fn told(case: &Case, grid: &Grid) -> Result<Value> {
    let url = format!("{}/v1/grid", grid.address);
    let answer = case.world().http.get(&url).send().await.with_context(|| format!("send {url}"))?;
    Ok(answer.error_for_status()?.json().await?)
}

/// The number of a node's replica, as the grid knows it.
pub(crate) async fn replica(case: &Case, grid: &Grid, node: &str) -> Result<u64> {
    let told = told(case, grid).await?;
    let replicas = told.pointer("/shards/0/replicas").and_then(Value::as_array).context("no replicas")?;
    let found = replicas.iter().find(|replica| replica["node"] == node).with_context(|| format!("no replica on {node}"))?;
    found["replica"].as_u64().context("a replica without a number")
}

/// The only shard, with a leader and every replica caught up.
pub(crate) async fn whole_shard(cluster: &Cluster<'_>) -> Result<SutraShard> {
    until("the SutraShard tells of a leader and three replicas that have caught up", LONG, async || {
        let shard = cluster.shards().await?.into_iter().next().context("there is no SutraShard")?;
        let status = shard.status.clone().context("it has no status")?;
        ensure!(status.leader.is_some(), "it has no leader: {status:?}");
        ensure!(status.replica_summary.as_deref() == Some("3/3"), "its replicas are {:?}", status.replicas);
        Ok(shard)
    })
    .await
}

pub(crate) async fn leader(cluster: &Cluster<'_>) -> Result<String> {
    whole_shard(cluster).await?.status.and_then(|status| status.leader).context("no leader")
}

async fn budget(cluster: &Cluster<'_>) -> Result<Value> {
    let budget = cluster.api::<PodDisruptionBudget>().get(&cluster.name).await?;
    Ok(serde_json::to_value(budget)?["spec"]["maxUnavailable"].clone())
}

#[test]
fn three_nodes_become_one_grid_that_loses_nothing_when_its_leader_goes() -> Result<()> {
    scenario(async |case| {
        let home = case.new_namespace("operator").await?;
        let operator = Operator::install(case, &home, &Settings::of_namespace(case, &case.namespace)).await?;
        let began = Instant::now();
        let manifest = three("formulary").own().spec(&json!({"nodes": NODES, "initialShards": SHARDS}));
        let cluster = Cluster::running(case, &manifest).await?;
        tell(&format!("a grid of three nodes is ready after {:.1} s", began.elapsed().as_secs_f64()));
        let reported = cluster.shards().await?.len();
        ensure!(reported == SHARDS, "{reported} shards are reported");
        let grid = cluster.grid().await?;
        grid.teach(WARFARIN).await?;
        let status = until("all nodes are told to be ready", SOON, async || {
            let status = cluster.get().await?.status.context("no status")?;
            ensure!((status.nodes, status.ready_nodes) == (3, 3), "nodes: {status:?}");
            Ok(status)
        })
        .await?;
        for node in nodes(case, &cluster, NODES).await? {
            let told = told(case, &node).await?;
            ensure!(told["grid_id"] == json!(status.grid_id), "{} belongs to {}", node.address, told["grid_id"]);
            node.remembers(WARFARIN).await?;
        }
        // They found each other by their names before any of them was ready.
        let service = cluster.api::<Service>().get(&names::nodes_service(&cluster.name)).await?;
        let published = service.spec.and_then(|spec| spec.publish_not_ready_addresses);
        ensure!(published == Some(true), "the headless Service names only those that are ready");

        let load = Load::on(&grid)?;
        goes_in_peace(case, &cluster, &operator, &load).await?;
        let mut gaps = WriteGaps::default();
        for _ in 0..wishes::turns() {
            goes_by_force(case, &cluster, &load, &mut gaps).await?;
            dies(case, &cluster, &load, &mut gaps).await?;
        }
        two_evictions(&cluster, &operator).await?;
        load.goes_on(10).await?;
        let acknowledged = load.nothing_is_missing(&nodes(case, &cluster, NODES).await?, &case.world().http).await?;
        tell(&format!("{acknowledged} acknowledged writes are on every node"));
        let now = cluster.get().await?.status.and_then(|status| status.grid_id);
        ensure!(now == status.grid_id, "another grid: {now:?}, before {:?}", status.grid_id);
        // Not before it is known that nothing was lost.
        gaps.hand_over()
    })
}

/// Two nodes are asked to go at once: the budget lets one, also when the operator is killed before that one is back.
async fn two_evictions(cluster: &Cluster<'_>, operator: &Operator<'_>) -> Result<()> {
    until("the budget lets one node go, and Kubernetes knows it", LONG, async || {
        let budget = serde_json::to_value(cluster.api::<PodDisruptionBudget>().get(&cluster.name).await?)?;
        let (spec, status) = (&budget["spec"], &budget["status"]);
        let is_known = status["observedGeneration"] == budget["metadata"]["generation"];
        ensure!(is_known && spec["maxUnavailable"] == 1 && status["disruptionsAllowed"] == 1, "it is {spec} and {status}");
        Ok(())
    })
    .await?;
    let before = uids(cluster).await?;
    let names: Vec<&String> = before.keys().take(2).collect();
    let mut evicted = Vec::new();
    for name in names {
        // The library asks again and again as long as the budget is against it.
        match timeout(Duration::from_secs(4), cluster.api::<Pod>().evict(name, &EvictParams::default())).await {
            Ok(Ok(_)) => evicted.push(name),
            Err(_) => {}
            Ok(Err(Error::Api(status))) if status.code == 429 => {}
            Ok(Err(error)) => return Err(error).context("evict"),
        }
    }
    ensure!(evicted.len() == 1, "{} of two pods were evicted at once", evicted.len());
    until("the budget lets none go while one is away", SOON, async || {
        let budget = budget(cluster).await?;
        ensure!(budget == 0, "it lets {budget}");
        Ok(())
    })
    .await?;
    operator.kill().await?;
    renewed(cluster, evicted[0], &before[evicted[0]]).await?;
    let now = uids(cluster).await?;
    for stays in before.keys().filter(|pod| *pod != evicted[0]) {
        ensure!(now.get(stays) == before.get(stays), "{stays} was replaced, and only {} was to go", evicted[0]);
    }
    Ok(())
}

#[test]
fn a_lost_volume_is_made_up_for_and_an_image_rolls_while_clients_work() -> Result<()> {
    scenario(async |case| {
        let home = case.new_namespace("operator").await?;
        let operator = Operator::install(case, &home, &Settings::of_namespace(case, &case.namespace)).await?;
        let old_image = &case.world().environment.predecessor.node;
        let manifest = three("formulary").own().spec(&json!({"image": old_image}));
        let cluster = Cluster::running(case, &manifest).await?;
        let grid = cluster.grid().await?;
        grid.teach(WARFARIN).await?;
        let load = Load::on(&grid)?;

        one_node_alone_is_refused(case, &cluster).await?;
        volume_is_lost(case, &cluster, &operator, &load).await?;
        image_rolls(case, &cluster, &operator, &load).await?;

        // Reports that somebody deletes are written again.
        cluster.api::<SutraShard>().delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
        whole_shard(&cluster).await?;
        load.goes_on(10).await?;
        let acknowledged = load.nothing_is_missing(&nodes(case, &cluster, NODES).await?, &case.world().http).await?;
        tell(&format!("{acknowledged} acknowledged writes are on every node"));
        grid.teach(METFORMIN).await
    })
}

async fn one_node_alone_is_refused(case: &Case, cluster: &Cluster<'_>) -> Result<()> {
    let before = uids(cluster).await?;
    cluster.change(&json!({"nodes": 1})).await?;
    let stalled = cluster.condition("Stalled", "True", Some("ScalingUnavailable")).await?;
    ensure!(stalled.message.contains("set spec.nodes back to 3"), "the message is: {}", stalled.message);
    cluster.carry_out(&json!({"nodes": NODES})).await?;
    ensure!(uids(cluster).await? == before, "pods were replaced");
    let told = told(case, &cluster.grid().await?).await?;
    ensure!(told["nodes"].as_array().is_some_and(|nodes| nodes.len() == NODES), "the grid is {told}");
    Ok(())
}

/// The claim of a node that doesn't lead is deleted: the node comes back empty, and has other replicas.
async fn volume_is_lost(case: &Case, cluster: &Cluster<'_>, operator: &Operator<'_>, load: &Load) -> Result<()> {
    let leader = leader(cluster).await?;
    let before = uids(cluster).await?;
    let lost = before.keys().find(|pod| **pod != leader).context("nobody but the leader")?;
    let grid = cluster.grid().await?;
    let number = replica(case, &grid, lost).await?;
    let (claims, claim) = (cluster.api::<PersistentVolumeClaim>(), format!("data-{lost}"));
    let old = claims.get(&claim).await?.metadata.uid;
    let then = Instant::now();
    claims.delete(&claim, &DeleteParams::default()).await?;
    sleep(Duration::from_secs(2)).await;
    operator.kill().await?;
    renewed(cluster, lost, &before[lost]).await?;
    whole_shard(cluster).await?;
    let now = claims.get(&claim).await?.metadata.uid;
    ensure!(now != old, "the claim is the old one");
    let other = replica(case, &grid, lost).await?;
    ensure!(other > number, "its replica has the number {other}, and had {number}");
    load.goes_on(10).await?;
    let failures = load.failures_since(then);
    tell(&format!(
        "{lost} lost its volume: whole again after {} s, replica {number} became {other}, {} ms without a write, {} requests failed",
        then.elapsed().as_secs(),
        load.gap_since(then).as_millis(),
        failures.len()
    ));
    ensure!(failures.is_empty(), "the first failed request: {}", failures[0]);
    Ok(())
}

/// From one image to the next, one pod at a time, the leader last.
async fn image_rolls(case: &Case, cluster: &Cluster<'_>, operator: &Operator<'_>, load: &Load) -> Result<()> {
    let before = uids(cluster).await?;
    let image = &case.world().environment.release.node;
    let then = Instant::now();
    cluster.change(&json!({"image": image})).await?;
    until("the first pod is replaced", LONG, async || {
        let now = uids(cluster).await?;
        ensure!(now.iter().any(|(pod, uid)| before.get(pod) != Some(uid)), "all are as before");
        Ok(())
    })
    .await?;
    operator.kill().await?;
    cluster.ready().await?;
    for pod in cluster.pods().await? {
        let name = pod.metadata.name.unwrap_or_default();
        ensure!(before.get(&name) != pod.metadata.uid.as_ref(), "{name} was not replaced");
        let runs = pod.spec.and_then(|spec| spec.containers.into_iter().next()).and_then(|container| container.image);
        if runs.as_ref() != Some(image) {
            bail!("{name} runs {runs:?}");
        }
    }
    load.goes_on(10).await?;
    let failures = load.failures_since(then);
    tell(&format!(
        "a new image has rolled over three nodes in {} s: {} ms without a write, {} requests failed",
        then.elapsed().as_secs(),
        load.gap_since(then).as_millis(),
        failures.len()
    ));
    ensure!(failures.is_empty(), "the first failed request: {}", failures[0]);
    Ok(())
}
