//! How a replica is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use openraft::{RaftMetrics, ServerState};
use sutra_protocol::command::LogIndex;
use sutra_wal::LogPoint;

use crate::contact::Contact;
use crate::silence::quorum_answered;
use crate::types::{Member, Members, ReplicaId, StoredMembership, point};

/// What a replica is to its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It takes proposals.
    Leader,
    /// It follows a leader, or waits for one.
    Follower,
    /// It stands for election.
    Candidate,
    /// It gets entries and has no vote.
    Learner,
    /// It has failed, or was stopped.
    Stopped,
}

impl Role {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Leader, Self::Follower, Self::Candidate, Self::Learner, Self::Stopped];

    /// Its name in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Candidate => "candidate",
            Self::Learner => "learner",
            Self::Stopped => "stopped",
        }
    }
}

/// How a replica is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupStatus {
    /// What it is.
    pub role: Role,
    /// Raft's term.
    pub term: u64,
    /// Who leads, as far as is known here.
    pub leader: Option<ReplicaId>,
    /// Last entry in its log.
    pub last: Option<LogIndex>,
    /// Last entry that is applied.
    pub applied: Option<LogPoint>,
    /// Last entry that the newest known checkpoint holds.
    pub checkpoint: Option<LogIndex>,
    /// Last entry that the log has given up.
    pub purged: Option<LogIndex>,
    /// Who belongs to the group.
    pub members: Arc<Members>,
    /// Those of them who vote.
    pub voters: Vec<ReplicaId>,
    /// Whether a change of the voters is under way: those before and those after it have to agree.
    pub joint: bool,
    /// Of a leader: how long ago a quorum last answered.
    pub quorum_answered: Option<Duration>,
    /// Of a leader: up to which entry each replica is known to have its log.
    pub matched: BTreeMap<ReplicaId, Option<LogIndex>>,
}

impl GroupStatus {
    /// Whether it leads, and has applied an entry of its own term: then it knows of everything that was ever acknowledged.
    pub fn leads_fully(&self, lease: Duration) -> bool {
        let is_alone = self.leader.is_some_and(|own| self.voters == [own]);
        let is_answered = is_alone || self.quorum_answered.is_some_and(|ago| ago <= 2 * lease);
        self.role == Role::Leader && is_answered && self.applied.is_some_and(|applied| applied.term == self.term)
    }

    /// Of a leader: how many entries of its log another replica is not known to have; `None`: that one never answered it.
    pub fn behind(&self, other: ReplicaId) -> Option<u64> {
        let LogIndex(matched) = self.matched.get(&other).copied().flatten()?;
        Some(self.last.unwrap_or_default().0.saturating_sub(matched))
    }
}

/// What openraft calls a replica, in our words: the members are put into them once, until they change. It is asked for hundreds of groups, and
/// often.
#[derive(Debug, Default)]
pub(crate) struct Reader(Mutex<Option<(Arc<StoredMembership>, Arc<Members>)>>);

impl Reader {
    pub(crate) fn status(&self, metrics: &RaftMetrics<u64, Member>, contact: &Contact) -> GroupStatus {
        let role = match metrics.state {
            _ if metrics.running_state.is_err() => Role::Stopped,
            ServerState::Leader => Role::Leader,
            ServerState::Follower => Role::Follower,
            ServerState::Candidate => Role::Candidate,
            ServerState::Learner => Role::Learner,
            ServerState::Shutdown => Role::Stopped,
        };
        let index = |id: &openraft::LogId<u64>| LogIndex(id.index);
        let matched = metrics.replication.iter().flatten().map(|(id, matched)| (ReplicaId(*id), matched.as_ref().map(index)));
        GroupStatus {
            role,
            term: metrics.current_term,
            leader: metrics.current_leader.map(ReplicaId),
            last: metrics.last_log_index.map(LogIndex),
            applied: metrics.last_applied.as_ref().map(point),
            checkpoint: metrics.snapshot.as_ref().map(index),
            purged: metrics.purged.as_ref().map(index),
            members: self.members(&metrics.membership_config),
            voters: metrics.membership_config.voter_ids().map(ReplicaId).collect(),
            joint: metrics.membership_config.membership().get_joint_config().len() > 1,
            quorum_answered: metrics.state.is_leader().then(|| quorum_answered(metrics, contact)).flatten(),
            matched: matched.collect(),
        }
    }

    fn members(&self, known: &Arc<StoredMembership>) -> Arc<Members> {
        // No code panics while it holds the lock.
        let mut read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, members)) = read.as_ref().filter(|(of, _)| Arc::ptr_eq(of, known)) {
            return Arc::clone(members);
        }
        let members = known.nodes().map(|(id, member)| (ReplicaId(*id), member.clone())).collect();
        let (_, members) = read.insert((Arc::clone(known), Arc::new(members)));
        Arc::clone(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leads_fully_is_answered_and_has_applied_an_entry_of_its_term() {
        let lease = Duration::from_millis(750);
        let applied = |term| Some(LogPoint { index: LogIndex(9), term });
        let leader = GroupStatus {
            role: Role::Leader,
            term: 4,
            leader: Some(ReplicaId(1)),
            last: Some(LogIndex(9)),
            applied: applied(4),
            checkpoint: None,
            purged: None,
            members: Arc::default(),
            voters: [1, 2, 3].map(ReplicaId).into(),
            joint: false,
            quorum_answered: Some(lease),
            matched: BTreeMap::new(),
        };
        assert!(leader.leads_fully(lease));
        let unready = [
            GroupStatus { role: Role::Follower, ..leader.clone() },
            // What earlier leaders acknowledged may not be applied yet.
            GroupStatus { applied: applied(3), ..leader.clone() },
            GroupStatus { applied: None, ..leader.clone() },
            GroupStatus { quorum_answered: Some(3 * lease), ..leader.clone() },
            GroupStatus { quorum_answered: None, ..leader.clone() },
        ];
        for status in unready {
            assert!(!status.leads_fully(lease), "{status:?}");
        }
        let alone = GroupStatus { voters: vec![ReplicaId(1)], quorum_answered: None, ..leader };
        assert!(alone.leads_fully(lease));
    }
}
