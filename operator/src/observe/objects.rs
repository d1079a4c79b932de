//! Objects of which there is one, and the stateful set: as rendered, changed, or somebody else's.

use std::collections::BTreeMap;
use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::DynamicObject;
use kube::runtime::reflector::Store;
use kube::{Api, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sutra_crds::{SutraCluster, names};
use sutra_planner::{Object, Seen};

use crate::control::Context;
use crate::drift;
use crate::reconcile::Rendered;
use crate::reconcile::cached::cached;
use crate::reconcile::rendered;

/// How each object is; what is missing is left out.
pub(super) async fn seen(
    cluster: &SutraCluster,
    rendered: &Rendered<'_>,
    context: &Context,
) -> Result<BTreeMap<Object, Seen>, kube::Error> {
    let mut seen = BTreeMap::new();
    for object in Object::ALL {
        let wanted = rendered.objects.get(&object);
        let found = match object {
            Object::ServiceAccount => {
                look::<ServiceAccount>(cluster, object, wanted, &context.caches.service_accounts, context).await?
            }
            Object::ConfigMap => look::<ConfigMap>(cluster, object, wanted, &context.caches.config_maps, context).await?,
            Object::PeerSecret => secret(cluster, context).await?,
            Object::NodesService | Object::ClientService => {
                look::<Service>(cluster, object, wanted, &context.caches.services, context).await?
            }
            Object::NetworkPolicy => {
                look::<NetworkPolicy>(cluster, object, wanted, &context.caches.network_policies, context).await?
            }
            Object::DisruptionBudget => {
                look::<PodDisruptionBudget>(cluster, object, wanted, &context.caches.budgets, context).await?
            }
            Object::PodMonitor => pod_monitor(cluster, wanted, context),
        };
        seen.extend(found.map(|found| (object, found)));
    }
    Ok(seen)
}

/// The stateful set, apart from its claim template.
pub(super) async fn stateful_set(
    cluster: &SutraCluster,
    rendered: &Rendered<'_>,
    context: &Context,
) -> Result<Option<sutra_planner::StatefulSet>, kube::Error> {
    let name = cluster.name_any();
    let Some(live) = find::<StatefulSet>(cluster, &name, &context.caches.stateful_sets, context).await? else {
        return Ok(None);
    };
    let claim = rendered::claim_of(&live);
    let spec = live.spec.as_ref();
    // How many pods there are to be is decided by the plan.
    let replicas = spec.and_then(|spec| spec.replicas).unwrap_or(1);
    let wanted = drift::stamped(&rendered.stateful_set(claim.as_ref(), replicas));
    let status = live.status.as_ref();
    Ok(Some(sutra_planner::StatefulSet {
        seen: judge(cluster, &wanted, &*live),
        left_behind: left_behind(cluster, &live.metadata),
        replicas: replicas.unsigned_abs(),
        noticed: status.and_then(|status| status.observed_generation) >= live.metadata.generation,
        claim_bytes: claim.as_ref().and_then(|claim| sutra_crds::bytes(&claim.size)).unwrap_or_default(),
        claim_class: spec.and(claim).and_then(|claim| claim.storage_class),
    }))
}

/// How many nodes the disruption budget lets go at once, if that is a number.
pub(crate) fn budget(cluster: &SutraCluster, context: &Context) -> Option<u32> {
    let budget = cached(&context.caches.budgets, cluster, &cluster.name_any())?;
    match budget.spec.as_ref()?.max_unavailable.as_ref()? {
        IntOrString::Int(number) => u32::try_from(*number).ok(),
        IntOrString::String(_) => None,
    }
}

/// The stateful set from the cache.
pub(super) fn live_stateful_set(cluster: &SutraCluster, context: &Context) -> Option<std::sync::Arc<StatefulSet>> {
    cached(&context.caches.stateful_sets, cluster, &cluster.name_any())
}

async fn look<K>(
    cluster: &SutraCluster,
    object: Object,
    wanted: Option<&Value>,
    cache: &Store<K>,
    context: &Context,
) -> Result<Option<Seen>, kube::Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    let name = rendered::name(cluster, object);
    match wanted {
        Some(wanted) => Ok(find(cluster, &name, cache, context).await?.map(|live| judge(cluster, wanted, &*live))),
        // Not wanted: only what is ours counts.
        None => Ok(cached(cache, cluster, &name)
            .filter(|live| owned(cluster, live.meta()))
            .map(|live| leaving_or(live.meta(), Seen::InSync))),
    }
}

