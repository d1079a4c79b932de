//! How a grid is asked for, and a lost node replaced: what travels between `sutra cluster` and nodes, at their peer ports.
//!
//! As MessagePack with named fields. The other services of the peer port are the nodes' own.

use serde::{Deserialize, Serialize};

/// Who a node without a grid is: nothing → [`Card`].
pub const DESCRIBE: u16 = 200;
/// To found a grid: [`FoundRequest`] → [`Founded`].
pub const FOUND: u16 = 201;
/// That a waiting node takes the place of a lost one, asked of any node of the grid by who knows its secret: [`ReplaceRequest`] →
/// nothing.
pub const REPLACE: u16 = 105;

/// That the grid has other nodes, or its shards another number of replicas, asked of any node by who knows the grid's secret:
/// [`ResizeRequest`] → [`Resized`].
pub const RESIZE: u16 = 107;

/// That the replicas of the request's group are compared now, asked of any node by who knows the grid's secret: [`CheckRequest`] →
/// [`CheckReport`].
pub const CHECK: u16 = 121;

/// What is to be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRequest {
    /// Whether another node has passed it on: the shard's leader answers it, or nobody.
    #[serde(default)]
    pub passed_on: bool,
}

/// What came of comparing the replicas of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// The shard.
    pub shard: u64,
    /// `equal`; `diverged`: most agree, and those who don't are healed; `incomplete`: somebody did not answer; `undecided`: no digest is
    /// that of most.
    pub outcome: String,
    /// Those that vote.
    pub replicas: Vec<CheckedReplica>,
}

/// What a replica said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedReplica {
    /// Its number.
    pub replica: u64,
    /// Its node.
    pub node: String,
    /// Its digest, or why there is none.
    pub said: String,
    /// Whether it is healed because of that.
    pub wrong: bool,
}

/// What should be different.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResizeRequest {
    /// A waiting node becomes one of the grid.
    AddNode {
        /// Its peer port.
        address: String,
        /// The zone that it is in, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        zone: Option<String>,
    },
    /// A node is in this zone: what happens to one zone does not happen to others, so a shard's replicas are spread over as many as there are.
    SetZone {
        /// The node's name.
        name: String,
        /// 1 to [`LONGEST_ZONE`] bytes; `None`: nobody knows it.
        zone: Option<String>,
    },
    /// A node keeps nothing any more, and then leaves the grid.
    RemoveNode {
        /// Its name.
        name: String,
    },
    /// A node that was to leave stays.
    KeepNode {
        /// Its name.
        name: String,
    },
    /// Each shard has so many replicas.
    SetReplicas {
        /// How many: 1, 3 or 5.
        count: u32,
    },
}

/// Longest name of a zone, in bytes: as Kubernetes bounds the value of a label.
pub const LONGEST_ZONE: usize = 63;

/// That it is decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resized {
    /// Of a node that was added: its name.
    pub name: Option<String>,
    /// The map that says so; who is asked next may know an older one.
    pub epoch: u64,
}

/// Which node takes the place of which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaceRequest {
    /// The name of the lost node, and of the one that takes its place.
    pub name: String,
    /// The new one's peer port.
    pub address: String,
    /// The number of the replica of the map that the node had and does not answer for any more, where it asks itself; that one is not given
    /// to it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// Host and port of its peer port.
    pub peer: String,
    /// Where it serves HTTP.
    pub http: String,
    /// Where it serves TCP.
    pub tcp: String,
}

/// What a new grid should be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Shards.
    pub shards: u32,
    /// Replicas of each.
    pub replicas: u32,
}

