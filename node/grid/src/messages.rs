//! What nodes ask of each other beside replication.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sutra_protocol::command::{Applied, LogIndex};
use sutra_replication::FIRST_OTHER;
use sutra_storage::SubmitError;

use crate::map::{GridMap, ShardId};

/// A command for the shard of the request's group, which the asked node leads: [`sutra_protocol::command::Command`] → [`Submitted`].
pub(crate) const SUBMIT: u16 = FIRST_OTHER;
/// How far a read of that shard has to wait: nothing → [`Index`].
pub(crate) const READ_INDEX: u16 = FIRST_OTHER + 1;
/// That what an entry of that shard erased has left the node's files: [`LogIndex`] → nothing.
pub(crate) const SCRUB: u16 = FIRST_OTHER + 2;
/// How the node is: nothing → [`NodeStatus`].
pub(crate) const STATUS: u16 = FIRST_OTHER + 3;
/// A change of the map, for meta's leader: [`crate::map::ProposedChange`] → [`Proposed`].
pub(crate) const PROPOSE: u16 = FIRST_OTHER + 4;

/// The map as the asked node knows it: nothing → [`GridMap`].
pub(crate) const MAP: u16 = FIRST_OTHER + 6;

/// To belong to a grid from now on: [`Invitation`] → nothing.
pub(crate) const JOIN: u16 = 202;

/// What became of a forwarded command.
pub(crate) type Submitted = Result<Applied, SubmitRefusal>;

/// A [`SubmitError`] as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SubmitRefusal {
    Overloaded {
        commands: u64,
        bytes: u64,
        retry_after_ms: u64,
    },
    TooLarge {
        bytes: u64,
        bound: u64,
    },
    NotLeader,
    /// The asked node keeps no replica of the shard: its map is another than the asker's.
    NoReplica,
    Unknown,
    Closed,
    Refused {
        reason: String,
    },
}

impl From<SubmitError> for SubmitRefusal {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Overloaded { commands, bytes, retry_after } => Self::Overloaded {
                commands: commands as u64,
                bytes: bytes as u64,
                retry_after_ms: u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX),
            },
            SubmitError::TooLarge { bytes, bound } => Self::TooLarge { bytes: bytes as u64, bound: bound as u64 },
            SubmitError::NotLeader => Self::NotLeader,
            SubmitError::Unknown => Self::Unknown,
            SubmitError::Closed => Self::Closed,
            SubmitError::Refused { reason } => Self::Refused { reason },
        }
    }
}

impl From<SubmitRefusal> for SubmitError {
    fn from(refusal: SubmitRefusal) -> Self {
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        match refusal {
            SubmitRefusal::Overloaded { commands, bytes, retry_after_ms } => Self::Overloaded {
                commands: size(commands),
                bytes: size(bytes),
                retry_after: Duration::from_millis(retry_after_ms),
            },
            SubmitRefusal::TooLarge { bytes, bound } => Self::TooLarge { bytes: size(bytes), bound: size(bound) },
            SubmitRefusal::NotLeader | SubmitRefusal::NoReplica => Self::NotLeader,
            SubmitRefusal::Unknown => Self::Unknown,
            SubmitRefusal::Closed => Self::Closed,
            SubmitRefusal::Refused { reason } => Self::Refused { reason },
        }
    }
}

/// The answer to [`READ_INDEX`]; `None`: the asked node does not lead, or reaches no quorum.
pub(crate) type Index = Option<LogIndex>;

/// The answer to [`PROPOSE`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Proposed {
    /// Meta has decided.
    Decided(crate::meta::Changed),
    /// The asked node does not lead meta.
    NotLeader,
    /// Who led meta leads it no more.
    Unknown,
}

/// How a node is, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Its name.
    pub node: String,
    /// Its release.
    pub version: String,
    /// Its replicas, meta's first.
    pub replicas: Vec<ReplicaStatus>,
    /// Whether it is about to stop: nothing is given it to lead.
    #[serde(default)]
    pub leaving: bool,
}

/// How a replica is, as its node says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaStatus {
    /// The shard; 0 for meta.
    pub shard: ShardId,
    /// Its number.
    pub replica: u64,
    /// `leader`, `follower`, `candidate`, `learner` or `stopped`.
    pub role: String,
    /// Raft's term.
    pub term: u64,
    /// Last entry of its log.
    pub last: LogIndex,
    /// Last entry that is applied.
    pub applied: LogIndex,
}

/// What a node is told that becomes one of a grid.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Invitation {
    /// The name under which the map knows it.
    pub(crate) node: String,
    pub(crate) map: GridMap,
    #[serde(with = "serde_bytes")]
    pub(crate) secret: Vec<u8>,
}
