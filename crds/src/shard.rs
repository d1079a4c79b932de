//! `SutraShard`: a shard as the grid reports it.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which shard of which cluster.
#[derive(CustomResource, JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "sutra.dev",
    version = "v1alpha1",
    kind = "SutraShard",
    plural = "sutrashards",
    shortname = "sshard",
    namespaced,
    doc = "A shard of a SutraCluster as its grid reports it. To edit or delete it changes no data and is undone.",
    status = "SutraShardStatus",
    derive = "PartialEq",
    printcolumn(name = "Cluster", type_ = "string", json_path = ".spec.clusterRef"),
    printcolumn(
        name = "Range",
        type_ = "string",
        json_path = ".status.range",
        description = "Placement keys, from and to (exclusive)"
    ),
    printcolumn(name = "Leader", type_ = "string", json_path = ".status.leader", description = "Node that takes its writes"),
    printcolumn(
        name = "Replicas",
        type_ = "string",
        json_path = ".status.replicaSummary",
        description = "Replicas that have caught up, of all"
    ),
    printcolumn(name = "Concepts", type_ = "integer", json_path = ".status.concepts"),
    printcolumn(name = "Size", type_ = "string", json_path = ".status.size"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct SutraShardSpec {
    /// Name of its `SutraCluster`, in the same namespace.
    pub cluster_ref: String,
    /// Its number in the grid, from 1.
    pub shard_id: i64,
}

/// What the grid reports of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SutraShardStatus {
    /// `Serving`, or why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Placement keys that it holds: first, and first that it does not hold, in 32 hexadecimal digits; `-` for the end of the space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<String>,
    /// Node that takes its writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<String>,
    /// Its copies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["node"]))]
    pub replicas: Vec<ShardReplica>,
    /// For the column: copies that have caught up, of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica_summary: Option<String>,
    /// Living concepts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concepts: Option<i64>,
    /// For the column: what it takes on disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// What it takes on disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<i64>,
    /// When this was observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub observed_at: Option<String>,
}

/// A copy of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShardReplica {
    /// The node that holds it.
    pub node: String,
    /// `leader`, `follower` or `learner`.
    pub role: String,
    /// Whether it has caught up.
    pub caught_up: bool,
}
