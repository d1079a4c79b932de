//! A changed spec is carried out, a broken one told and mended.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sutra_e2e::case::scenario;
use sutra_e2e::cluster::{Cluster, Manifest};
use sutra_e2e::grid::{METFORMIN, WARFARIN};
use sutra_e2e::wait::throughout;

async fn pod_resources(cluster: &Cluster<'_>) -> Result<Value> {
    let spec = cluster.pod().await?.spec.context("a pod without a spec")?;
    Ok(serde_json::to_value(spec.containers.first().and_then(|container| container.resources.as_ref()))?)
}

#[test]
fn changed_resources_give_a_new_pod_that_has_them_and_the_data() -> Result<()> {
    scenario(async |case| {
        let manifest = Manifest::minimal("leaflets").spec(&json!({"resources": {"requests": {"cpu": "10m", "memory": "64Mi"}}}));
        let cluster = Cluster::running(case, &manifest).await?;
        let grid = cluster.grid().await?;
        grid.teach(WARFARIN).await?;
        let before = cluster.life().await?;
        cluster.change(&json!({"resources": {"requests": {"memory": "96Mi"}, "limits": {"memory": "256Mi"}}})).await?;
        cluster.renewed(&before).await?;
        let expected = json!({"requests": {"cpu": "10m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}});
        let resources = pod_resources(&cluster).await?;
        ensure!(resources == expected, "the pod has {resources}");
        grid.remembers(WARFARIN).await?;
        cluster.event("DeletePod").await.map(drop)
    })
}

#[test]
fn an_image_that_cannot_be_pulled_is_told_and_its_removal_from_the_spec_heals() -> Result<()> {
    scenario(async |case| {
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets")).await?;
        let grid = cluster.grid().await?;
        grid.teach(WARFARIN).await?;
        let missing = "registry.example.org/sutra-node:0.1.O";
        cluster.change(&json!({"image": missing})).await?;
        let degraded = cluster.condition("Degraded", "True", Some("ImagePullFailed")).await?;
        ensure!(degraded.message.contains(missing), "the message does not name the image: {}", degraded.message);
        cluster.condition("Ready", "False", Some("ImagePullFailed")).await?;
        cluster.event("ImagePullFailed").await?;
        // The pod was never ready: it is replaced without waiting for anything. What ran before runs again.
        cluster.carry_out(&json!({"image": null})).await?;
        let image = cluster.get().await?.status.and_then(|status| status.image);
        ensure!(image.as_ref() == Some(&case.world().environment.release.node), "the image is {image:?}");
        grid.remembers(WARFARIN).await
    })
}

#[test]
fn a_wrong_setting_is_told_in_the_nodes_own_words_and_the_right_one_heals() -> Result<()> {
    scenario(async |case| {
        let manifest = Manifest::minimal("leaflets").spec(&json!({"config": {"drain-delay": "soon"}}));
        let cluster = Cluster::create(case, &manifest).await?;
        let failing = cluster.condition("Degraded", "True", Some("NodeFailing")).await?;
        let sentence = "the key drain-delay is wrong: a time is a whole number and ms, s, m or h, such as 500ms or 5s";
        ensure!(failing.message.contains(sentence), "the message is: {}", failing.message);
        cluster.condition("Ready", "False", Some("NodeFailing")).await?;
        cluster.carry_out(&json!({"config": {"drain-delay": "1s"}})).await?;
        cluster.grid().await?.teach(WARFARIN).await
    })
}

#[test]
fn a_node_that_finds_no_machine_is_told_and_a_mended_selector_heals() -> Result<()> {
    scenario(async |case| {
        let pods = |labels: Value| json!({"podTemplate": {"spec": {"nodeSelector": labels}}});
        let nowhere = pods(json!({"topology.kubernetes.io/zone": "zone-z"}));
        let cluster = Cluster::create(case, &Manifest::minimal("leaflets").spec(&nowhere)).await?;
        let degraded = cluster.condition("Degraded", "True", Some("PodUnschedulable")).await?;
        ensure!(degraded.message.contains("0/3 nodes are available"), "the message is: {}", degraded.message);
        cluster.condition("Ready", "False", Some("PodUnschedulable")).await?;
        cluster.carry_out(&pods(json!({"topology.kubernetes.io/zone": "zone-b"}))).await?;
        let machine = cluster.pod().await?.spec.and_then(|spec| spec.node_name);
        ensure!(machine.as_deref() == Some("node2"), "it runs on {machine:?}");
        cluster.grid().await?.teach(WARFARIN).await
    })
}

#[test]
fn what_a_quota_forbids_is_told_and_done_when_the_quota_is_lifted() -> Result<()> {
    scenario(async |case| {
        case.kubectl(&["create", "quota", "frozen", "--hard=services=0"]).await?;
        // The quota's controller has to have counted before it forbids anything.
        let used = "--for=jsonpath={.status.used.services}=0";
        case.kubectl(&["wait", used, "quota/frozen", "--timeout=60s"]).await?;
        let cluster = Cluster::create(case, &Manifest::minimal("leaflets")).await?;
        let stalled = cluster.condition("Stalled", "True", Some("RequestRefused")).await?;
        ensure!(stalled.message.contains("exceeded quota: frozen"), "the message is: {}", stalled.message);
        cluster.event("RequestRefused").await?;
        case.kubectl(&["delete", "quota", "frozen"]).await?;
        cluster.ready().await?;
        cluster.grid().await?.teach(WARFARIN).await
    })
}

#[test]
fn a_pod_that_a_quota_forbids_is_told_and_made_when_the_quota_is_lifted() -> Result<()> {
    scenario(async |case| {
        case.kubectl(&["create", "quota", "full", "--hard=pods=0"]).await?;
        case.kubectl(&["wait", "--for=jsonpath={.status.used.pods}=0", "quota/full", "--timeout=60s"]).await?;
        let cluster = Cluster::create(case, &Manifest::minimal("leaflets")).await?;
        let refused = cluster.condition("Degraded", "True", Some("PodRefused")).await?;
        ensure!(refused.message.contains("exceeded quota: full"), "the message is: {}", refused.message);
        case.kubectl(&["delete", "quota", "full"]).await?;
        cluster.ready().await?;
        cluster.grid().await?.teach(WARFARIN).await
    })
}

#[test]
fn a_paused_cluster_is_left_as_it_is_until_it_goes_on() -> Result<()> {
    scenario(async |case| {
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets")).await?;
        let grid = cluster.grid().await?;
        grid.teach(WARFARIN).await?;
        let before = cluster.life().await?;
        cluster.change(&json!({"paused": true})).await?;
        cluster.condition("Reconciling", "False", Some("Paused")).await?;
        let written = cluster.stateful_set().await?.metadata.generation;
        cluster.change(&json!({"resources": {"requests": {"memory": "80Mi"}}})).await?;
        // Seen, and nothing done about it.
        cluster.condition("Reconciling", "False", Some("Paused")).await?;
        throughout("the pause", Duration::from_secs(8), async || {
            ensure!(cluster.life().await? == before, "the pod was replaced");
            ensure!(cluster.stateful_set().await?.metadata.generation == written, "the StatefulSet was changed");
            Ok(())
        })
        .await?;
        // It serves meanwhile, and says so.
        cluster.condition("Ready", "True", None).await?;
        grid.teach(METFORMIN).await?;
        cluster.change(&json!({"paused": false})).await?;
        cluster.renewed(&before).await?;
        ensure!(pod_resources(&cluster).await?["requests"]["memory"] == "80Mi", "the change was lost");
        grid.remembers(METFORMIN).await
    })
}
