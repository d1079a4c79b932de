//! Volumes of the nodes.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity;

/// Volumes of the nodes.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[x_kube(
    validation = Rule::new("!isQuantity(self.size) || !isQuantity(oldSelf.size) || quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0")
        .message("storage.size can't shrink: a volume only grows")
        .field_path(".size"),
    // On the parent, which is always there: a rule on the field itself is not asked when the field is taken away.
    validation = Rule::new("!has(oldSelf.storageClassName) || (has(self.storageClassName) && self.storageClassName == oldSelf.storageClassName)")
        .message("storage.storageClassName is immutable once set: a volume keeps its class")
)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// Size of each node's volume. It can grow, where the storage class allows that, without a restart; it never shrinks.
    #[serde(default = "default_size")]
    #[schemars(schema_with = "quantity::schema")]
    #[x_kube(validation = Rule::new("self.matches('^[0-9]{1,15}([.][0-9]{1,3})?([kMGTP]|[KMGTP]i)?$') && quantity(self).compareTo(quantity('1Gi')) >= 0 && quantity(self).compareTo(quantity('1Pi')) <= 0").message("storage.size must be a quantity from 1Gi to 1Pi, such as 10Gi"))]
    pub size: String,

    /// Storage class of the volumes; unset: the cluster's default class. Immutable once set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub storage_class_name: Option<String>,

    /// What becomes of the volumes.
    #[serde(default)]
    pub persistent_volume_claim_retention_policy: PersistentVolumeClaimRetentionPolicy,

    /// Takes over volumes that another cluster of this name left behind: the id of their grid, as the condition
    /// `VolumesOfAnotherGrid` names it. Without it they are never touched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub adopt: Option<String>,
}

/// What becomes of the volumes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersistentVolumeClaimRetentionPolicy {
    /// When the cluster is deleted.
    #[serde(default)]
    pub when_deleted: WhenDeleted,
}

/// What becomes of volumes when the cluster is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WhenDeleted {
    /// They stay until somebody deletes them.
    #[default]
    Retain,
    /// They go with the cluster, and the data with them.
    Delete,
}

fn default_size() -> String {
    "10Gi".to_owned()
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            size: default_size(),
            storage_class_name: None,
            persistent_volume_claim_retention_policy: PersistentVolumeClaimRetentionPolicy::default(),
            adopt: None,
        }
    }
}
