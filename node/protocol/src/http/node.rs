//! `/stats`, `/info`, `/health`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::command::LogIndex;

/// Numbers about a node, since its start where they count events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatsResponse {
    /// Living concepts.
    pub concepts: u64,
    /// Living associations.
    pub edges: u64,
    /// Living concepts with a vector.
    pub vectors: u64,
    /// Namespaces.
    pub namespaces: u64,
    /// Commands made durable.
    pub written: u64,
    /// Acknowledged commands that were lost: always 0.
    pub dropped: u64,
    /// Commands that wait in the write log.
    pub pending: u64,
    /// Bytes of the commands that wait.
    pub pending_bytes: u64,
    /// Log entries; each packs the commands that waited together.
    pub reconciliations: u64,
    /// Last applied position of the log.
    #[schema(value_type = u64)]
    pub index: LogIndex,
    /// Size of the write-ahead log.
    pub wal_bytes: u64,
    /// What an acknowledgement stands for: `fsync`.
    pub durability: String,
    /// Since the start.
    pub uptime_seconds: f64,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InfoResponse {
    /// Its release.
    pub version: String,
    /// Its name.
    pub node: String,
    /// Its grid.
    pub grid_id: String,
    /// Shards of the grid.
    pub shards: u32,
    /// `none`, or the embedder's identity.
    pub embedder: String,
    /// `none`, or the edition whose limits apply.
    pub edition: String,
    /// The address that serves HTTP.
    pub http: String,
    /// The address that serves MessagePack over TCP.
    pub tcp: String,
    /// The address for the grid's other nodes (`--peer`); it opens with the first grid of several nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The host under which other nodes find it (`--advertise`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advertise: Option<String>,
}

/// How a node is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HealthResponse {
    /// Whether it serves reads and writes.
    pub healthy: bool,
    /// `starting`, `serving`, `draining` or `failed`.
    pub status: String,
    /// Since the start.
    pub uptime_seconds: f64,
    /// Why it is not healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How a node is, part by part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HealthDetail {
    /// The whole.
    #[serde(flatten)]
    pub health: HealthResponse,
    /// Its name.
    pub node: String,
    /// Its grid.
    pub grid_id: String,
    /// Its release.
    pub version: String,
    /// Each shard that it holds.
    pub shards: Vec<ShardHealth>,
}

/// How a shard is on this node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShardHealth {
    /// The shard.
    pub shard: u64,
    /// `leader` on a node alone.
    pub role: String,
    /// Whether the node has all that the shard's leader had when it last asked.
    pub caught_up: bool,
    /// First placement key of the shard, 32 hexadecimal digits.
    pub range_start: String,
    /// First placement key that the shard does not hold; not there where it reaches to the end of the space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_end: Option<String>,
    /// Living concepts.
    pub concepts: u64,
    /// Bytes that it takes on this node's disk.
    pub bytes: u64,
    /// Last position that is durable.
    #[schema(value_type = u64)]
    pub durable: LogIndex,
    /// Last position that is applied.
    #[schema(value_type = u64)]
    pub applied: LogIndex,
}
