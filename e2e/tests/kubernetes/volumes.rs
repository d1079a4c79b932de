//! Growth, deletion, adoption.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Service};
use serde_json::{Value, json};
use sutra_crds::names;
use sutra_e2e::case::scenario;
use sutra_e2e::cluster::{Cluster, Manifest};
use sutra_e2e::grid::{METFORMIN, WARFARIN};
use sutra_e2e::wait::{LONG, SOON, throughout, until};

/// What a claim asks for and what it has.
async fn sizes(cluster: &Cluster<'_>) -> Result<(Value, Value)> {
    let claim = serde_json::to_value(cluster.claim().await?)?;
    let at = |pointer: &str| claim.pointer(pointer).cloned().unwrap_or_default();
    Ok((at("/spec/resources/requests/storage"), at("/status/capacity/storage")))
}

fn template_size(set: &StatefulSet) -> Value {
    let set = serde_json::to_value(set).unwrap_or_default();
    set.pointer("/spec/volumeClaimTemplates/0/spec/resources/requests/storage").cloned().unwrap_or_default()
}

#[test]
fn a_volume_grows_while_its_node_runs_on() -> Result<()> {
    scenario(async |case| {
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets")).await?;
        let grid = cluster.grid().await?;
        grid.teach(WARFARIN).await?;
        let before = cluster.life().await?;
        cluster.carry_out(&json!({"storage": {"size": "2Gi"}})).await?;
        ensure!(sizes(&cluster).await? == (json!("2Gi"), json!("2Gi")), "the claim has {:?}", sizes(&cluster).await?);
        // The claim template can't be changed: the StatefulSet is a new one, and its pod the old one.
        let template = template_size(&cluster.stateful_set().await?);
        ensure!(template == "2Gi", "the claim template says {template}");
        ensure!(cluster.life().await? == before, "the pod was replaced or started again: {before:?} {:?}", cluster.life().await?);
        grid.remembers(WARFARIN).await?;
        // The pod that was left belongs to the new StatefulSet: it is replaced as any other.
        case.kubectl(&["delete", "pod", "leaflets-0"]).await?;
        cluster.renewed(&before).await?;
        grid.remembers(WARFARIN).await
    })
}

#[test]
fn a_class_that_does_not_let_volumes_grow_is_told_and_the_node_runs_on() -> Result<()> {
    scenario(async |case| {
        let manifest = Manifest::minimal("leaflets").spec(&json!({"storage": {"storageClassName": "fixed"}}));
        let cluster = Cluster::running(case, &manifest).await?;
        let before = cluster.life().await?;
        cluster.change(&json!({"storage": {"size": "3Gi"}})).await?;
        let stalled = cluster.condition("Stalled", "True", Some("VolumeExpansionRefused")).await?;
        ensure!(
            stalled.message.contains("only dynamically provisioned pvc can be resized"),
            "the message is: {}",
            stalled.message
        );
        cluster.condition("Ready", "False", Some("VolumeExpansionRefused")).await?;
        ensure!(sizes(&cluster).await?.1 == "1Gi", "the claim has {:?}", sizes(&cluster).await?);
        ensure!(cluster.life().await? == before, "the pod was replaced");
        cluster.grid().await?.teach(WARFARIN).await
    })
}

#[test]
fn a_deleted_cluster_leaves_its_volume_which_only_a_cluster_that_names_it_takes_over() -> Result<()> {
    scenario(async |case| {
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets")).await?;
        cluster.grid().await?.teach(WARFARIN).await?;
        let grid = cluster.get().await?.status.and_then(|status| status.grid_id).context("no grid id")?;
        recorded(&cluster, &grid).await?;
        let volume = cluster.claim().await?.spec.and_then(|spec| spec.volume_name);
        cluster.delete().await?;
        until("only the volume claim is left", SOON, async || {
            let kinds = "statefulsets,pods,services,configmaps,secrets,serviceaccounts,networkpolicies,poddisruptionbudgets,\
                         persistentvolumeclaims,sutrashards,sutraclusters";
            let left = case.kubectl(&["get", kinds, "-l", "app.kubernetes.io/part-of=sutra-grid", "-o", "name"]).await?;
            ensure!(left.trim() == "persistentvolumeclaim/data-leaflets-0", "these are left: {left}");
            Ok(())
        })
        .await?;

        // The same name: what lies there is somebody else's.
        let next = Cluster::create(case, &Manifest::minimal("leaflets")).await?;
        let stalled = next.condition("Stalled", "True", Some("VolumesOfAnotherGrid")).await?;
        for part in ["data-leaflets-0", grid.as_str(), "spec.storage.adopt"] {
            ensure!(stalled.message.contains(part), "{part} is not in: {}", stalled.message);
        }
        next.condition("Ready", "False", Some("VolumesOfAnotherGrid")).await?;
        next.event("VolumesOfAnotherGrid").await?;
        ensure!(next.api::<StatefulSet>().get_opt("leaflets").await?.is_none(), "a StatefulSet was made all the same");

        next.carry_out(&json!({"storage": {"adopt": grid}})).await?;
        let adopted = next.claim().await?.spec.and_then(|spec| spec.volume_name);
        ensure!(volume == adopted, "the volume was {volume:?} and is {adopted:?}");
        let same = next.get().await?.status.and_then(|status| status.grid_id);
        ensure!(same.as_deref() == Some(grid.as_str()), "the grid was {grid} and is {same:?}");
        next.grid().await?.remembers(WARFARIN).await?;
        next.grid().await?.teach(METFORMIN).await
    })
}

