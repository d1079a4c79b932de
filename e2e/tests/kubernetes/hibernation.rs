//! Pods go, volumes stay.

use anyhow::{Result, ensure};
use serde_json::json;
use sutra_e2e::case::scenario;
use sutra_e2e::cluster::{Cluster, Manifest};
use sutra_e2e::grid::{METFORMIN, WARFARIN};
use sutra_e2e::wait::{LONG, until};

#[test]
fn a_hibernated_cluster_has_no_pod_and_wakes_with_all_that_was_learned() -> Result<()> {
    scenario(async |case| {
        let cluster = Cluster::running(case, &Manifest::minimal("archive")).await?;
        let grid = cluster.grid().await?;
        grid.teach(WARFARIN).await?;
        let volume = cluster.claim().await?.metadata.uid;
        cluster.change(&json!({"hibernated": true})).await?;
        until("no pod is left", LONG, async || {
            let pods = cluster.pods().await?;
            ensure!(pods.is_empty(), "{} are left", pods.len());
            Ok(())
        })
        .await?;
        let ready = cluster.condition("Ready", "False", Some("Hibernated")).await?;
        ensure!(ready.message.contains("spec.hibernated"), "the message says not how to wake it: {}", ready.message);
        cluster.condition("Degraded", "False", None).await?;
        until("the phase says so", LONG, async || {
            let phase = cluster.get().await?.status.and_then(|status| status.phase);
            ensure!(phase.as_deref() == Some("Hibernated"), "it is {phase:?}");
            Ok(())
        })
        .await?;
        ensure!(cluster.claim().await?.metadata.uid == volume, "the claim is another one");

        cluster.carry_out(&json!({"hibernated": false})).await?;
        grid.remembers(WARFARIN).await?;
        grid.teach(METFORMIN).await
    })
}
