//! A grid that changes its size, its copies and its nodes under a client that never rests: none of its requests fails.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt as _;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use sutra_crds::{SutraCluster, names};
use sutra_e2e::case::{Case, scenario, suffix};
use sutra_e2e::cluster::{Cluster, Manifest};
use sutra_e2e::grid::{METFORMIN, WARFARIN};
use sutra_e2e::load::Load;
use sutra_e2e::operator::{OWN_LABEL, Operator, Settings, Watch};
use sutra_e2e::wait::{LONG, SOON, until};
use tokio::time::Instant;

use crate::grid::{leader, nodes, renewed, replica, tell, told, uids};

/// A cluster with an operator of its own, which has taught something.
async fn with_operator<'a>(case: &'a Case, watch: Watch, spec: &Value) -> Result<(Operator<'a>, Cluster<'a>)> {
    let home = case.new_namespace("operator").await?;
    let manifest = Manifest::minimal("formulary").spec(spec);
    let manifest = match &watch {
        Watch::Namespace(_) => manifest.own(),
        Watch::Everywhere(label) => manifest.labelled(OWN_LABEL, label),
    };
    let settings = Settings { watch, ..Settings::of_namespace(case, &case.namespace) };
    let operator = Operator::install(case, &home, &settings).await?;
    let cluster = Cluster::running(case, &manifest).await?;
    cluster.grid().await?.teach(WARFARIN).await?;
    Ok((operator, cluster))
}

/// What the client saw since then; no request of it failed.
fn saw(load: &Load, then: Instant, what: &str) -> Result<()> {
    let failures = load.failures_since(then);
    tell(&format!(
        "{what}: {} s, {} ms without a write, {} requests failed",
        then.elapsed().as_secs(),
        load.gap_since(then).as_millis(),
        failures.len()
    ));
    ensure!(failures.is_empty(), "{what}: the first failed request: {}", failures[0]);
    Ok(())
}

/// Names and states of the grid's nodes, as the Service tells.
async fn members(case: &Case, cluster: &Cluster<'_>) -> Result<Vec<(String, String)>> {
    let told = told(case, &cluster.grid().await?).await?;
    let nodes = told["nodes"].as_array().context("a grid without nodes")?;
    let text = |node: &Value, key: &str| node[key].as_str().unwrap_or_default().to_owned();
    Ok(nodes.iter().map(|node| (text(node, "name"), text(node, "state"))).collect())
}

async fn claims(cluster: &Cluster<'_>) -> Result<BTreeSet<String>> {
    let claims = cluster.api::<PersistentVolumeClaim>().list(&ListParams::default()).await?;
    Ok(claims.items.into_iter().map(|claim| claim.name_any()).collect())
}

/// The cluster is a grid of so many, with pods and claims for these and no others.
async fn is_of(case: &Case, cluster: &Cluster<'_>, count: usize) -> Result<()> {
    cluster.ready().await?;
    // Any node answers, also one that has not heard yet what the others have decided.
    let named = until("the grid has so many nodes, and pods for them", LONG, async || {
        let members = members(case, cluster).await?;
        ensure!(members.len() == count && members.iter().all(|(_, state)| state == "member"), "the grid is {members:?}");
        let pods: BTreeSet<String> = uids(cluster).await?.into_keys().collect();
        let named = members.into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>();
        ensure!(pods == named, "the pods are {pods:?}, the nodes {named:?}");
        Ok(named)
    })
    .await?;
    cluster.ready().await?;
    until("there are claims for these nodes and no others", SOON, async || {
        let expected: BTreeSet<String> = named.iter().map(|node| format!("data-{node}")).collect();
        let claims = claims(cluster).await?;
        ensure!(claims == expected, "the claims are {claims:?}");
        Ok(())
    })
    .await
}

/// Waits until the first of five nodes is about to go.
async fn one_of_five_leaves(case: &Case, cluster: &Cluster<'_>) -> Result<()> {
    until("a node leaves", LONG, async || {
        let members = members(case, cluster).await?;
        let leaves = members.len() < 5 || members.iter().any(|(_, state)| state == "leaving");
        ensure!(leaves, "the grid is {members:?}");
        Ok(())
    })
    .await
}

/// No zone has most copies of a shard, nor most of the nodes that decide.
async fn no_zone_has_a_quorum(case: &Case, cluster: &Cluster<'_>) -> Result<()> {
    until("no zone has most copies of a shard", LONG, async || {
        let told = told(case, &cluster.grid().await?).await?;
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let zones: BTreeMap<String, String> = list(&told["nodes"])
            .iter()
            .filter_map(|node| Some((node["name"].as_str()?.into(), node["zone"].as_str()?.into())))
            .collect();
        let shards = list(&told["shards"]);
        ensure!(zones.len() == 5 && shards.len() == 4, "the grid is {told}");
        for shard in shards.iter().chain([&told["meta"]]) {
            let mut of: BTreeMap<Option<&String>, usize> = BTreeMap::new();
            let copies = list(&shard["replicas"]);
            copies.iter().for_each(|copy| *of.entry(zones.get(copy["node"].as_str().unwrap_or_default())).or_default() += 1);
            let lost_with_a_zone = of.values().max().copied().unwrap_or_default();
            ensure!(2 * lost_with_a_zone < copies.len(), "shard {} is in the zones {of:?} of {zones:?}", shard["shard"]);
        }
        let available = cluster.condition_now("Available").await?.message;
        ensure!(available.contains("its nodes are in the zones zone-a, zone-b, zone-c"), "it says {available}");
        Ok(())
    })
    .await
}

