//! The grid, as one of its nodes sees it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::command::LogIndex;

/// The nodes and shards of a grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GridResponse {
    /// The grid.
    pub grid_id: String,
    /// The state of its map: every change raises it. 0 on a node alone.
    pub epoch: u64,
    /// Whether every node answers, and every shard has a leader and all its replicas.
    pub healthy: bool,
    /// What is wrong, as sentences.
    pub problems: Vec<String>,
    /// How many replicas each shard should have.
    #[serde(default)]
    pub replication_factor: u32,
    /// What is being done to the grid, as sentences: nodes that come or leave, replicas that move. Nothing of it is a problem.
    #[serde(default)]
    pub under_way: Vec<String>,
    /// By name.
    pub nodes: Vec<GridNode>,
    /// The group that keeps the map; not there on a node alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<GridShard>,
    /// In the order of their ranges.
    pub shards: Vec<GridShard>,
}

/// A node of a grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GridNode {
    /// Its name.
    pub name: String,
    /// Where other nodes find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Where it serves HTTP.
    pub http: String,
    /// Where it serves TCP.
    pub tcp: String,
    /// `member`; `joining` until it has come; `leaving` until it keeps nothing any more.
    #[serde(default = "member")]
    pub state: String,
    /// The zone that it is in, where the grid was told; a shard's replicas are spread over as many as there are.
    #[serde(default)]
    pub zone: Option<String>,
    /// Whether it answered the node that was asked.
    pub reachable: bool,
    /// Its release, if it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

fn member() -> String {
    "member".into()
}

/// A shard of a grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GridShard {
    /// Its number; 0 is meta's.
    pub shard: u64,
    /// First placement key, 32 hexadecimal digits.
    pub range_start: String,
    /// First placement key that it does not hold; not there where it reaches to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_end: Option<String>,
    /// The node that leads it, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<String>,
    /// Its replicas.
    pub replicas: Vec<GridReplica>,
}

/// A replica of a shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GridReplica {
    /// Its number, which no other replica of the grid ever had.
    pub replica: u64,
    /// The node that keeps it.
    pub node: String,
    /// `leader`, `follower`, `candidate`, `learner`, `stopped`, `quarantined`, or `unknown` if its node does not answer.
    pub role: String,
    /// Last entry that it has applied, if its node answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub applied: Option<LogIndex>,
    /// Entries by which it is behind the replica that is furthest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<u64>,
}