/// Why there can be no such grid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Too few nodes or too many.
    #[error("a grid of {found} nodes was asked for; this version makes grids of 1, 3 or 5")]
    Nodes {
        /// How many were given.
        found: usize,
    },
    /// Shards that a node alone can't keep.
    #[error("{found} shards were asked for on one node; a node alone keeps one")]
    Shards {
        /// How many were asked for.
        found: u32,
    },
    /// Too few shards, or too many.
    #[error("{found} shards were asked for; a grid has 1 to {MOST_SHARDS} when it is founded")]
    ShardCount {
        /// How many were asked for.
        found: u32,
    },
    /// No number of replicas that can be.
    #[error("{found} replicas of each shard were asked for on {nodes} nodes; a shard has 1, 3 or 5, at most one on each node")]
    ReplicaCount {
        /// How many were asked for.
        found: u32,
        /// How many nodes there are.
        nodes: usize,
    },
    /// Two nodes that can't be told apart.
    #[error("two of the nodes have the {what} {value}")]
    Twice {
        /// "name" or "peer address".
        what: &'static str,
        /// What both have.
        value: String,
    },
}

/// Most shards that a grid is founded with: a consistency token has a position in the log of each.
pub const MOST_SHARDS: u32 = 200;

impl Plan {
    /// How many replicas a shard has where nobody says it: enough to survive the loss of a node, if there are nodes for that.
    pub const fn usual_replicas(nodes: usize) -> u32 {
        if nodes >= 3 { 3 } else { 1 }
    }

    /// That there can be a grid of so many nodes like this.
    ///
    /// # Errors
    /// A [`PlanError`] that names the bound.
    pub fn check(self, nodes: usize) -> Result<(), PlanError> {
        if !matches!(nodes, 1 | 3 | 5) {
            return Err(PlanError::Nodes { found: nodes });
        }
        if !(1..=MOST_SHARDS).contains(&self.shards) {
            return Err(PlanError::ShardCount { found: self.shards });
        }
        let is_fitting = matches!(self.replicas, 1 | 3 | 5) && usize::try_from(self.replicas).is_ok_and(|count| count <= nodes);
        if !is_fitting {
            return Err(PlanError::ReplicaCount { found: self.replicas, nodes });
        }
        Ok(())
    }

    /// That this version makes a grid of so many nodes like this, for whoever asks for one.
    ///
    /// # Errors
    /// A [`PlanError`] that names the bound.
    pub fn check_supported(self, nodes: usize) -> Result<(), PlanError> {
        // This is what this version does not do yet.
        if nodes == 1 && self.shards != 1 {
            return Err(PlanError::Shards { found: self.shards });
        }
        self.check(nodes)
    }
}

/// What a node without a grid says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Its name.
    pub node: String,
    /// Its addresses.
    pub record: NodeRecord,
    /// Its release.
    pub version: String,
}

/// What a founder is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundRequest {
    /// The peer ports of all nodes, the founder's among them.
    pub nodes: Vec<String>,
    /// What the grid should be like.
    pub plan: Plan,
}

/// What a founder answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Founded {
    /// The new grid.
    pub grid_id: String,
    /// Its nodes.
    pub nodes: Vec<Card>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_kept_is_refused_with_the_bound() {
        let plan = |shards, replicas| Plan { shards, replicas };
        assert_eq!(plan(1, 2).check(2), Err(PlanError::Nodes { found: 2 }));
        for shards in [0, MOST_SHARDS + 1] {
            assert_eq!(plan(shards, 3).check(3), Err(PlanError::ShardCount { found: shards }));
        }
        assert_eq!(plan(1, 2).check(3), Err(PlanError::ReplicaCount { found: 2, nodes: 3 }));
        assert_eq!(plan(1, 5).check(3), Err(PlanError::ReplicaCount { found: 5, nodes: 3 }));
        assert_eq!(plan(MOST_SHARDS, 1).check(3), Ok(()));
    }

    #[test]
    fn what_this_version_does_not_keep_yet_is_refused_to_whoever_asks() {
        let plan = |shards, replicas| Plan { shards, replicas };
        assert_eq!(plan(1, 2).check_supported(2), Err(PlanError::Nodes { found: 2 }));
        assert_eq!(plan(4, 1).check_supported(1), Err(PlanError::Shards { found: 4 }));
        assert_eq!(plan(4, 3).check_supported(3), Ok(()));
        assert_eq!(plan(1, 3).check_supported(5), Ok(()));
        assert_eq!(plan(8, 1).check_supported(3), Ok(()));
        assert_eq!(plan(1, 3).check_supported(3), Ok(()));
    }
}
