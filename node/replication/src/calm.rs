//! Signs of life that say nothing new, where nothing happens in a group: the consensus is spared most of them.
//!
//! Where hundreds of groups idle, waking up the consensus of each for every sign that is given or taken is most of what a node does. So a
//! leader's is looked at, and a follower's hears of a sign, once in some leases. What it would make of the others is made of them here: no
//! replica votes for another within the lease of its leader.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use openraft::raft::VoteResponse;
use openraft::{RaftMetrics, ServerState};
use tokio::time::Instant;

use crate::contact::Contact;
use crate::signs::Said;
use crate::silence::quorum_answered;
use crate::types::{LogId, Member, Vote};

/// For how many leases the consensus is spared: one that hangs, though nothing happens, is known to after that.
const SPARED: u32 = 4;

/// What a replica knows of its consensus without asking it. Cheap to clone; all clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calm(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// How often it has begun to write: it may hang in the last.
    writes: AtomicU64,
    /// How many of those it has surely come through.
    seen: AtomicU64,
    heard: Mutex<Heard>,
}

/// What a follower has heard of its leader.
#[derive(Debug, Default)]
struct Heard {
    /// When the consensus has last taken something from it.
    told: Option<Instant>,
    /// What it has been spared since.
    spared: Option<Spared>,
}

/// A sign of life that the consensus has not heard of.
#[derive(Debug)]
struct Spared {
    at: Instant,
    vote: Vote,
    /// The last entry of both logs.
    last: LogId,
}

/// That the consensus is asked something: whatever it had begun to write before, it has come through once it answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked(u64);

/// A leader that went on when it was looked at.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) at: Instant,
    pub(crate) vote: Vote,
    pub(crate) committed: Option<LogId>,
    /// Whether a quorum had answered it just before.
    pub(crate) was_answered: bool,
}

impl Calm {
    /// The longest time for which a consensus is spared.
    pub(crate) fn longest(lease: Duration) -> Duration {
        SPARED * lease
    }

    /// The consensus begins to write something.
    pub(crate) fn writes(&self) {
        self.0.writes.fetch_add(1, Ordering::AcqRel);
    }

    /// It is about to be asked something.
    pub(crate) fn asks(&self) -> Asked {
        Asked(self.0.writes.load(Ordering::Acquire))
    }

    /// It has answered.
    pub(crate) fn answered(&self, Asked(writes): Asked) {
        self.0.seen.fetch_max(writes, Ordering::AcqRel);
    }

    /// It has taken something that its leader said.
    pub(crate) fn told(&self, asked: Asked) {
        self.answered(asked);
        *self.lock() = Heard { told: Some(Instant::now()), spared: None };
    }

    /// Whether a look at a leader still says that it goes on, and what it has committed.
    pub(crate) fn counts(&self, look: &Look, now: &RaftMetrics<u64, Member>, contact: &Contact, lease: Duration) -> bool {
        let is_last = |id: Option<LogId>| id.map(|id| id.index) == now.last_log_index;
        let is_calm = !self.has_written()
            && is_last(look.committed)
            && is_last(now.last_applied)
            && now.replication.iter().flatten().all(|(_, matched)| is_last(*matched))
            // Whether it leads is told anew when it is looked at: soon after a quorum has come back, or gone.
            && look.was_answered
            && is_answered(now, contact, lease);
        look.vote == now.vote && look.at.elapsed() < if is_calm { Self::longest(lease) } else { lease / 2 }
    }

    /// Takes what a leader says if it is nothing that the consensus does not know; else it has to be told.
    pub(crate) fn take(&self, now: &RaftMetrics<u64, Member>, said: &Said, lease: Duration) -> bool {
        let follows = now.running_state.is_ok()
            && matches!(now.state, ServerState::Follower | ServerState::Learner)
            && said.vote.committed
            && is_of(now, said.vote);
        let Some(last) = said.matched.filter(|last| now.last_log_index == Some(last.index)) else { return false };
        let is_known = now.last_applied == Some(last) && said.committed == Some(last) && !self.has_written();
        let mut heard = self.lock();
        let is_spared = follows && is_known && heard.told.is_some_and(|told| told.elapsed() < Self::longest(lease));
        if is_spared {
            heard.spared = Some(Spared { at: Instant::now(), vote: said.vote, last });
        }
        is_spared
    }

