//! Growth and marks of volume claims. Nothing here ever deletes one.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Error, Resource as _, ResourceExt as _};
use serde_json::{Value, json};
use sutra_crds::SutraCluster;
use sutra_crds::names::{CLUSTER_UID_LABEL, FIELD_MANAGER, GRID_ANNOTATION, GRID_NODES_ANNOTATION};

use super::outcome::Outcome;

/// Who writes the marks: not the manager of the other objects, because claims come from the stateful set's controller, and what
/// that one wrote stays.
pub const VOLUMES_FIELD_MANAGER: &str = "sutra-operator-volumes";

/// All that the operator says of a claim, beside that the cluster uses it. It is always written together: server-side apply
/// takes away what its manager no longer sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The grid whose data it holds, once it is known.
    pub grid: Option<String>,
    /// How many nodes that grid has, if they are several.
    pub nodes: Option<u32>,
    /// Whether it is deleted with the cluster.
    pub goes_with_cluster: bool,
}

/// Marks a claim as this cluster's. An owner that the operator gave it before, and that is not this cluster, goes.
///
/// # Errors
/// If the answer may be another later, and if the claim is not there.
pub async fn mark_volume(client: &Client, cluster: &SutraCluster, volume: &str, mark: &Mark) -> Result<Outcome, Error> {
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), &cluster.namespace().unwrap_or_default());
    // Server-side apply would make a claim that is not there; with the uid of one that was, it answers with a conflict.
    let claim = claims.get_metadata(volume).await?;
    let params = PatchParams::apply(VOLUMES_FIELD_MANAGER).force();
    let patch = patch(cluster, volume, &claim.uid().unwrap_or_default(), mark);
    Outcome::of(claims.patch(volume, &params, &Patch::Apply(patch)).await)
}

fn patch(cluster: &SutraCluster, volume: &str, uid: &str, mark: &Mark) -> Value {
    // The cluster does not control the claim, and its deletion does not wait for it: a pod may still use the volume.
    let owner = cluster.owner_ref(&()).filter(|_| mark.goes_with_cluster);
    let mut metadata = json!({
        "name": volume,
        "namespace": cluster.namespace().unwrap_or_default(),
        "uid": uid,
        "labels": {CLUSTER_UID_LABEL: cluster.uid().unwrap_or_default()},
    });
    if let Some(grid) = &mark.grid {
        metadata["annotations"][GRID_ANNOTATION] = grid.as_str().into();
    }
    if let Some(nodes) = mark.nodes {
        metadata["annotations"][GRID_NODES_ANNOTATION] = nodes.to_string().into();
    }
    if let Some(owner) = owner {
        metadata["ownerReferences"] = json!([owner]);
    }
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata})
}

/// Asks for a larger volume. A storage class that cannot grow volumes is a refusal.
///
/// # Errors
/// If the answer may be another later, and if the claim is not there.
pub async fn grow_volume(client: &Client, namespace: &str, volume: &str, size: &str) -> Result<Outcome, Error> {
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), namespace);
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let patch = json!({"spec": {"resources": {"requests": {"storage": size}}}});
    Outcome::of(claims.patch(volume, &params, &Patch::Merge(patch)).await)
}