/// Waits until the claim says whose data it holds.
async fn recorded(cluster: &Cluster<'_>, grid: &str) -> Result<()> {
    until("the claim names its grid", SOON, async || {
        let annotations = cluster.claim().await?.metadata.annotations.unwrap_or_default();
        let named = annotations.get(names::GRID_ANNOTATION);
        ensure!(named.is_some_and(|named| named == grid), "the annotation is {named:?}");
        Ok(())
    })
    .await
}

#[test]
fn a_volume_that_shall_go_with_its_cluster_goes_and_a_change_of_mind_counts() -> Result<()> {
    scenario(async |case| {
        let policy = |policy: &str| json!({"storage": {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": policy}}});
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets").spec(&policy("Delete"))).await?;
        held(&cluster, true).await?;
        cluster.carry_out(&policy("Retain")).await?;
        held(&cluster, false).await?;
        cluster.carry_out(&policy("Delete")).await?;
        held(&cluster, true).await?;
        cluster.delete().await?;
        until("the claim is gone", LONG, async || {
            let claim = cluster.api::<PersistentVolumeClaim>().get_opt("data-leaflets-0").await?;
            ensure!(claim.is_none(), "it is still there");
            ensure!(cluster.api::<Service>().get_opt("leaflets").await?.is_none(), "the Service is still there");
            Ok(())
        })
        .await
    })
}

/// Waits until the cluster's deletion does, or does not, wait for the operator. The claim itself is nobody's till then.
async fn held(cluster: &Cluster<'_>, expected: bool) -> Result<()> {
    until("the cluster has the right finalizers", SOON, async || {
        let finalizers = cluster.get().await?.metadata.finalizers.unwrap_or_default();
        let held = finalizers.iter().any(|finalizer| finalizer == names::VOLUMES_FINALIZER);
        ensure!(held == expected, "the finalizers are {finalizers:?}");
        let owners = cluster.claim().await?.metadata.owner_references.unwrap_or_default();
        ensure!(owners.is_empty(), "the claim belongs to {owners:?}");
        Ok(())
    })
    .await
}

#[test]
fn a_claim_that_somebody_deleted_is_told_before_and_after_its_data_is_lost() -> Result<()> {
    scenario(async |case| {
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets")).await?;
        let grid = cluster.grid().await?;
        grid.teach(WARFARIN).await?;
        let lost = cluster.get().await?.status.and_then(|status| status.grid_id).context("no grid id")?;
        recorded(&cluster, &lost).await?;
        let before = cluster.life().await?;
        case.kubectl(&["delete", "persistentvolumeclaim/data-leaflets-0", "--wait=false"]).await?;
        let leaving = cluster.condition("Stalled", "True", Some("VolumeLeaving")).await?;
        ensure!(leaving.message.contains("sutra export"), "the message says not what to do: {}", leaving.message);
        // Nothing takes the pod away now, and with it the data.
        cluster.change(&json!({"resources": {"requests": {"memory": "72Mi"}}})).await?;
        cluster.condition("Stalled", "True", Some("VolumeLeaving")).await?;
        throughout("the node's life", Duration::from_secs(5), async || {
            ensure!(cluster.life().await? == before, "the pod was replaced");
            grid.knows(WARFARIN).await
        })
        .await?;

        case.kubectl(&["delete", "pod/leaflets-0"]).await?;
        let mismatch = cluster.condition("Degraded", "True", Some("GridMismatch")).await?;
        ensure!(mismatch.message.contains(&lost), "the message names not what was lost: {}", mismatch.message);
        cluster.condition("Ready", "False", Some("GridMismatch")).await?;
        let (_, found) = mismatch.message.rsplit_once(' ').context("a message of one word")?;
        cluster.carry_out(&json!({"storage": {"adopt": found}})).await?;
        let now = cluster.get().await?.status.and_then(|status| status.grid_id);
        ensure!(now.as_deref() == Some(found), "the grid is {now:?}, not {found}");
        grid.teach(METFORMIN).await
    })
}

#[test]
fn what_a_cluster_left_that_was_deleted_alone_is_taken_up_by_the_next_of_its_name() -> Result<()> {
    scenario(async |case| {
        let cluster = Cluster::running(case, &Manifest::minimal("leaflets")).await?;
        let grid = cluster.grid().await?;
        grid.teach(WARFARIN).await?;
        let id = cluster.get().await?.status.and_then(|status| status.grid_id).context("no grid id")?;
        recorded(&cluster, &id).await?;
        let (life, service) = (cluster.life().await?, cluster.api::<Service>().get("leaflets").await?);
        case.kubectl(&["delete", "sutracluster/leaflets", "--cascade=orphan"]).await?;
        grid.knows(WARFARIN).await?;
        ensure!(cluster.life().await? == life, "the pod was replaced");

        let next = Cluster::create(case, &Manifest::minimal("leaflets").spec(&json!({"storage": {"adopt": id}}))).await?;
        next.ready().await?;
        let uid = next.get().await?.metadata.uid;
        let taken = cluster.api::<Service>().get("leaflets").await?.metadata;
        ensure!(taken.uid == service.metadata.uid, "the Service is another one");
        let owner = taken.owner_references.unwrap_or_default().into_iter().next().map(|owner| owner.uid);
        ensure!(owner == uid, "the Service belongs to {owner:?}, not to {uid:?}");
        grid.remembers(WARFARIN).await
    })
}

#[test]
fn a_namespace_can_be_deleted_with_the_clusters_in_it() -> Result<()> {
    scenario(async |case| {
        let namespace = case.new_namespace("clinic").await?;
        let delete = json!({"storage": {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"}}});
        for manifest in [Manifest::minimal("leaflets"), Manifest::minimal("formulary").spec(&delete)] {
            Cluster::create_in(case, &namespace, &manifest).await?.ready().await?;
        }
        let arguments = ["delete", "namespace", &namespace, "--timeout=150s"];
        case.world().environment.kubectl(arguments).await.map(drop)
    })
}
