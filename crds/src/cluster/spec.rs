//! What is wanted of a cluster.

use k8s_openapi::api::core::v1::ResourceRequirements;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::features::{Embedding, Licence, Monitoring, Rebalancing, Security, UpgradePolicy};
use super::node_config::NodeConfig;
use super::pod_template::PodTemplate;
use super::status::SutraClusterStatus;
use super::storage::Storage;

/// A grid of storage nodes that the operator makes and looks after.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "sutra.dev",
    version = "v1alpha1",
    kind = "SutraCluster",
    plural = "sutraclusters",
    shortname = "sutra",
    category = "all",
    namespaced,
    doc = "A grid of Sutra storage nodes that the operator makes and looks after.",
    status = "SutraClusterStatus",
    derive = "PartialEq",
    scale(
        spec_replicas_path = ".spec.nodes",
        status_replicas_path = ".status.nodes",
        label_selector_path = ".status.selector"
    ),
    printcolumn(name = "Nodes", type_ = "integer", json_path = ".spec.nodes", description = "Nodes that are wanted"),
    printcolumn(name = "Ready", type_ = "integer", json_path = ".status.readyNodes", description = "Nodes that serve"),
    printcolumn(name = "Shards", type_ = "integer", json_path = ".status.shards", description = "Shards of the grid"),
    printcolumn(name = "Concepts", type_ = "integer", json_path = ".status.concepts", description = "Living concepts"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase", description = "In a word; conditions say it exactly"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("metadata.name must be at most 40 characters: a lowercase letter, then letters, digits and hyphens, the last no hyphen")
)]
#[x_kube(
    validation = Rule::new("!has(self.replicationFactor) || self.replicationFactor <= self.nodes")
        .message("replicationFactor must be at most nodes: two copies on one node are one copy")
        .field_path(".replicationFactor"),
    validation = Rule::new("has(self.initialShards) == has(oldSelf.initialShards) && (!has(self.initialShards) || self.initialShards == oldSelf.initialShards)")
        .message("initialShards is immutable: it says among how many shards the knowledge is divided from the first one on; status.shards counts them")
)]
#[serde(rename_all = "camelCase")]
pub struct SutraClusterSpec {
    /// Storage nodes: 1, 3 or 5 in this release. Three become five and five three while they serve; one stays one. Also what `kubectl scale` changes.
    #[schemars(range(min = 1, max = 100))]
    pub nodes: i32,

    /// Shards that the grid begins with, among which its knowledge is divided: at most 200 in this release, and 1 where there is one
    /// node. It keeps so many: this release splits and merges none. Immutable; unset: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4096))]
    pub initial_shards: Option<i32>,

    /// Copies of every shard: 1, 3 or 5, at most `nodes`. Unset: 3 if there are so many nodes, else 1. When it is changed the grid makes or removes copies, one at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self in [1, 3, 5]").message("replicationFactor must be 1, 3 or 5: an even number of copies survives no more than one less"))]
    pub replication_factor: Option<i32>,

    /// Image of the nodes. Unset: the one of the release that created the cluster, recorded in `status.image`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub image: Option<String>,

    /// Whether nodes without an `image` move to the operator's release when the operator is upgraded.
    #[serde(default)]
    pub upgrade_policy: UpgradePolicy,

    /// Volumes of the nodes.
    #[serde(default)]
    pub storage: Storage,

    /// Embedder that new namespaces get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<Embedding>,

    /// CPU and memory of a node's container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,

    /// What is added to the nodes' pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_template: Option<PodTemplate>,

    /// When shards are split, merged and moved: not in this release, only the defaults can be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebalancing: Option<Rebalancing>,

    /// Who may talk to the nodes.
    pub security: Security,

    /// A signed licence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<Licence>,

    /// Settings of `sutra-node serve`, by the names of its flags.
    #[serde(default, skip_serializing_if = "NodeConfig::is_empty")]
    pub config: NodeConfig,

    /// Metrics.
    #[serde(default)]
    pub monitoring: Monitoring,

    /// Nothing is changed while this is true; the status goes on saying what is seen.
    #[serde(default)]
    pub paused: bool,

    /// The pods are taken away and the volumes kept, until this is false again.
    #[serde(default)]
    pub hibernated: bool,
}

impl SutraClusterSpec {
    /// Copies of every shard, as wanted or by default.
    #[must_use]
    pub fn replication_factor(&self) -> i32 {
        self.replication_factor.unwrap_or(if self.nodes >= 3 { 3 } else { 1 })
    }
}
