//! A `SutraCluster`: written, looked at, waited for.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Resource};
use serde_json::{Value, json};
use sutra_crds::{SutraCluster, SutraShard, names};

use crate::case::Case;
use crate::grid::Grid;
use crate::operator::{OWN, OWN_LABEL};
use crate::wait::{LONG, SOON, until};

/// What a user writes.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest(pub Value);

impl Manifest {
    /// The smallest cluster, as in manifests/samples/minimal.yaml.
    #[must_use]
    pub fn minimal(name: &str) -> Self {
        Self(json!({
            "apiVersion": "sutra.dev/v1alpha1",
            "kind": "SutraCluster",
            "metadata": {"name": name},
            "spec": {"nodes": 1, "storage": {"size": "1Gi"}, "security": {"mode": "development"}},
        }))
    }

    /// Left to the operator that the test has for itself.
    #[must_use]
    pub fn own(self) -> Self {
        self.labelled(OWN_LABEL, OWN)
    }

    /// With a label.
    #[must_use]
    pub fn labelled(mut self, label: &str, value: &str) -> Self {
        self.0["metadata"]["labels"][label] = value.into();
        self
    }

    /// With a merge patch laid over the spec.
    #[must_use]
    pub fn spec(mut self, patch: &Value) -> Self {
        merge(&mut self.0["spec"], patch);
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0["metadata"]["name"].as_str().unwrap_or_default()
    }
}

/// RFC 7396.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            if let Some(map) = target.as_object_mut() {
                map.remove(key);
            }
        } else {
            merge(&mut target[key.as_str()], value);
        }
    }
}

