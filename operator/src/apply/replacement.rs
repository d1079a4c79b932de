//! The annotations of a cluster by which a node begins anew.

use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Error, ResourceExt as _};
use serde_json::{Value, json};
use sutra_crds::SutraCluster;
use sutra_crds::names::{FIELD_MANAGER, REPLACE_ANNOTATION, REPLACING_ANNOTATION};

use super::outcome::Outcome;

/// Writes down which claim goes, by its uid, for a node to begin anew: no second one ever does for the same annotation.
///
/// # Errors
/// If the answer may be another later.
pub async fn begin_replacement(client: &Client, cluster: &SutraCluster, node: &str, volume: &str) -> Result<Outcome, Error> {
    annotate(client, cluster, &json!({REPLACING_ANNOTATION: format!("{node}/{volume}")}), None).await
}

/// Takes the annotations away; that of the user only if it still names this node.
///
/// # Errors
/// If the answer may be another later.
pub async fn end_replacement(client: &Client, cluster: &SutraCluster, node: &str) -> Result<Outcome, Error> {
    let clusters: Api<SutraCluster> = Api::namespaced(client.clone(), &cluster.namespace().unwrap_or_default());
    let Some(now) = clusters.get_metadata_opt(&cluster.name_any()).await? else { return Ok(Outcome::Done) };
    let mut gone = json!({REPLACING_ANNOTATION: null});
    if now.annotations().get(REPLACE_ANNOTATION).is_some_and(|named| named == node) {
        gone[REPLACE_ANNOTATION] = Value::Null;
    }
    annotate(client, cluster, &gone, now.resource_version()).await
}

async fn annotate(client: &Client, cluster: &SutraCluster, annotations: &Value, seen: Option<String>) -> Result<Outcome, Error> {
    let clusters: Api<SutraCluster> = Api::namespaced(client.clone(), &cluster.namespace().unwrap_or_default());
    let mut metadata = json!({"uid": cluster.uid().unwrap_or_default(), "annotations": annotations});
    if let Some(version) = seen {
        metadata["resourceVersion"] = version.into();
    }
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    Outcome::of_leaving(clusters.patch_metadata(&cluster.name_any(), &params, &Patch::Merge(json!({"metadata": metadata}))).await)
}
