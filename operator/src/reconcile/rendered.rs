//! All objects of a cluster as they shall be.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::StatefulSet;
use kube::ResourceExt as _;
use serde_json::Value;
use sutra_crds::{SutraCluster, names};
use sutra_planner::Object;

use super::cached::cached;
use crate::control::Context;
use crate::desired::Release;
use crate::drift;
use crate::observe;
use crate::render::{self, Claim, Recorded, Renderer, Setting};

/// Nodes that others may take away at once.
const MOST_AT_ONCE: u32 = 1;

/// All objects of a cluster as they shall be.
pub struct Rendered<'a> {
    /// Those that are written as they are, with their stamps. The peer secret is not among them: it is made once, and never looked into.
    pub objects: BTreeMap<Object, Value>,
    cluster: &'a SutraCluster,
    setting: Setting,
}

impl<'a> Rendered<'a> {
    /// Renders them.
    #[must_use]
    pub fn new(cluster: &'a SutraCluster, release: &Release, context: &Context) -> Self {
        let setting = Setting {
            image: release.image.clone(),
            renderer: release.renderer,
            recorded: release.recorded.clone(),
            cluster_domain: context.config.cluster_domain.clone(),
            operator_namespace: context.config.lease_namespace.clone(),
        };
        // One that is there keeps its number, which is decided elsewhere: it follows from how the nodes are.
        let budget = observe::budget(cluster, context).filter(|number| *number <= MOST_AT_ONCE).unwrap_or(MOST_AT_ONCE);
        let objects = BTreeMap::from([
            (Object::ServiceAccount, drift::stamped(&render::service_account(cluster))),
            (Object::ConfigMap, drift::stamped(&render::config_map(cluster, &setting))),
            (Object::NodesService, drift::stamped(&render::nodes_service(cluster))),
            (Object::ClientService, drift::stamped(&render::client_service(cluster))),
            (Object::NetworkPolicy, drift::stamped(&render::network_policy(cluster, &setting))),
            (Object::DisruptionBudget, drift::stamped(&render::disruption_budget(cluster, budget))),
            (Object::PodMonitor, drift::stamped(&render::pod_monitor(cluster))),
        ]);
        Self { objects, cluster, setting }
    }

    /// The stateful set with so many pods. One that exists keeps its claim template, because the API server refuses another.
    #[must_use]
    pub fn stateful_set(&self, existing: Option<&Claim>, replicas: i32) -> StatefulSet {
        let storage = &self.cluster.spec.storage;
        let wanted = Claim { size: storage.size.clone(), storage_class: storage.storage_class_name.clone() };
        render::stateful_set(self.cluster, &self.setting, existing.unwrap_or(&wanted), replicas)
    }

    /// Hash of the pod template.
    #[must_use]
    pub fn revision(&self) -> String {
        render::revision(&self.stateful_set(None, self.cluster.spec.nodes))
    }
}

/// The name of an object.
#[must_use]
pub(crate) fn name(cluster: &SutraCluster, object: Object) -> String {
    let cluster = cluster.name_any();
    match object {
        Object::ConfigMap => names::config_map(&cluster),
        Object::PeerSecret => names::peer_secret(&cluster),
        Object::NodesService => names::nodes_service(&cluster),
        Object::ServiceAccount
        | Object::ClientService
        | Object::NetworkPolicy
        | Object::DisruptionBudget
        | Object::PodMonitor => cluster,
    }
}

/// The claim template of a stateful set.
#[must_use]
pub(crate) fn claim_of(set: &StatefulSet) -> Option<Claim> {
    let template = set.spec.as_ref()?.volume_claim_templates.as_ref()?.first()?.spec.as_ref()?;
    let size = template.resources.as_ref()?.requests.as_ref()?.get("storage")?.0.clone();
    Some(Claim { size, storage_class: template.storage_class_name.clone() })
}

/// Image and renderer as they were recorded: in the status, which only the operator may write; if somebody took that away, on the
/// stateful set.
#[must_use]
pub(crate) fn recorded(cluster: &SutraCluster, context: &Context) -> Option<Recorded> {
    // A revision of a newer operator is not known here. To write the pods as they are written here is then the least of evils.
    let renderer = |number: i32| Renderer::of(number).unwrap_or(Renderer::LATEST);
    let told = cluster
        .status
        .as_ref()
        .and_then(|status| Some(Recorded { image: status.image.clone()?, renderer: renderer(status.renderer_revision?) }));
    told.or_else(|| {
        let set = cached(&context.caches.stateful_sets, cluster, &cluster.name_any())?;
        set.owner_references().iter().find(|owner| Some(&owner.uid) == cluster.metadata.uid.as_ref())?;
        let number = set.annotations().get(names::RENDERER_ANNOTATION)?.parse().ok()?;
        Some(Recorded { image: set.annotations().get(names::IMAGE_ANNOTATION)?.clone(), renderer: renderer(number) })
    })
}
