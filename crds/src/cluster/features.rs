//! Embedding, rebalancing, security, licence, monitoring.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity;

/// When nodes without an `image` take a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UpgradePolicy {
    /// When `image` is set.
    #[default]
    Manual,
    /// When the operator is upgraded.
    WithOperator,
}

/// Embedder of new namespaces.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(validation = Rule::new("self.provider == 'none' || has(self.model)").message("embedding.model must name the model of the provider"))]
#[serde(rename_all = "camelCase")]
pub struct Embedding {
    /// Who embeds.
    pub provider: EmbeddingProvider,
    /// Which model: a name for `local`, a URL for `http`, a dimension for `hash`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub model: Option<String>,
}

/// Who embeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EmbeddingProvider {
    /// Nobody.
    None,
    /// The node itself, with a model in its image or on a volume.
    Local,
    /// A service that speaks OpenAI's protocol.
    Http,
    /// A deterministic hash: no meaning, for tests.
    Hash,
}

/// When shards are split, merged and moved. The grid of this release splits and merges none, and moves one replica at a time: all else than
/// the defaults is told as not possible, and nothing is changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rebalancing {
    /// A shard larger than this is split.
    #[serde(default = "split_at_size")]
    #[schemars(schema_with = "quantity::checked")]
    pub split_at_size: String,
    /// A shard asked more often than this is split.
    #[serde(default = "split_at_queries")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub split_at_queries_per_second: i32,
    /// Neighbours that are smaller than this together are merged.
    #[serde(default = "merge_below_size")]
    #[schemars(schema_with = "quantity::checked")]
    pub merge_below_size: String,
    /// Replicas that move at the same time.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 16))]
    pub max_concurrent_moves: i32,
    /// No split, merge or move begins while this is true.
    #[serde(default)]
    pub paused: bool,
}

impl Default for Rebalancing {
    fn default() -> Self {
        Self {
            split_at_size: split_at_size(),
            split_at_queries_per_second: split_at_queries(),
            merge_below_size: merge_below_size(),
            max_concurrent_moves: one(),
            paused: false,
        }
    }
}

fn split_at_size() -> String {
    "8Gi".to_owned()
}

fn split_at_queries() -> i32 {
    10_000
}

fn merge_below_size() -> String {
    "1Gi".to_owned()
}

fn one() -> i32 {
    1
}

/// Who may talk to the nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Security {
    /// No default: to run without accounts and TLS is a decision.
    pub mode: SecurityMode,
}

/// How nodes are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecurityMode {
    /// No accounts, no TLS: whoever reaches a node may read and write. The condition `Insecure` says so for good.
    Development,
    /// Accounts and TLS.
    Production,
}

/// A signed licence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Licence {
    /// Secret with the key `licence`.
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: String,
}

/// Metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Monitoring {
    /// A `PodMonitor` for the Prometheus operator.
    #[serde(default)]
    pub pod_monitor: PodMonitoring,
}

/// Whether there is a `PodMonitor`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PodMonitoring {
    /// Where that API exists.
    #[default]
    Auto,
    /// No.
    Disabled,
}
