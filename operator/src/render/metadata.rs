//! Names, labels, owner.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use kube::{Resource as _, ResourceExt as _};
use sutra_crds::{SutraCluster, names};

/// Labels of everything that belongs to a cluster.
pub(super) fn labels(cluster: &SutraCluster) -> BTreeMap<String, String> {
    let mut labels = selector_labels(cluster);
    labels.insert(names::MANAGED_BY_LABEL.to_owned(), names::FIELD_MANAGER.to_owned());
    labels.insert(names::PART_OF_LABEL.to_owned(), names::PART_OF.to_owned());
    labels
}

/// Labels by which a cluster's pods are chosen.
pub(super) fn selector_labels(cluster: &SutraCluster) -> BTreeMap<String, String> {
    names::selector(&cluster.name_any()).into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Selector of a cluster's pods.
pub(super) fn selector(cluster: &SutraCluster) -> LabelSelector {
    LabelSelector { match_labels: Some(selector_labels(cluster)), match_expressions: None }
}

/// Metadata of an object that goes with its cluster.
pub(super) fn metadata(cluster: &SutraCluster, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: cluster.namespace(),
        labels: Some(labels(cluster)),
        owner_references: owner(cluster).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    }
}

/// A deletion of the cluster in the foreground waits for what blocks it.
fn owner(cluster: &SutraCluster) -> Option<OwnerReference> {
    cluster.controller_owner_ref(&()).map(|owner| OwnerReference { block_owner_deletion: Some(true), ..owner })
}
