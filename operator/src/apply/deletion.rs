//! Deletion of what was observed, and of nothing else.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{Api, DeleteParams, Preconditions, PropagationPolicy};
use kube::core::{ApiResource, DynamicObject};
use kube::{Client, Error};
use sutra_crds::SutraShard;

use super::outcome::Outcome;
use crate::render::pod_monitor_api;

/// What the operator deletes, beside pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A `PodDisruptionBudget`.
    DisruptionBudget,
    /// A `PodMonitor`.
    PodMonitor,
    /// A `StatefulSet`, whose pods stay.
    OrphanedStatefulSet,
    /// A `SutraShard`.
    Shard,
    /// A `PersistentVolumeClaim`, whose data counts no more: its node has left the grid, or begins anew.
    VolumeClaim,
}

impl Kind {
    /// The kind's name in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DisruptionBudget => "PodDisruptionBudget",
            Self::PodMonitor => "PodMonitor",
            Self::OrphanedStatefulSet => "StatefulSet",
            Self::Shard => "SutraShard",
            Self::VolumeClaim => "PersistentVolumeClaim",
        }
    }

    fn api(self) -> ApiResource {
        match self {
            Self::DisruptionBudget => ApiResource::erase::<PodDisruptionBudget>(&()),
            Self::PodMonitor => pod_monitor_api(),
            Self::OrphanedStatefulSet => ApiResource::erase::<StatefulSet>(&()),
            Self::Shard => ApiResource::erase::<SutraShard>(&()),
            Self::VolumeClaim => ApiResource::erase::<PersistentVolumeClaim>(&()),
        }
    }

    fn propagation(self) -> PropagationPolicy {
        match self {
            Self::OrphanedStatefulSet => PropagationPolicy::Orphan,
            Self::DisruptionBudget | Self::PodMonitor | Self::Shard | Self::VolumeClaim => PropagationPolicy::Background,
        }
    }
}

/// Deletes an object, if it is still the one with this uid. One that is not there is deleted.
///
/// # Errors
/// If the answer may be another later, and if another object has taken the name.
pub async fn delete(client: &Client, kind: Kind, namespace: &str, name: &str, uid: &str) -> Result<Outcome, Error> {
    let objects: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &kind.api());
    let params = DeleteParams { propagation_policy: Some(kind.propagation()), ..observed(uid) };
    Outcome::of_leaving(objects.delete(name, &params).await)
}

/// Deletes a pod, if it is still the one with this uid: it may end in peace, and its stateful set makes a new one. One that is
/// not there is deleted.
///
/// # Errors
/// If the answer may be another later, and if another pod has taken the name.
pub async fn delete_pod(client: &Client, namespace: &str, name: &str, uid: &str) -> Result<Outcome, Error> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    Outcome::of_leaving(pods.delete(name, &observed(uid)).await)
}

fn observed(uid: &str) -> DeleteParams {
    let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() }
}
