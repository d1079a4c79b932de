//! What can happen to the leader's pod while a client writes through the Service.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use serde_json::Value;
use sutra_e2e::case::Case;
use sutra_e2e::cluster::Cluster;
use sutra_e2e::figures::WriteGaps;
use sutra_e2e::grid::Grid;
use sutra_e2e::load::Load;
use sutra_e2e::operator::Operator;
use sutra_e2e::wait::{LONG, throughout, until};
use tokio::time::Instant;

use crate::grid::{LONGEST_GAP, nodes, renewed, tell, told, uids, whole_shard};

/// How long one node has to lead before it is taken for the leader: longer than it takes until the lead is given back after a disturbance.
const SETTLED: Duration = Duration::from_secs(8);

/// The node that all nodes say leads the first shard, and go on saying. What the SutraShard says may be some seconds old.
pub(crate) async fn settled(case: &Case, cluster: &Cluster<'_>) -> Result<String> {
    let nodes = nodes(case, cluster, 3).await?;
    let says = async |node: &Grid| -> Result<Option<String>> {
        Ok(told(case, node).await?.pointer("/shards/0/leader").and_then(Value::as_str).map(str::to_owned))
    };
    until("one node leads, as all say", LONG, async || {
        let led = says(&nodes[0]).await?.context("nobody leads")?;
        throughout("its lead", SETTLED, async || {
            for node in &nodes {
                let says = says(node).await?;
                ensure!(says.as_ref() == Some(&led), "{} says that {says:?} leads, the first that {led} does", node.address);
            }
            Ok(())
        })
        .await?;
        Ok(led)
    })
    .await
}

/// Its pod is deleted, and the operator killed before it is back: it hands over, and no request fails.
pub(crate) async fn goes_in_peace(case: &Case, cluster: &Cluster<'_>, operator: &Operator<'_>, load: &Load) -> Result<()> {
    let (led, old) = about_to_go(case, cluster, load).await?;
    let then = Instant::now();
    cluster.api::<Pod>().delete(&led, &DeleteParams::default()).await?;
    operator.kill().await?;
    renewed(cluster, &led, &old).await?;
    load.goes_on(10).await?;
    tell_of(load, then, "the leader's pod is deleted in peace, and the operator killed meanwhile");
    let failures = load.failures_since(then);
    ensure!(failures.is_empty(), "{} requests failed, the first: {}", failures.len(), failures[0]);
    Ok(())
}

/// Its pod is deleted without any time to end.
pub(crate) async fn goes_by_force(case: &Case, cluster: &Cluster<'_>, load: &Load, gaps: &mut WriteGaps) -> Result<()> {
    let (led, old) = about_to_go(case, cluster, load).await?;
    let then = Instant::now();
    cluster.api::<Pod>().delete(&led, &DeleteParams::default().grace_period(0)).await?;
    renewed(cluster, &led, &old).await?;
    load.goes_on(10).await?;
    let gap = tell_of(load, then, "the leader's pod is deleted by force");
    gaps.note("deleted by force", gap, load.failures_since(then).len());
    ensure!(gap < LONGEST_GAP, "nothing could be written for {gap:?}");
    Ok(())
}

/// Its process is killed, without a word to anybody.
pub(crate) async fn dies(case: &Case, cluster: &Cluster<'_>, load: &Load, gaps: &mut WriteGaps) -> Result<()> {
    let (led, _) = about_to_go(case, cluster, load).await?;
    let pods = cluster.api::<Pod>();
    let restarts = async || -> Result<(i32, bool)> {
        let statuses = pods.get(&led).await?.status.and_then(|status| status.container_statuses).unwrap_or_default();
        let status = statuses.into_iter().next().context("a pod without a container")?;
        Ok((status.restart_count, status.ready))
    };
    let (before, _) = restarts().await?;
    let then = Instant::now();
    let pod = format!("{}/{led}", cluster.namespace);
    case.world().environment.lab(["pod", "kill", &pod, "--signal", "KILL", "--container", "sutra-node"]).await?;
    until("the killed node is back", LONG, async || {
        let (now, ready) = restarts().await?;
        ensure!(now > before && ready, "it was started again {} times, ready: {ready}", now - before);
        Ok(())
    })
    .await?;
    whole_shard(cluster).await?;
    load.goes_on(10).await?;
    let gap = tell_of(load, then, "the leader's process is killed");
    gaps.note("killed", gap, load.failures_since(then).len());
    ensure!(gap < LONGEST_GAP, "nothing could be written for {gap:?}");
    Ok(())
}

/// The leader and its pod's uid, while the client is at work.
async fn about_to_go(case: &Case, cluster: &Cluster<'_>, load: &Load) -> Result<(String, String)> {
    whole_shard(cluster).await?;
    let led = settled(case, cluster).await?;
    let old = uids(cluster).await?.remove(&led).context("the leader has no pod")?;
    load.goes_on(10).await?;
    Ok((led, old))
}

/// Tells what the client saw since then, and yields how long it could not write.
fn tell_of(load: &Load, then: Instant, what: &str) -> Duration {
    let (gap, failures) = (load.gap_since(then), load.failures_since(then));
    tell(&format!(
        "{what}: {} ms without a write, {} requests failed, whole again after {} s{}",
        gap.as_millis(),
        failures.len(),
        then.elapsed().as_secs(),
        failures.first().map(|first| format!("; the first: {first}")).unwrap_or_default()
    ));
    gap
}
