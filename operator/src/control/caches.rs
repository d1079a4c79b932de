//! The objects that are known: everything that clusters consist of, without `managedFields`.

use std::fmt::Debug;
use std::hash::Hash;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::Api;
use kube::core::{ApiResource, DeserializeGuard};
use kube::runtime::reflector::store::{Writer, WriterDropped};
use kube::runtime::reflector::{ObjectRef, Store, store};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use sutra_crds::names::{FIELD_MANAGER, MANAGED_BY_LABEL};
use sutra_crds::{SutraCluster, SutraShard};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;

use super::pod_monitors::PodMonitor;
use super::watch::{Surroundings, Watch};
use crate::config::Config;
use crate::health::Health;
use crate::metrics::Metrics;

/// The objects that are known. Cheap to clone; to read from it never asks the API server. All but the clusters are those with the label
/// `app.kubernetes.io/managed-by: sutra-operator`, of the clusters cared for and of others.
#[derive(Clone)]
pub struct Caches {
    /// The clusters that this operator cares for.
    pub clusters: Store<SutraCluster>,
    /// Their shards' projections.
    pub shards: Store<SutraShard>,
    /// Their stateful sets.
    pub stateful_sets: Store<StatefulSet>,
    /// Their nodes.
    pub pods: Store<Pod>,
    /// Their nodes' volume claims.
    pub volumes: Store<PersistentVolumeClaim>,
    /// Their services.
    pub services: Store<Service>,
    /// Their nodes' settings.
    pub config_maps: Store<ConfigMap>,
    /// Their nodes' accounts.
    pub service_accounts: Store<ServiceAccount>,
    /// How many of their nodes may be evicted at a time.
    pub budgets: Store<PodDisruptionBudget>,
    /// Who may reach their nodes.
    pub network_policies: Store<NetworkPolicy>,
    /// How Prometheus finds their nodes; `None` if Kubernetes does not know such a kind.
    pub pod_monitors: Option<Store<PodMonitor>>,
}

/// Caches that are kept up to date for as long as this lives.
pub(super) struct Watched {
    pub(super) caches: Caches,
    /// Clusters to be looked at.
    pub(super) queue: UnboundedReceiver<ObjectRef<SutraCluster>>,
    /// Dropped, they end.
    pub(super) watches: JoinSet<()>,
}

/// Begins to watch everything.
pub(super) fn watch(
    client: &Client,
    config: &Config,
    pod_monitors: Option<&ApiResource>,
    health: &Health,
    metrics: &Metrics,
) -> Watched {
    let (sender, queue) = unbounded_channel();
    let (clusters, clusters_writer) = store::<SutraCluster>();
    let surroundings =
        Surroundings { queue: sender, clusters: clusters.clone(), health: health.clone(), metrics: metrics.clone() };
    let mut begin =
        Begin { client, namespace: config.namespace.as_deref(), surroundings, watches: JoinSet::new(), kinds: Vec::new() };
    let caches = Caches {
        shards: begin.owned("sutrashards"),
        stateful_sets: begin.owned("statefulsets"),
        pods: begin.owned("pods"),
        volumes: begin.owned("persistentvolumeclaims"),
        services: begin.owned("services"),
        config_maps: begin.owned("configmaps"),
        service_accounts: begin.owned("serviceaccounts"),
        budgets: begin.owned("poddisruptionbudgets"),
        network_policies: begin.owned("networkpolicies"),
        pod_monitors: pod_monitors.map(|resource| begin.pod_monitors(resource)),
        clusters,
    };
    let clusters = Watch {
        kind: "sutraclusters",
        api: begin.api(),
        labels: config.cluster_selector.clone(),
        writer: clusters_writer,
        cluster_of: |cluster| Some(ObjectRef::from_obj(cluster)),
    };
    begin.kinds.push(clusters.kind);
    health.control_begins(std::mem::take(&mut begin.kinds), caches.clusters.clone());
    begin.spawn(clusters);
    Watched { caches, queue, watches: begin.watches }
}

impl Caches {
    /// Waits until everything is known once.
    pub(super) async fn ready(&self) -> Result<(), WriterDropped> {
        self.clusters.wait_until_ready().await?;
        self.shards.wait_until_ready().await?;
        self.stateful_sets.wait_until_ready().await?;
        self.pods.wait_until_ready().await?;
        self.volumes.wait_until_ready().await?;
        self.services.wait_until_ready().await?;
        self.config_maps.wait_until_ready().await?;
        self.service_accounts.wait_until_ready().await?;
        self.budgets.wait_until_ready().await?;
        self.network_policies.wait_until_ready().await?;
        if let Some(pod_monitors) = &self.pod_monitors {
            pod_monitors.wait_until_ready().await?;
        }
        Ok(())
    }
}

struct Begin<'a> {
    client: &'a Client,
    namespace: Option<&'a str>,
    surroundings: Surroundings,
    watches: JoinSet<()>,
    kinds: Vec<&'static str>,
}

impl Begin<'_> {
    fn api<K: Resource<DynamicType = (), Scope = NamespaceResourceScope>>(&self) -> Api<DeserializeGuard<K>> {
        match self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    fn owned<K>(&mut self, kind: &'static str) -> Store<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    {
        let (known, writer) = store();
        let watch = Watch::owned(kind, self.api(), labels(), writer);
        self.kinds.push(kind);
        self.spawn(watch);
        known
    }

    fn pod_monitors(&mut self, resource: &ApiResource) -> Store<PodMonitor> {
        let writer = Writer::new(resource.clone());
        let known = writer.as_reader();
        let api = match self.namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, resource),
            None => Api::all_with(self.client.clone(), resource),
        };
        self.kinds.push("podmonitors");
        self.spawn(Watch::owned("podmonitors", api, labels(), writer));
        known
    }

    fn spawn<K>(&mut self, watch: Watch<K>)
    where
        K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
        K::DynamicType: Eq + Hash + Clone + Send + Sync,
    {
        self.watches.spawn(watch.run(self.surroundings.clone()));
    }
}

fn labels() -> String {
    format!("{MANAGED_BY_LABEL}={FIELD_MANAGER}")
}
