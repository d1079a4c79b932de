//! What an operator watches of a node.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use sutra_replication::{GroupStatus, ReplicaId, Role};
use tokio::time::Instant;

use crate::check::Outcome;

/// Numbers about a node: its replicas, and the connections that they live by.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeNumbers {
    /// Those of shards, in the order of their numbers.
    pub replicas: Vec<ReplicaNumbers>,
    /// Replicas that have no vote yet, or that the map has taken away.
    pub replicas_moving: u64,
    /// Replicas that were opened since the start because the map gave them to the node.
    pub replicas_opened: u64,
    /// Replicas that were removed since the start because the map took them away.
    pub replicas_given_up: u64,
    /// The shards whose replica here is in quarantine.
    pub quarantined: Vec<u64>,
    /// How many came there since the start.
    pub replicas_quarantined: u64,
    /// How many of them are what their groups know again.
    pub replicas_healed: u64,
    /// How often the replicas of a shard were compared by this node, by shard and outcome.
    pub checks: Vec<(u64, Outcome, u64)>,
    /// How often a command was given to a leader again.
    pub retries: u64,
    /// How often another replica was asked because the first took long.
    pub hedges: u64,
    /// How often other nodes were asked for something of a view, by what was asked.
    pub questions: Vec<(&'static str, u64)>,
    /// How many views other nodes have pinned here.
    pub pinned: usize,
    /// Requests to other nodes since the start.
    pub peer_calls: u64,
    /// Those that had no reply.
    pub peer_failures: u64,
}

/// Numbers about a replica.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaNumbers {
    /// The shard.
    pub shard: u64,
    /// What the replica is.
    pub role: Role,
    /// Raft's term.
    pub term: u64,
    /// How often another replica came to lead since the start, as this node saw it.
    pub leader_changes: u64,
    /// Last entry of its log.
    pub last: u64,
    /// Last entry that is applied.
    pub applied: u64,
    /// For how long it has not applied all of its log, in seconds.
    pub lag_seconds: f64,
    /// Of a leader: the node of each other replica, and how many entries of the leader's log that one is not known to have; `None`: it never
    /// answered this leader.
    pub followers: Vec<(String, Option<u64>)>,
    /// Snapshots that other replicas have taken in from this one.
    pub snapshots_sent: u64,
    /// Snapshots of other replicas that took the place of what this one had.
    pub snapshots_installed: u64,
}

/// What is noticed of a replica over time.
#[derive(Debug, Default)]
pub(crate) struct Watched(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    leader: Option<ReplicaId>,
    changes: u64,
    behind_since: Option<Instant>,
}

impl Watched {
    pub(crate) fn note(&self, status: &GroupStatus, now: Instant) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leader) = status.leader
            && seen.leader.replace(leader) != Some(leader)
        {
            seen.changes += 1;
        }
        let is_behind = status.last.is_some_and(|last| status.applied.is_none_or(|applied| applied.index < last));
        seen.behind_since = is_behind.then(|| seen.behind_since.unwrap_or(now));
    }

    /// How often the leader changed, and for how long the replica has been behind.
    pub(crate) fn seen(&self, now: Instant) -> (u64, Duration) {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.changes, seen.behind_since.map_or(Duration::ZERO, |since| now - since))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use sutra_protocol::command::LogIndex;
    use sutra_wal::LogPoint;

    use super::*;

    #[test]
    fn a_leader_counts_when_it_is_another_one_and_a_lag_from_its_beginning() {
        let status = |leader: Option<u64>, last: u64, applied: u64| GroupStatus {
            role: Role::Follower,
            term: 1,
            leader: leader.map(ReplicaId),
            last: Some(LogIndex(last)),
            applied: Some(LogPoint { index: LogIndex(applied), term: 1 }),
            checkpoint: None,
            purged: None,
            members: Arc::default(),
            voters: Vec::new(),
            joint: false,
            quorum_answered: None,
            matched: BTreeMap::new(),
        };
        let (watched, start) = (Watched::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        watched.note(&status(Some(1), 5, 5), at(0));
        watched.note(&status(None, 6, 5), at(1));
        watched.note(&status(Some(1), 7, 5), at(2));
        assert_eq!(watched.seen(at(4)), (1, Duration::from_secs(3)));
        watched.note(&status(Some(2), 7, 7), at(5));
        assert_eq!(watched.seen(at(6)), (2, Duration::ZERO));
    }
}
