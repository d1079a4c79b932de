//! Whether a cluster that is deleted is kept until its volumes are decided about.

use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Error, Resource as _, ResourceExt as _};
use serde_json::json;
use sutra_crds::SutraCluster;
use sutra_crds::names::VOLUMES_FINALIZER;

use super::outcome::Outcome;

/// Who writes the finalizer, and nothing else of a cluster: what is applied under this name is all that it holds.
const FINALIZER_FIELD_MANAGER: &str = "sutra-operator-finalizer";

/// Puts the finalizer on a cluster, or takes it away.
///
/// # Errors
/// If the answer may be another later.
pub async fn hold(client: &Client, cluster: &SutraCluster, hold: bool) -> Result<Outcome, Error> {
    let (namespace, name) = (cluster.namespace().unwrap_or_default(), cluster.name_any());
    let finalizers: &[&str] = if hold { &[VOLUMES_FINALIZER] } else { &[] };
    let patch = json!({
        "apiVersion": SutraCluster::api_version(&()),
        "kind": SutraCluster::kind(&()),
        // With the uid, so that a cluster that is gone is not made again.
        "metadata": {"name": name, "namespace": namespace, "uid": cluster.uid().unwrap_or_default(), "finalizers": finalizers},
    });
    let clusters: Api<SutraCluster> = Api::namespaced(client.clone(), &namespace);
    let params = PatchParams::apply(FINALIZER_FIELD_MANAGER).force();
    Outcome::of_leaving(clusters.patch_metadata(&name, &params, &Patch::Apply(patch)).await)
}
