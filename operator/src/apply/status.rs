//! What is reported.
//!
//! By server-side apply of the whole status: a field that the operator no longer reports goes, which a merge patch would need
//! to know the old status for; what others add, such as conditions of their own, stays; and as nothing is read before, nothing
//! that was written in between is lost. A status that is as before changes nothing, not even the resource version.

use kube::api::{Api, Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use kube::{Client, Error, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use sutra_crds::names::FIELD_MANAGER;
use sutra_crds::{SutraCluster, SutraClusterStatus, SutraShard, SutraShardStatus};

use super::outcome::Outcome;

/// Reports on a cluster. One that is not there needs no report.
///
/// # Errors
/// If the answer may be another later.
pub async fn cluster_status(client: &Client, cluster: &SutraCluster, status: &SutraClusterStatus) -> Result<Outcome, Error> {
    patch::<SutraCluster>(client, &cluster.namespace().unwrap_or_default(), &cluster.name_any(), status).await
}

/// Reports on a shard, whichever object bears its name: they are all projections of the same. One that is not there is made
/// first, by a later plan.
///
/// # Errors
/// If the answer may be another later.
pub async fn shard_status(client: &Client, namespace: &str, name: &str, status: &SutraShardStatus) -> Result<Outcome, Error> {
    patch::<SutraShard>(client, namespace, name, status).await
}

async fn patch<K>(client: &Client, namespace: &str, name: &str, status: &impl Serialize) -> Result<Outcome, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned,
{
    let objects: Api<K> = Api::namespaced(client.clone(), namespace);
    // No uid: the API server heeds none in a report. One on an object that took the name of the observed one is replaced by the
    // next.
    let metadata = json!({"name": name, "namespace": namespace});
    let patch = json!({"apiVersion": K::api_version(&()), "kind": K::kind(&()), "metadata": metadata, "status": status});
    Outcome::of_leaving(objects.patch_status(name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(patch)).await)
}
