//! The pods and their volumes.

use k8s_openapi::api::apps::v1::{
    StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec, StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec, PodTemplateSpec, VolumeResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use sutra_crds::{SutraCluster, names};

use super::config_file::config_file;
use super::metadata::{labels, metadata, selector};
use super::pod::{self, DATA_VOLUME};
use super::setting::{Claim, Renderer, Setting};
use crate::drift;

/// The pods and their volumes. Kubernetes starts pods, all at once; the operator alone takes them away, one at a time.
#[must_use]
pub fn stateful_set(cluster: &SutraCluster, setting: &Setting, claim: &Claim, replicas: i32) -> StatefulSet {
    let mut metadata = metadata(cluster, cluster.name_any());
    metadata.annotations = setting.recorded.as_ref().map(|recorded| {
        [
            (names::IMAGE_ANNOTATION.to_owned(), recorded.image.clone()),
            (names::RENDERER_ANNOTATION.to_owned(), recorded.renderer.number().to_string()),
        ]
        .into()
    });
    let template = match setting.renderer {
        Renderer::One => pod::pod_template(cluster, setting),
    };
    StatefulSet {
        metadata,
        spec: Some(StatefulSetSpec {
            service_name: Some(names::nodes_service(&cluster.name_any())),
            replicas: Some(replicas),
            pod_management_policy: Some("Parallel".to_owned()),
            update_strategy: Some(StatefulSetUpdateStrategy { type_: Some("OnDelete".to_owned()), rolling_update: None }),
            revision_history_limit: Some(2),
            // Volumes that shall go with the cluster have it as an owner; Kubernetes itself deletes none. Whether a node has left
            // its grid only the operator knows.
            persistent_volume_claim_retention_policy: Some(StatefulSetPersistentVolumeClaimRetentionPolicy {
                when_deleted: Some("Retain".to_owned()),
                when_scaled: Some("Retain".to_owned()),
            }),
            selector: selector(cluster),
            template: with_revision(template, &config_file(cluster, setting)),
            volume_claim_templates: Some(vec![claim_template(cluster, claim)]),
            ..StatefulSetSpec::default()
        }),
        status: None,
    }
}

/// Hash of the pod template and of the settings that its pods read at their start: a pod whose annotation has another is
/// outdated. Empty for a stateful set that was not rendered here.
#[must_use]
pub fn revision(set: &StatefulSet) -> String {
    let annotations = set.spec.as_ref().and_then(|spec| spec.template.metadata.as_ref()?.annotations.as_ref());
    annotations.and_then(|annotations| annotations.get(names::REVISION_ANNOTATION)).cloned().unwrap_or_default()
}

/// A pod reads its settings once: others need another pod.
fn with_revision(mut template: PodTemplateSpec, config_file: &str) -> PodTemplateSpec {
    let revision = drift::hash(&serde_json::json!({"template": template, "config": config_file}));
    template
        .metadata
        .get_or_insert_default()
        .annotations
        .get_or_insert_default()
        .insert(names::REVISION_ANNOTATION.to_owned(), revision);
    template
}

/// Its uid tells the volumes of this cluster from those that another one of its name left behind.
fn claim_template(cluster: &SutraCluster, claim: &Claim) -> PersistentVolumeClaim {
    let mut labels = labels(cluster);
    labels.insert(names::CLUSTER_UID_LABEL.to_owned(), cluster.uid().unwrap_or_default());
    PersistentVolumeClaim {
        metadata: ObjectMeta { name: Some(DATA_VOLUME.to_owned()), labels: Some(labels), ..ObjectMeta::default() },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            resources: Some(VolumeResourceRequirements {
                requests: Some([("storage".to_owned(), Quantity(claim.size.clone()))].into()),
                limits: None,
            }),
            storage_class_name: claim.storage_class.clone(),
            volume_mode: Some("Filesystem".to_owned()),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}