#[test]
fn three_nodes_become_five_and_three_again_without_a_failed_request() -> Result<()> {
    scenario(async |case| {
        // Who may look at machines knows their zones.
        let (operator, cluster) =
            with_operator(case, Watch::Everywhere(format!("formulary-{}", suffix())), &json!({"nodes": 3, "initialShards": 4}))
                .await?;
        let first = uids(&cluster).await?;
        let load = Load::on(&cluster.grid().await?)?;
        load.goes_on(10).await?;

        let then = Instant::now();
        case.kubectl(&["scale", "sutracluster/formulary", "--replicas=5"]).await?;
        until("a fourth node is let into the grid", LONG, async || {
            let members = members(case, &cluster).await?;
            ensure!(members.len() > 3, "the grid is {members:?}");
            Ok(())
        })
        .await?;
        operator.kill().await?;
        is_of(case, &cluster, 5).await?;
        saw(&load, then, "three nodes became five, and the operator was killed meanwhile")?;
        no_zone_has_a_quorum(case, &cluster).await?;

        // Whether it is kept or has left already: it is there in the end.
        let then = Instant::now();
        cluster.change(&json!({"nodes": 3})).await?;
        one_of_five_leaves(case, &cluster).await?;
        cluster.change(&json!({"nodes": 5})).await?;
        is_of(case, &cluster, 5).await?;
        saw(&load, then, "five nodes were to be three, and stay five after all")?;

        let then = Instant::now();
        cluster.change(&json!({"nodes": 3})).await?;
        one_of_five_leaves(case, &cluster).await?;
        operator.kill().await?;
        is_of(case, &cluster, 3).await?;
        saw(&load, then, "five nodes became three, and the operator was killed meanwhile")?;
        ensure!(uids(&cluster).await? == first, "one of the first three pods was replaced");

        load.goes_on(10).await?;
        let acknowledged = load.nothing_is_missing(&nodes(case, &cluster, 3).await?, &case.world().http).await?;
        tell(&format!("{acknowledged} acknowledged writes are on every node"));
        cluster.grid().await?.teach(METFORMIN).await
    })
}

/// Writes the annotation by which a node begins anew.
async fn ask_to_replace(cluster: &Cluster<'_>, node: &str) -> Result<()> {
    let patch = json!({"metadata": {"annotations": {names::REPLACE_ANNOTATION: node}}});
    cluster.api::<SutraCluster>().patch(&cluster.name, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}

#[test]
fn copies_are_made_and_a_node_is_replaced_without_a_failed_request() -> Result<()> {
    scenario(async |case| {
        let (operator, cluster) =
            with_operator(case, Watch::Namespace(case.namespace.clone()), &json!({"nodes": 3, "replicationFactor": 1})).await?;
        let grid = cluster.grid().await?;
        let load = Load::on(&grid)?;
        load.goes_on(10).await?;

        let only = cluster.shards().await?.into_iter().find_map(|shard| shard.status?.leader).context("no leader")?;
        ask_to_replace(&cluster, &only).await?;
        let stalled = cluster.condition("Stalled", "True", Some("NodeNeeded")).await?;
        ensure!(stalled.message.contains("the only copy of shard 1"), "the message is: {}", stalled.message);
        cluster.event("NodeNeeded").await?;
        ask_to_replace(&cluster, "formulary-7").await?;
        let stalled = cluster.condition("Stalled", "True", Some("NoSuchNode")).await?;
        ensure!(stalled.message.contains("formulary-7"), "the message is: {}", stalled.message);
        case.kubectl(&["annotate", "sutracluster/formulary", &format!("{}-", names::REPLACE_ANNOTATION)]).await?;
        cluster.condition("Stalled", "False", None).await?;

        let then = Instant::now();
        cluster.change(&json!({"replicationFactor": 3})).await?;
        until("there is a second copy", LONG, async || {
            let told = told(case, &grid).await?;
            let copies = told.pointer("/shards/0/replicas").and_then(Value::as_array).context("no replicas")?.len();
            ensure!(copies > 1, "there is one copy");
            Ok(())
        })
        .await?;
        operator.kill().await?;
        cluster.ready().await?;
        let led = leader(&cluster).await?;
        saw(&load, then, "one copy became three, and the operator was killed meanwhile")?;

        let then = Instant::now();
        let before = uids(&cluster).await?;
        let replaced = before.keys().find(|pod| **pod != led).context("nobody but the leader")?;
        let number = replica(case, &grid, replaced).await?;
        ask_to_replace(&cluster, replaced).await?;
        until("the node's pod goes", LONG, async || {
            let now = uids(&cluster).await?;
            ensure!(now.get(replaced) != before.get(replaced), "it is there");
            Ok(())
        })
        .await?;
        operator.kill().await?;
        renewed(&cluster, replaced, &before[replaced]).await?;
        until("the annotations are taken away", LONG, async || {
            let annotations = cluster.get().await?.annotations().clone();
            let left =
                annotations.contains_key(names::REPLACE_ANNOTATION) || annotations.contains_key(names::REPLACING_ANNOTATION);
            ensure!(!left, "there are {annotations:?}");
            Ok(())
        })
        .await?;
        cluster.ready().await?;
        let other = replica(case, &grid, replaced).await?;
        ensure!(other > number, "its replica has the number {other}, and had {number}");
        saw(
            &load,
            then,
            &format!("{replaced} began anew although the operator was killed, its replica {number} became {other}"),
        )?;

        load.goes_on(10).await?;
        let acknowledged = load.nothing_is_missing(&nodes(case, &cluster, 3).await?, &case.world().http).await?;
        tell(&format!("{acknowledged} acknowledged writes are on every node"));
        ensure!(replica(case, &grid, replaced).await? == other, "it was replaced a second time");
        Ok(())
    })
}
