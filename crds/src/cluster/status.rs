//! What was observed of a cluster.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was observed of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SutraClusterStatus {
    /// Generation of the spec that the rest was reported for; -1: none yet.
    #[serde(default = "none_yet")]
    pub observed_generation: i64,
    /// In a word, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// `Ready`, `Available`, `Reconciling`, `Stalled`, `Degraded`, `Rebalancing`, `Insecure`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Nodes whose pod exists.
    #[serde(default)]
    pub nodes: i32,
    /// Nodes that serve.
    #[serde(default)]
    pub ready_nodes: i32,
    /// Label selector of the nodes' pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// Id of the grid, once a node has told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid_id: Option<String>,
    /// Shards of the grid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<i32>,
    /// Shards that serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_shards: Option<i32>,
    /// Living concepts, at most a minute old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concepts: Option<i64>,
    /// When the numbers that change with every write were last taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub counted_at: Option<String>,
    /// Epoch of the shard map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard_map_epoch: Option<i64>,
    /// Image that the cluster runs when its spec names none: that of the release which created it, or the last one with which it was ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// How the pods of that image are written: raised with the image, never by an upgrade of the operator alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renderer_revision: Option<i32>,
    /// What is done next, or waited for, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<PlannedStep>,
}

fn none_yet() -> i64 {
    -1
}

impl Default for SutraClusterStatus {
    fn default() -> Self {
        Self {
            observed_generation: none_yet(),
            phase: None,
            conditions: Vec::new(),
            nodes: 0,
            ready_nodes: 0,
            selector: None,
            grid_id: None,
            shards: None,
            ready_shards: None,
            concepts: None,
            counted_at: None,
            shard_map_epoch: None,
            image: None,
            renderer_revision: None,
            plan: Vec::new(),
        }
    }
}

/// A step, or something that is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    /// What.
    pub step: String,
    /// Why.
    pub reason: String,
}