/// A cluster in the API.
#[derive(Clone)]
pub struct Cluster<'a> {
    case: &'a Case,
    /// Where it is.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl<'a> Cluster<'a> {
    /// Writes a manifest into the test's first namespace.
    ///
    /// # Errors
    /// If the API server refuses it.
    pub async fn create(case: &'a Case, manifest: &Manifest) -> Result<Self> {
        Self::create_in(case, &case.namespace, manifest).await
    }

    /// Writes a manifest into a namespace.
    ///
    /// # Errors
    /// If the API server refuses it.
    pub async fn create_in(case: &'a Case, namespace: &str, manifest: &Manifest) -> Result<Self> {
        let cluster = Self::named(case, namespace, manifest.name());
        let object: SutraCluster = serde_json::from_value(manifest.0.clone())?;
        cluster.clusters().create(&PostParams::default(), &object).await.with_context(|| format!("create {}", cluster.name))?;
        Ok(cluster)
    }

    /// Writes a manifest and waits until the cluster is ready.
    ///
    /// # Errors
    /// If it does not become ready.
    pub async fn running(case: &'a Case, manifest: &Manifest) -> Result<Self> {
        let cluster = Self::create(case, manifest).await?;
        cluster.ready().await?;
        Ok(cluster)
    }

    /// One that exists, or will.
    #[must_use]
    pub fn named(case: &'a Case, namespace: &str, name: &str) -> Self {
        Self { case, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// Objects of its namespace.
    #[must_use]
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.case.world().client.clone(), &self.namespace)
    }

    fn clusters(&self) -> Api<SutraCluster> {
        self.api()
    }

    /// As it is.
    ///
    /// # Errors
    /// If it is not there.
    pub async fn get(&self) -> Result<SutraCluster> {
        self.clusters().get(&self.name).await.with_context(|| format!("get the SutraCluster {}", self.name))
    }

    /// Lays a merge patch over its spec.
    ///
    /// # Errors
    /// If the API server refuses it.
    pub async fn change(&self, spec: &Value) -> Result<()> {
        let patch = Patch::Merge(json!({"spec": spec}));
        self.clusters()
            .patch(&self.name, &PatchParams::default(), &patch)
            .await
            .with_context(|| format!("change {}", self.name))?;
        Ok(())
    }

    /// Changes its spec and waits until that is carried out.
    ///
    /// # Errors
    /// If it does not become ready.
    pub async fn carry_out(&self, spec: &Value) -> Result<()> {
        self.change(spec).await?;
        self.ready().await
    }

    /// Deletes it and waits until it and its pods are gone.
    ///
    /// # Errors
    /// If that takes too long.
    pub async fn delete(&self) -> Result<()> {
        self.clusters().delete(&self.name, &DeleteParams::foreground()).await?;
        until("the deleted cluster is gone with its pods", LONG, async || {
            ensure!(self.clusters().get_opt(&self.name).await?.is_none(), "the SutraCluster is still there");
            let pods = self.pods().await?;
            ensure!(pods.is_empty(), "{} pods are still there", pods.len());
            Ok(())
        })
        .await
    }

    /// Waits until the spec as it is now is carried out and everything serves.
    ///
    /// # Errors
    /// If that takes too long: the condition's words.
    pub async fn ready(&self) -> Result<()> {
        self.condition_within(LONG, "Ready", "True", None).await.map(drop)
    }

    /// Waits for a condition of the spec as it is now, and yields it.
    ///
    /// # Errors
    /// If that takes too long: what the condition says instead.
    pub async fn condition(&self, kind: &str, status: &str, reason: Option<&str>) -> Result<Condition> {
        self.condition_within(LONG, kind, status, reason).await
    }

    async fn condition_within(&self, limit: Duration, kind: &str, status: &str, reason: Option<&str>) -> Result<Condition> {
        let what = format!("{} is {kind}={status} {}", self.name, reason.unwrap_or_default());
        until(&what, limit, async || {
            let cluster = self.get().await?;
            let generation = cluster.metadata.generation;
            let told = cluster.status.context("it has no status yet")?;
            let all = told.conditions.iter().map(|one| format!("{}={} {}: {}", one.type_, one.status, one.reason, one.message));
            let all = all.collect::<Vec<_>>().join("\n  ");
            let found = told.conditions.into_iter().find(|condition| condition.type_ == kind);
            let found = found.with_context(|| format!("no condition {kind}; there are\n  {all}"))?;
            let right = found.status == status && reason.is_none_or(|reason| found.reason == reason);
            ensure!(right, "{}\n  {all}", told.phase.unwrap_or_default());
            ensure!(found.observed_generation == generation, "{kind} is of an older spec\n  {all}");
            Ok(found)
        })
        .await
    }

    /// A condition as it is now.
    ///
    /// # Errors
    /// If there is none of that type.
    pub async fn condition_now(&self, kind: &str) -> Result<Condition> {
        let status = self.get().await?.status.context("it has no status yet")?;
        let found = status.conditions.into_iter().find(|condition| condition.type_ == kind);
        found.with_context(|| format!("no condition {kind}"))
    }

    /// The pod of its first node.
    ///
    /// # Errors
    /// If there is none.
    pub async fn pod(&self) -> Result<Pod> {
        let name = names::pod(&self.name, 0);
        self.api::<Pod>().get(&name).await.with_context(|| format!("get the pod {name}"))
    }

    /// All its pods.
    ///
    /// # Errors
    /// If the API server cannot be asked.
    pub async fn pods(&self) -> Result<Vec<Pod>> {
        let selector = names::selector(&self.name).map(|(label, value)| format!("{label}={value}")).join(",");
        Ok(self.api::<Pod>().list(&ListParams::default().labels(&selector)).await?.items)
    }

    /// What tells its pod from any other, and how often its container was started again.
    ///
    /// # Errors
    /// If there is none.
    pub async fn life(&self) -> Result<Life> {
        let pod = self.pod().await?;
        let status = pod.status.unwrap_or_default();
        let container = status.container_statuses.unwrap_or_default().into_iter().next();
        let restarts = container.as_ref().map(|status| status.restart_count).unwrap_or_default();
        Ok(Life { uid: pod.metadata.uid.unwrap_or_default(), restarts })
    }

    /// Waits until its pod is another one than this and the cluster is ready.
    ///
    /// # Errors
    /// If that takes too long.
    pub async fn renewed(&self, old: &Life) -> Result<Life> {
        let life = until("the pod is a new one", LONG, async || {
            let life = self.life().await?;
            ensure!(life.uid != old.uid, "it is still {}", old.uid);
            Ok(life)
        })
        .await?;
        self.ready().await?;
        Ok(life)
    }

    /// Its stateful set.
    ///
    /// # Errors
    /// If there is none.
    pub async fn stateful_set(&self) -> Result<StatefulSet> {
        self.api::<StatefulSet>().get(&self.name).await.context("get the StatefulSet")
    }

    /// The volume claim of its first node.
    ///
    /// # Errors
    /// If there is none.
    pub async fn claim(&self) -> Result<PersistentVolumeClaim> {
        let name = names::volume(&self.name, 0);
        self.api::<PersistentVolumeClaim>().get(&name).await.with_context(|| format!("get the claim {name}"))
    }

    /// Its shards as the API shows them.
    ///
    /// # Errors
    /// If the API server cannot be asked.
    pub async fn shards(&self) -> Result<Vec<SutraShard>> {
        let all = self.api::<SutraShard>().list(&ListParams::default()).await?;
        Ok(all.items.into_iter().filter(|shard| shard.spec.cluster_ref == self.name).collect())
    }

    /// The grid behind its client Service.
    ///
    /// # Errors
    /// If there is no Service.
    pub async fn grid(&self) -> Result<Grid> {
        let service = until("there is a client Service", SOON, async || Ok(self.api::<Service>().get(&self.name).await?)).await?;
        let address = service.spec.and_then(|spec| spec.cluster_ip).context("the client Service has no address")?;
        Ok(Grid::at(&self.case.world().http, &address))
    }

    /// The address of its first node's pod.
    ///
    /// # Errors
    /// If it has none.
    pub async fn pod_address(&self) -> Result<String> {
        self.pod().await?.status.and_then(|status| status.pod_ip).context("the pod has no address")
    }

    /// Waits until one of its events has this reason, and yields that event's note.
    ///
    /// # Errors
    /// If there is none within a while: those that there are.
    pub async fn event(&self, reason: &str) -> Result<String> {
        until(&format!("there is an event {reason}"), SOON, async || {
            let field = format!("involvedObject.kind=SutraCluster,involvedObject.name={}", self.name);
            let arguments = ["get", "events", "--namespace", &self.namespace, "--field-selector", &field, "-o", "json"];
            let list: Value = serde_json::from_str(&self.case.world().environment.kubectl(arguments).await?)?;
            let events = list["items"].as_array().context("no list of events")?;
            let found = events.iter().find(|event| event["reason"] == reason);
            let all = || events.iter().map(|event| event["reason"].to_string()).collect::<Vec<_>>().join(", ");
            let found = found.with_context(|| format!("the events are {}", all()))?;
            Ok(found["message"].as_str().unwrap_or_default().to_owned())
        })
        .await
    }
}

/// A pod and how often its container was started again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// The pod's uid.
    pub uid: String,
    /// Restarts of its container.
    pub restarts: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_sets_changes_and_removes() {
        let manifest = Manifest::minimal("leaflets").spec(&json!({"storage": {"size": null, "adopt": "x"}, "paused": true}));
        let spec = json!({"nodes": 1, "storage": {"adopt": "x"}, "security": {"mode": "development"}, "paused": true});
        assert_eq!(manifest.0["spec"], spec);
    }
}
