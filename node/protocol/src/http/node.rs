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
    /// Files of the write-ahead log.
    pub log_files: u64,
    /// What an acknowledgement stands for: `fsync`, or `buffered`, which a loss of power may undo.
    pub durability: String,
    /// Segments: files that hold what was checkpointed.
    pub segments: u64,
    /// Their size.
    pub segment_bytes: u64,
    /// Memory that what is not in segments yet takes.
    pub delta_bytes: u64,
    /// Memory that it may take before it is checkpointed.
    pub delta_budget_bytes: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// How long the last checkpoint took; 0 before the first.
    pub last_checkpoint_seconds: f64,
    /// Compactions of segments.
    pub compactions: u64,
    /// Erasures whose content may still be in a file.
    pub scrubs_pending: u64,
    /// Why the last checkpoint or compaction failed, until one succeeds. Nothing is lost by it; what it would have moved takes
    /// memory, and room in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// How writes come along.
    pub write_log: WriteLogStats,
    /// Since the start.
    pub uptime_seconds: f64,
}

/// How writes come along, from their arrival to where they are durable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WriteLogStats {
    /// Commands that wait.
    pub depth: u64,
    /// How full the queue is, by count or by bytes, whichever is fuller: 0 to 1.
    pub utilisation: f64,
    /// Commands that will wait when the entry that is being written is durable.
    pub predicted_depth: f64,
    /// How long the reconciler waits for more before it writes; 0 unless the load says that waiting pays.
    pub window_ms: f64,
    /// Commands a second, a moving average.
    pub rate_per_second: f64,
    /// How long the oldest command that waits has waited.
    pub lag_seconds: f64,
    /// 1 is well, 0 turns writes away.
    pub health_score: f64,
    /// What an operator should do, if anything.
    pub recommendation: String,
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

/// How far another replica of a shard is, as its leader knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FollowerHealth {
    /// The node that holds it.
    pub node: String,
    /// Entries of the leader's log that it is not known to have; not there where it never answered this leader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<u64>,
}

/// How a shard is on this node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShardHealth {
    /// The shard.
    pub shard: u64,
    /// What this node's replica is: `leader` on a node alone; in a grid also `follower`, `candidate`, `learner`, `stopped`, `quarantined`.
    pub role: String,
    /// Why nobody reads this replica until it is healed; not there where it is sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<String>,
    /// The node that leads it, as far as is known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<String>,
    /// Entries that are in this replica's log and not yet applied.
    #[serde(default)]
    pub lag: u64,
    /// Whether the node has come, since its replica was opened, to all that the shard's leader had then. How far it is now, its leader says:
    /// see `followers`.
    pub caught_up: bool,
    /// Of a replica that leads in a grid: how far each of the others is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub followers: Vec<FollowerHealth>,
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
