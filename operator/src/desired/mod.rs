//! What is wanted of a cluster: its spec, checked, and the release that its nodes run.
//!
//! | module | responsibility |
//! |---|---|
//! | `feasible` | what a spec may ask for and this release cannot do |
//! | `release` | image and renderer: recorded when the cluster was made, changed only when asked for |

mod feasible;
mod release;

use std::collections::BTreeSet;

use kube::ResourceExt as _;
use sutra_crds::cluster::{PodMonitoring, SecurityMode, SutraCluster, WhenDeleted};
use sutra_crds::names;
use sutra_planner::{Desired, Impossible, Object, Retention, Wanted};

pub(crate) use feasible::MOST_NODES;
pub use release::Release;

/// What the planner is to reach. `revision` is the hash of the pod template as it is rendered for `cluster`.
#[must_use]
pub fn desired(cluster: &SutraCluster, revision: String, pod_monitors_exist: bool) -> Desired {
    let spec = &cluster.spec;
    let mut impossible = feasible::impossible(spec);
    let volume_bytes = sutra_crds::bytes(&spec.storage.size).unwrap_or_else(|| {
        // The schema asks for more digits than fit into 128 bits only of somebody who tries to.
        let message = format!("storage.size {} is larger than any volume", spec.storage.size);
        impossible.push(Impossible { reason: "InvalidSpec", message });
        0
    });
    Desired {
        cluster: cluster.name_any(),
        uid: cluster.uid().unwrap_or_default(),
        wanted: wanted(cluster),
        nodes: spec.nodes.unsigned_abs(),
        replication_factor: spec.replication_factor().unsigned_abs(),
        revision,
        volume_bytes,
        volume_size: spec.storage.size.clone(),
        storage_class: spec.storage.storage_class_name.clone(),
        replace: cluster.annotations().get(names::REPLACE_ANNOTATION).cloned(),
        adopt: spec.storage.adopt.clone(),
        retention: match spec.storage.persistent_volume_claim_retention_policy.when_deleted {
            WhenDeleted::Retain => Retention::Retain,
            WhenDeleted::Delete => Retention::Delete,
        },
        insecure: spec.security.mode == SecurityMode::Development,
        objects: objects(cluster, pod_monitors_exist),
        impossible,
    }
}

fn wanted(cluster: &SutraCluster) -> Wanted {
    match cluster {
        _ if cluster.metadata.deletion_timestamp.is_some() => Wanted::Deleted,
        _ if cluster.spec.paused => Wanted::Paused,
        _ if cluster.spec.hibernated => Wanted::Hibernated,
        _ => Wanted::Running,
    }
}

fn objects(cluster: &SutraCluster, pod_monitors_exist: bool) -> BTreeSet<Object> {
    let spec = &cluster.spec;
    let mut objects: BTreeSet<Object> = Object::ALL.into_iter().collect();
    // A budget over one node, or over the only copy, would keep machines from ever being drained.
    if spec.nodes == 1 || spec.replication_factor() == 1 {
        objects.remove(&Object::DisruptionBudget);
    }
    if !pod_monitors_exist || spec.monitoring.pod_monitor == PodMonitoring::Disabled {
        objects.remove(&Object::PodMonitor);
    }
    let own_account = spec
        .pod_template
        .as_ref()
        .and_then(|template| template.spec.as_ref())
        .and_then(|pods| pods.service_account_name.as_ref());
    if own_account.is_some() {
        objects.remove(&Object::ServiceAccount);
    }
    objects
}
