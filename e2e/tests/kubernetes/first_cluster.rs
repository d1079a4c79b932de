//! A manifest becomes a working cluster.

use anyhow::{Context as _, Result, ensure};
use sutra_e2e::case::{Case, scenario};
use sutra_e2e::cluster::{Cluster, Manifest};
use sutra_e2e::grid::{METFORMIN, WARFARIN};
use sutra_e2e::wait::{SOON, until};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/samples/minimal.yaml");

#[test]
fn the_minimal_sample_becomes_a_grid_that_learns_and_answers() -> Result<()> {
    scenario(async |case| {
        case.kubectl(&["apply", "-f", SAMPLE]).await?;
        case.kubectl(&["wait", "--for=condition=Ready", "sutracluster/demo", "--timeout=180s"]).await?;
        let cluster = Cluster::named(case, &case.namespace, "demo");
        cluster.grid().await?.teach(WARFARIN).await?;

        let insecure = cluster.condition_now("Insecure").await?;
        ensure!((insecure.status.as_str(), insecure.reason.as_str()) == ("True", "DevelopmentMode"), "{insecure:?}");
        // A node that does not answer once, on a busy machine, is told to be away until it does.
        let status = until("the numbers are those of one node", SOON, async || {
            let status = cluster.get().await?.status.context("no status")?;
            ensure!((status.shards, status.ready_shards) == (Some(1), Some(1)), "shards: {status:?}");
            ensure!((status.nodes, status.ready_nodes) == (1, 1), "nodes: {status:?}");
            ensure!(status.phase.as_deref() == Some("Running") && status.plan.is_empty(), "{:?} {:?}", status.phase, status.plan);
            Ok(status)
        })
        .await?;
        let image = &case.world().environment.release.node;
        ensure!(status.image.as_ref() == Some(image), "the image is {:?}, that of the operator's release {image}", status.image);
        ensure!(status.grid_id.as_ref().is_some_and(|id| !id.is_empty()), "the grid has no id");
        cluster.event("Ready").await?;
        let types: Vec<&str> = status.conditions.iter().map(|condition| condition.type_.as_str()).collect();
        for expected in ["Ready", "Available", "Reconciling", "Stalled", "Degraded", "Rebalancing", "Insecure"] {
            ensure!(types.contains(&expected), "no condition {expected} among {types:?}");
        }
        Ok(())
    })
}

#[test]
fn the_columns_are_those_that_the_documents_promise() -> Result<()> {
    scenario(async |case| {
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets")).await?;
        cluster.grid().await?.teach(WARFARIN).await?;
        until("the columns tell of one node", SOON, async || {
            columns(case, "sutraclusters", "NAME NODES READY SHARDS CONCEPTS PHASE AGE", "leaflets 1 1 1").await
        })
        .await?;
        // A SutraShard is written as soon as a node tells of it.
        until("there is a SutraShard", SOON, async || {
            columns(
                case,
                "sutrashards",
                "NAME CLUSTER RANGE LEADER REPLICAS CONCEPTS SIZE PHASE AGE",
                "leaflets-shard-1 leaflets",
            )
            .await
        })
        .await?;
        // Short names and the category.
        let listed = case.kubectl(&["get", "sutra,sshard", "-o", "name"]).await?;
        ensure!(listed.contains("/leaflets\n") && listed.contains("/leaflets-shard-1"), "short names list {listed}");
        let all = case.kubectl(&["get", "all", "-o", "name"]).await?;
        ensure!(all.contains("sutracluster.sutra.dev/leaflets"), "`kubectl get all` lists {all}");
        Ok(())
    })
}

async fn columns(case: &Case, kind: &str, header: &str, begin: &str) -> Result<()> {
    let table = case.kubectl(&["get", kind]).await?;
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    ensure!(lines.next().as_deref() == Some(header), "kubectl get {kind} shows\n{table}");
    let row = lines.next().unwrap_or_default();
    ensure!(row.starts_with(begin), "kubectl get {kind} shows\n{table}");
    Ok(())
}

#[test]
fn a_pod_that_is_deleted_comes_back_with_all_that_was_learned() -> Result<()> {
    scenario(async |case| {
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets")).await?;
        let grid = cluster.grid().await?;
        grid.teach(WARFARIN).await?;
        let first = cluster.life().await?;
        case.kubectl(&["delete", "pod", "leaflets-0"]).await?;
        cluster.renewed(&first).await?;
        grid.remembers(WARFARIN).await?;
        // Without a chance to shut down.
        let second = cluster.life().await?;
        case.kubectl(&["delete", "pod", "leaflets-0", "--force", "--grace-period=0"]).await?;
        cluster.renewed(&second).await?;
        grid.remembers(WARFARIN).await?;
        grid.teach(METFORMIN).await
    })
}
