//! Volume claims, and whose data they hold.

use std::sync::Arc;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, ResourceExt as _};
use sutra_crds::{SutraCluster, names};
use sutra_planner::{Volume, VolumeOwner};

use crate::control::Context;
use crate::desired::MOST_NODES;

/// The claims that a cluster's nodes use, or would take over if they were made now; and those of nodes that its spec does not ask for any
/// more, or not yet: a grid of more nodes may have left them.
pub(super) async fn seen(cluster: &SutraCluster, context: &Context) -> Result<Vec<Volume>, kube::Error> {
    let (name, namespace) = (cluster.name_any(), cluster.namespace().unwrap_or_default());
    let mut volumes = Vec::new();
    let nodes = cluster.spec.nodes.min(MOST_NODES).unsigned_abs();
    for ordinal in 0..MOST_NODES.unsigned_abs() {
        let claim = names::volume(&name, ordinal.cast_signed());
        let cached = context.caches.volumes.get(&ObjectRef::new(&claim).within(&namespace));
        // One without our labels is in no cache, and a stateful set would take it all the same.
        let found = match cached {
            Some(cached) => Some(cached),
            // Nothing would take one of a node that is not asked for.
            None if ordinal >= nodes => None,
            None => {
                Api::<PersistentVolumeClaim>::namespaced(context.client.clone(), &namespace).get_opt(&claim).await?.map(Arc::new)
            }
        };
        volumes.extend(found.map(|claim| one(cluster, ordinal, &claim)));
    }
    Ok(volumes)
}

fn one(cluster: &SutraCluster, ordinal: u32, claim: &PersistentVolumeClaim) -> Volume {
    let made_for = claim.labels().get(names::CLUSTER_UID_LABEL);
    let grid = claim.annotations().get(names::GRID_ANNOTATION).cloned();
    let owner = if made_for.is_some() && made_for == cluster.metadata.uid.as_ref() {
        VolumeOwner::Ours
    } else {
        VolumeOwner::Other(grid.clone().or_else(|| made_for.cloned()).or_else(|| claim.uid()).unwrap_or_default())
    };
    let requested =
        claim.spec.as_ref().and_then(|spec| spec.resources.as_ref()).and_then(|resources| resources.requests.as_ref());
    let capacity = claim.status.as_ref().and_then(|status| status.capacity.as_ref());
    let bytes =
        |amounts: Option<&std::collections::BTreeMap<String, k8s_openapi::apimachinery::pkg::api::resource::Quantity>>| {
            amounts.and_then(|amounts| amounts.get("storage")).and_then(|amount| sutra_crds::bytes(&amount.0)).unwrap_or(0)
        };
    Volume {
        name: claim.name_any(),
        uid: claim.uid().unwrap_or_default(),
        ordinal,
        owner,
        grid,
        grid_nodes: claim.annotations().get(names::GRID_NODES_ANNOTATION).and_then(|nodes| nodes.parse().ok()),
        bound: claim.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Bound"),
        requested: bytes(requested),
        capacity: bytes(capacity),
        goes_with_cluster: claim.owner_references().iter().any(|owner| Some(&owner.uid) == cluster.metadata.uid.as_ref()),
        leaving: claim.metadata.deletion_timestamp.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cluster() -> SutraCluster {
        let spec = json!({"nodes": 1, "security": {"mode": "development"}});
        let metadata = json!({"name": "claims", "namespace": "insurance", "uid": "c-1"});
        serde_json::from_value(
            json!({"apiVersion": "sutra.dev/v1alpha1", "kind": "SutraCluster", "metadata": metadata, "spec": spec}),
        )
        .unwrap()
    }

    fn claim(labels: serde_json::Value, annotations: serde_json::Value) -> PersistentVolumeClaim {
        serde_json::from_value(json!({
            "metadata": {"name": "data-claims-0", "uid": "v-1", "labels": labels, "annotations": annotations},
            "spec": {"resources": {"requests": {"storage": "10Gi"}}},
            "status": {"phase": "Bound", "capacity": {"storage": "10Gi"}},
        }))
        .unwrap()
    }

    #[test]
    fn a_claim_made_for_this_cluster_is_ours() {
        let volume = one(&cluster(), 0, &claim(json!({"sutra.dev/cluster-uid": "c-1"}), json!({})));
        assert_eq!((volume.owner, volume.bound, volume.requested), (VolumeOwner::Ours, true, 10 << 30));
    }

    #[test]
    fn another_claim_is_named_by_the_best_that_is_known_of_it() {
        let owner = |labels, annotations| one(&cluster(), 0, &claim(labels, annotations)).owner;
        let other = |id: &str| VolumeOwner::Other(id.to_owned());
        assert_eq!(owner(json!({"sutra.dev/cluster-uid": "c-0"}), json!({"sutra.dev/grid-id": "g-7f3a"})), other("g-7f3a"));
        assert_eq!(owner(json!({"sutra.dev/cluster-uid": "c-0"}), json!({})), other("c-0"));
        assert_eq!(owner(json!({}), json!({})), other("v-1"));
    }
}
