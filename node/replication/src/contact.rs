//! When a leader last spoke to the other replicas of its group, and what they said.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::types::Vote;

/// When a replica last spoke to others as their leader, and was answered. Cheap to clone; all clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contact(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    spoken: Mutex<BTreeMap<u64, Spoken>>,
    refused: Notify,
}

#[derive(Clone, Copy, Debug, Default)]
struct Spoken {
    asked: Option<Instant>,
    /// When that was said which was answered last.
    answered: Option<Instant>,
    /// The vote for which it refused one that leads.
    higher: Option<Vote>,
}

impl Contact {
    /// Something is said to `other` now; when that was, which its answer has to be told with.
    pub(crate) fn asked(&self, other: u64) -> Instant {
        let now = Instant::now();
        self.lock().entry(other).or_default().asked = Some(now);
        now
    }

    /// It took what was said at `asked` for its leader's.
    pub(crate) fn answered(&self, other: u64, asked: Instant) {
        let mut all = self.lock();
        let spoken = all.entry(other).or_default();
        spoken.answered = spoken.answered.max(Some(asked));
    }

    /// When a quorum was last spoken to that has answered, in each of these sets of voters.
    pub(crate) fn quorum_answered<'a>(&self, own: u64, sets: impl IntoIterator<Item = &'a BTreeSet<u64>>) -> Option<Instant> {
        let (all, now) = (self.lock(), Instant::now());
        let of_set = |voters: &BTreeSet<u64>| {
            let of = |id: &u64| if *id == own { Some(now) } else { all.get(id).and_then(|spoken| spoken.answered) };
            let mut times: Vec<Option<Instant>> = voters.iter().map(of).collect();
            times.sort_unstable();
            times.get(times.len().saturating_sub(1) / 2).copied().flatten()
        };
        sets.into_iter().map(of_set).min().flatten()
    }

    /// It refused its leader for a greater vote.
    pub(crate) fn refused(&self, other: u64, higher: Vote) {
        self.lock().entry(other).or_default().higher = Some(higher);
        self.0.refused.notify_waiters();
    }

    /// Ends when `other` has refused whoever leads by `vote`, with the greater vote.
    pub(crate) async fn outvoted(&self, other: u64, vote: Vote) -> Vote {
        loop {
            let refused = self.0.refused.notified();
            let higher = self.lock().get(&other).and_then(|spoken| spoken.higher).filter(|higher| *higher > vote);
            if let Some(higher) = higher {
                return higher;
            }
            refused.await;
        }
    }

    /// When something was said to it last.
    pub(crate) fn asked_last(&self, other: u64) -> Option<Instant> {
        self.lock().get(&other).and_then(|spoken| spoken.asked)
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Spoken>> {
        self.0.spoken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn an_office_ends_when_somebody_has_a_greater_vote_and_not_for_one_of_an_earlier_office() {
        let contact = Contact::default();
        contact.refused(3, Vote::new(4, 3));
        let waits = tokio::spawn({
            let contact = contact.clone();
            async move { contact.outvoted(3, Vote::new_committed(5, 1)).await }
        });
        tokio::task::yield_now().await;
        contact.refused(2, Vote::new(7, 2));
        tokio::task::yield_now().await;
        assert!(!waits.is_finished(), "the one has only refused an earlier leader, and the other is another");
        contact.refused(3, Vote::new(6, 3));
        assert_eq!(waits.await.unwrap(), Vote::new(6, 3));
    }

    #[tokio::test]
    async fn a_quorum_has_answered_when_most_of_each_set_have() {
        let contact = Contact::default();
        let sets = [BTreeSet::from([1, 2, 3]), BTreeSet::from([1, 3, 4, 5])];
        assert_eq!(contact.quorum_answered(1, &sets), None);
        let asked = contact.asked(3);
        assert_eq!(contact.quorum_answered(1, &sets), None, "it has not answered");
        contact.answered(3, asked);
        assert_eq!(contact.quorum_answered(1, &sets[..1]), Some(asked));
        assert_eq!(contact.quorum_answered(1, &sets), None, "two of four are none");
        let earlier = asked - Duration::from_millis(5);
        contact.answered(4, earlier);
        assert_eq!(contact.quorum_answered(1, &sets), Some(earlier), "the last that is needed counts");
        contact.answered(3, earlier);
        assert_eq!(contact.quorum_answered(1, &sets[..1]), Some(asked), "a late answer takes nothing back");
    }
}