/// An object from the cache; one that is not there, because it lost our labels or never had them, from the API server.
async fn find<K>(
    cluster: &SutraCluster,
    name: &str,
    cache: &Store<K>,
    context: &Context,
) -> Result<Option<std::sync::Arc<K>>, kube::Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    if let Some(live) = cached(cache, cluster, name) {
        return Ok(Some(live));
    }
    let api: Api<K> = Api::namespaced(context.client.clone(), &cluster.namespace().unwrap_or_default());
    Ok(api.get_opt(name).await?.map(std::sync::Arc::new))
}

/// Secrets are in no cache: the operator may read those whose names it knows, and list none.
async fn secret(cluster: &SutraCluster, context: &Context) -> Result<Option<Seen>, kube::Error> {
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &cluster.namespace().unwrap_or_default());
    let live = api.get_opt(&rendered::name(cluster, Object::PeerSecret)).await?;
    Ok(live.map(|live| match stranger(cluster, live.meta()) {
        Some(Seen::Drifted) => Seen::InSync,
        Some(seen) => seen,
        // Made once and never changed; what is in it is nobody's business here.
        None => leaving_or(live.meta(), Seen::InSync),
    }))
}

fn pod_monitor(cluster: &SutraCluster, wanted: Option<&Value>, context: &Context) -> Option<Seen> {
    let (name, namespace) = (rendered::name(cluster, Object::PodMonitor), cluster.namespace());
    let monitors = context.caches.pod_monitors.as_ref()?;
    let live = monitors.state().into_iter().find(|monitor: &std::sync::Arc<DynamicObject>| {
        monitor.metadata.name.as_ref() == Some(&name) && monitor.metadata.namespace == namespace
    })?;
    match wanted {
        Some(wanted) => Some(judge(cluster, wanted, &*live)),
        None => owned(cluster, &live.metadata).then(|| leaving_or(&live.metadata, Seen::InSync)),
    }
}

type Metadata = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

fn judge<K: Serialize>(cluster: &SutraCluster, wanted: &Value, live: &K) -> Seen {
    let live = serde_json::to_value(live).unwrap_or_default();
    let metadata: Metadata = serde_json::from_value(live["metadata"].clone()).unwrap_or_default();
    match stranger(cluster, &metadata) {
        Some(seen) => seen,
        None if drift::in_sync(wanted, &live) => leaving_or(&metadata, Seen::InSync),
        None => leaving_or(&metadata, Seen::Drifted),
    }
}

fn leaving_or(metadata: &Metadata, otherwise: Seen) -> Seen {
    if metadata.deletion_timestamp.is_some() { Seen::Leaving } else { otherwise }
}

fn owned(cluster: &SutraCluster, metadata: &Metadata) -> bool {
    metadata.owner_references.iter().flatten().any(|owner| Some(&owner.uid) == cluster.metadata.uid.as_ref())
}

/// Whether it is what a cluster of this name left without an owner (`--cascade=orphan`): the labels that the operator gives are still there.
fn left_behind(cluster: &SutraCluster, metadata: &Metadata) -> bool {
    let label = |name: &str| metadata.labels.as_ref().and_then(|labels| labels.get(name)).map(String::as_str);
    metadata.owner_references.iter().flatten().next().is_none()
        && label(names::MANAGED_BY_LABEL) == Some(names::FIELD_MANAGER)
        && label(names::INSTANCE_LABEL) == Some(cluster.name_any().as_str())
}

/// What to think of an object that is not this cluster's.
fn stranger(cluster: &SutraCluster, metadata: &Metadata) -> Option<Seen> {
    if owned(cluster, metadata) {
        return None;
    }
    let owner = metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
    if left_behind(cluster, metadata) {
        return Some(leaving_or(metadata, Seen::Drifted));
    }
    Some(match owner {
        // Of a deleted cluster that had this name: the garbage collector is on its way.
        Some(owner) if owner.kind == "SutraCluster" && owner.name == cluster.name_any() => Seen::Leaving,
        Some(owner) => Seen::Foreign(format!("{} {}", owner.kind, owner.name)),
        None => Seen::Foreign("nobody that it names as its owner".to_owned()),
    })
}
