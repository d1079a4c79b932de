//! From a release to the next.
//!
//! There is no earlier release yet. What stands for it are the same programs in images with another version and so other digests, and the
//! same chart with another version. It shows that an upgrade of the operator restarts no pod; that older code wrote the same pods is what
//! the operator's own golden test of the pod template shows.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use sutra_e2e::case::{Case, scenario};
use sutra_e2e::cluster::{Cluster, Manifest};
use sutra_e2e::grid::WARFARIN;
use sutra_e2e::operator::{Operator, Settings};
use sutra_e2e::wait::throughout;

/// The chart as a release before would have it.
async fn predecessor(case: &Case) -> Result<PathBuf> {
    let environment = &case.world().environment;
    let directory = std::env::temp_dir().join(format!("sutra-e2e-{}", case.namespace));
    let chart = environment.chart();
    let (chart, to) = (chart.display().to_string(), directory.display().to_string());
    let arguments = ["package", &chart, "--version", "0.0.9", "--app-version", "0.0.9", "--destination", &to];
    environment.helm(arguments).await?;
    Ok(directory.join("sutra-operator-0.0.9.tgz"))
}

/// The digest of the image that runs, as the container runtime tells it.
async fn running_image(cluster: &Cluster<'_>) -> Result<String> {
    let status = cluster.pod().await?.status.context("a pod without a status")?;
    let container = status.container_statuses.unwrap_or_default().into_iter().next().context("no container")?;
    Ok(container.image_id)
}

#[test]
fn an_upgrade_of_the_operator_restarts_only_nodes_that_ask_for_it() -> Result<()> {
    scenario(async |case| {
        let home = case.new_namespace("operator").await?;
        let (release, before) = (&case.world().environment.release, &case.world().environment.predecessor);
        let old = Settings { images: before.clone(), ..Settings::of_namespace(case, &case.namespace) };
        let old_chart = predecessor(case).await?;
        let operator = Operator::install_chart(case, &old_chart, &home, &old).await?;
        let manual = Cluster::create(case, &Manifest::minimal("manual").own()).await?;
        let moving =
            Cluster::create(case, &Manifest::minimal("moving").own().spec(&json!({"upgradePolicy": "WithOperator"}))).await?;
        for cluster in [&manual, &moving] {
            cluster.ready().await?;
            cluster.grid().await?.teach(WARFARIN).await?;
        }
        let (stays, goes) = (manual.life().await?, moving.life().await?);
        let old_digest = running_image(&manual).await?;

        operator.upgrade(&case.world().environment.chart(), &Settings::of_namespace(case, &case.namespace)).await?;
        moving.renewed(&goes).await?;
        ensure!(running_image(&moving).await? != old_digest, "the same image runs");
        let image = moving.get().await?.status.and_then(|status| status.image);
        ensure!(image.as_ref() == Some(&release.node), "the image is {image:?}");
        // Longer than the new operator took for the other cluster.
        throughout("the node that was not asked to move", Duration::from_secs(8), async || {
            ensure!(manual.life().await? == stays, "its pod was replaced");
            Ok(())
        })
        .await?;
        let image = manual.get().await?.status.and_then(|status| status.image);
        ensure!(image.as_ref() == Some(&before.node), "the image is {image:?}");
        manual.ready().await?;

        // By hand, when its owner wants it.
        manual.change(&json!({"image": release.node})).await?;
        manual.renewed(&stays).await?;
        ensure!(running_image(&manual).await? == running_image(&moving).await?, "other images run");
        for cluster in [&manual, &moving] {
            cluster.grid().await?.remembers(WARFARIN).await?;
        }
        // Scratch; the system's own cleaning takes what this leaves.
        let _ = std::fs::remove_dir_all(old_chart.parent().unwrap_or(&old_chart));
        Ok(())
    })
}