    /// What it answers to whoever wants its vote while the lease of its leader lasts, of which the consensus has not heard. Whoever has
    /// stood itself since then has no leader.
    pub(crate) fn refusal(&self, now: &RaftMetrics<u64, Member>, lease: Duration) -> Option<VoteResponse<u64>> {
        let heard = self.lock();
        let spared = heard.spared.as_ref().filter(|spared| spared.at.elapsed() <= lease && is_of(now, spared.vote))?;
        Some(VoteResponse::new(spared.vote, Some(spared.last), false))
    }

    /// Whether it may hang in something that it writes.
    pub(crate) fn has_written(&self) -> bool {
        self.0.writes.load(Ordering::Acquire) != self.0.seen.load(Ordering::Acquire)
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a quorum has answered a leader within the lease.
pub(crate) fn is_answered(now: &RaftMetrics<u64, Member>, contact: &Contact, lease: Duration) -> bool {
    quorum_answered(now, contact).is_some_and(|ago| ago < lease)
}

/// Whether a replica's vote is this one. It has its term before it is saved.
fn is_of(now: &RaftMetrics<u64, Member>, vote: Vote) -> bool {
    now.vote == vote && now.current_term == vote.leader_id.term
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use openraft::Membership;
    use openraft::error::Fatal;
    use sutra_protocol::command::LogIndex;
    use sutra_wal::LogPoint;

    use super::*;
    use crate::types::{StoredMembership, log_id};

    const LEASE: Duration = Duration::from_secs(20);

    fn at(index: u64) -> LogId {
        log_id(LogPoint { index: LogIndex(index), term: 5 })
    }

    /// Of one of three replicas, that has applied all nine entries; the first leads.
    fn metrics(id: u64, state: ServerState) -> RaftMetrics<u64, Member> {
        let voters = BTreeSet::from([1, 2, 3]);
        let nodes = voters.iter().map(|id| (*id, Member::default())).collect::<std::collections::BTreeMap<_, _>>();
        RaftMetrics {
            state,
            vote: Vote::new_committed(5, 1),
            current_term: 5,
            current_leader: Some(1),
            last_log_index: Some(9),
            last_applied: Some(at(9)),
            replication: (state == ServerState::Leader).then(|| voters.iter().map(|id| (*id, Some(at(9)))).collect()),
            membership_config: Arc::new(StoredMembership::new(Some(at(1)), Membership::new(vec![voters], nodes))),
            ..RaftMetrics::new_initial(id)
        }
    }

    fn said() -> Said {
        Said { vote: Vote::new_committed(5, 1), matched: Some(at(9)), committed: Some(at(9)) }
    }

    fn told(calm: &Calm) {
        calm.told(calm.asks());
    }

    #[test]
    fn a_sign_that_says_nothing_new_is_taken_without_the_consensus_for_a_while() {
        let (calm, follower) = (Calm::default(), metrics(2, ServerState::Follower));
        assert!(!calm.take(&follower, &said(), LEASE), "it has never heard of a leader");
        told(&calm);
        assert!(calm.take(&follower, &said(), LEASE));
        assert!(calm.take(&metrics(2, ServerState::Learner), &said(), LEASE));
        assert!(!calm.take(&follower, &said(), Duration::ZERO), "it has been spared for long enough");
    }

    #[test]
    fn who_may_hang_in_what_it_writes_is_told_until_it_has_come_through() {
        let (calm, follower) = (Calm::default(), metrics(2, ServerState::Follower));
        let before = calm.asks();
        calm.writes();
        calm.told(before);
        assert!(!calm.take(&follower, &said(), LEASE), "it has answered what it was asked before");
        let later = calm.asks();
        calm.writes();
        calm.told(later);
        assert!(!calm.take(&follower, &said(), LEASE), "there is another by now");
        told(&calm);
        assert!(calm.take(&follower, &said(), LEASE));
        calm.told(before);
        assert!(calm.take(&follower, &said(), LEASE), "a late answer takes nothing back");
    }

    #[test]
    fn whatever_is_new_is_told_to_the_consensus() {
        let (calm, follower) = (Calm::default(), || metrics(2, ServerState::Follower));
        told(&calm);
        let signs = [
            Said { vote: Vote::new_committed(6, 3), ..said() },
            Said { vote: Vote::new_committed(4, 3), ..said() },
            Said { vote: Vote::new(5, 1), ..said() },
            Said { matched: None, ..said() },
            Said { matched: Some(at(8)), committed: Some(at(8)), ..said() },
            Said { matched: Some(at(10)), committed: Some(at(10)), ..said() },
            Said { committed: Some(at(8)), ..said() },
            Said { committed: None, ..said() },
        ];
        for sign in signs {
            assert!(!calm.take(&follower(), &sign, LEASE), "{sign:?}");
        }
        let other_term = log_id(LogPoint { index: LogIndex(9), term: 4 });
        let replicas = [
            RaftMetrics { state: ServerState::Candidate, ..follower() },
            RaftMetrics { state: ServerState::Leader, ..follower() },
            RaftMetrics { vote: Vote::new(6, 2), ..follower() },
            RaftMetrics { current_term: 6, ..follower() },
            RaftMetrics { last_applied: Some(at(8)), ..follower() },
            RaftMetrics { last_applied: Some(other_term), ..follower() },
            RaftMetrics { last_log_index: Some(10), ..follower() },
            RaftMetrics { running_state: Err(Fatal::Stopped), ..follower() },
        ];
        for replica in replicas {
            assert!(!calm.take(&replica, &said(), LEASE), "{replica}");
        }
    }

    #[test]
    fn no_vote_is_given_within_the_lease_of_a_leader_of_which_the_consensus_has_not_heard() {
        let (calm, follower) = (Calm::default(), metrics(2, ServerState::Follower));
        told(&calm);
        assert!(calm.refusal(&follower, LEASE).is_none(), "the consensus knows of the leader, and refuses by itself");
        assert!(calm.take(&follower, &said(), LEASE));
        let refusal = calm.refusal(&follower, LEASE).unwrap();
        assert_eq!((refusal.vote, refusal.vote_granted, refusal.last_log_id), (said().vote, false, Some(at(9))));
        assert!(calm.refusal(&follower, Duration::ZERO).is_none(), "the lease is over");
        let has_stood = RaftMetrics { current_term: 6, ..follower };
        assert!(calm.refusal(&has_stood, LEASE).is_none());
    }

    #[test]
    fn a_leader_is_looked_at_often_unless_nothing_happens_and_a_quorum_answers() {
        let (calm, contact, leader) = (Calm::default(), Contact::default(), || metrics(1, ServerState::Leader));
        let look = |committed, was_answered| Look {
            at: Instant::now() - LEASE,
            vote: Vote::new_committed(5, 1),
            committed: Some(at(committed)),
            was_answered,
        };
        let counts = |look: &Look, now: &RaftMetrics<u64, Member>| calm.counts(look, now, &contact, LEASE);
        assert!(!counts(&look(9, true), &leader()), "nobody answers");
        contact.answered(3, contact.asked(3));
        assert!(counts(&look(9, true), &leader()));
        assert!(!counts(&look(9, false), &leader()), "whether it leads has to be told anew");
        assert!(!counts(&look(8, true), &leader()), "more was committed since");
        let behind = [(1, Some(at(9))), (2, Some(at(9))), (3, None)].into_iter().collect();
        let others = [
            RaftMetrics { last_applied: Some(at(8)), ..leader() },
            RaftMetrics { last_log_index: Some(10), ..leader() },
            RaftMetrics { replication: Some(behind), ..leader() },
            RaftMetrics { vote: Vote::new_committed(7, 1), ..leader() },
        ];
        for now in others {
            assert!(!counts(&look(9, true), &now), "{now}");
        }
        calm.writes();
        assert!(!counts(&look(9, true), &leader()), "it may hang in what it writes");
        let busy = Look { at: Instant::now(), ..look(9, false) };
        assert!(counts(&busy, &leader()), "it was just looked at");
        calm.answered(calm.asks());
        assert!(counts(&look(9, true), &leader()));
        let old = Look { at: Instant::now() - 5 * LEASE, ..look(9, true) };
        assert!(!counts(&old, &leader()));
    }
}
