//! When a replica stands for election: some time after it last heard of a leader, and a different time in each round.
//!
//! Openraft draws a replica's patience once, when it starts, and rounds it to its ticks: replicas that started together would stand together,
//! again and again, and split the votes. So its own elections are switched off, and these take their place.
//!
//! Who was refused because it lacks entries waits longer before it stands again. Whoever has them learns of its term only by standing itself,
//! and has to go beyond it: were both as quick, the one that can't win would mostly be ahead.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use openraft::ServerState;
use tokio::time::{Instant, sleep_until};

use crate::timing::Timing;
use crate::types::Raft;

/// What a replica has heard. Cheap to clone; all clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Patience(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// When it last heard of somebody who leads, or may soon.
    heard: Mutex<Instant>,
    /// How many hand-overs are under way, during which it lets others stand.
    leaving: AtomicUsize,
    /// When the last of them ended.
    left: Mutex<Option<Instant>>,
    /// Since it last stood somebody has refused it who has entries that it lacks.
    lacks: AtomicBool,
    /// How much is under way during which it can't stand.
    held: AtomicUsize,
}

impl Patience {
    /// That of a replica that starts: it may hear of a leader in a moment.
    pub(crate) fn new() -> Self {
        let heard = Mutex::new(Instant::now());
        let (leaving, held) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self(Arc::new(Inner { heard, leaving, left: Mutex::default(), lacks: AtomicBool::new(false), held }))
    }

    /// A leader gave a sign of life, or somebody was given a vote.
    pub(crate) fn heard(&self) {
        *self.lock() = Instant::now();
    }

    /// It lets others stand before what this answers with is dropped.
    pub(crate) fn leave(&self) -> Leaving {
        self.0.leaving.fetch_add(1, Ordering::AcqRel);
        Leaving(self.clone())
    }

    /// Whether it is about to leave.
    pub(crate) fn leaves(&self) -> bool {
        self.0.leaving.load(Ordering::Acquire) > 0
    }

    /// Whether it lets others stand, or did within so long: who was asked to may have stood, whatever those have said to it since.
    pub(crate) fn let_others_stand(&self, within: Duration) -> bool {
        // No code panics while it holds the lock.
        let left = *self.0.left.lock().unwrap_or_else(PoisonError::into_inner);
        self.leaves() || left.is_some_and(|left| left.elapsed() <= within)
    }

    /// Somebody does not vote for it, who has entries that it lacks.
    pub(crate) fn lacks(&self) {
        self.0.lacks.store(true, Ordering::Release);
    }

    /// It does not stand before what this answers with is dropped.
    pub(crate) fn hold(&self) -> Hold {
        self.0.held.fetch_add(1, Ordering::AcqRel);
        Hold(self.clone())
    }

    /// Stands for election when it is time to, until the replica has stopped.
    pub(crate) async fn watch(self, raft: Raft, timing: Timing) {
        let (metrics, lease) = (raft.metrics(), timing.lease());
        // Within the lease nobody would vote; and others may have heard a little later.
        let first = || between(lease + timing.heartbeat / 4, 2 * lease, random());
        // If it was in vain, leases are over: longer than an election takes, and for every replica another time.
        let again = || between(lease / 4, lease, random());
        // Who has what this one lacks has stood twice by then.
        let after_others = || between(2 * lease, 4 * lease, random());
        let mut patience = first();
        let mut stood: Option<(Instant, [Duration; 2])> = None;
        // The channel ends with the replica.
        while metrics.has_changed().is_ok() {
            let heard = *self.lock();
            let due = match stood {
                Some((stood, in_vain)) if stood > heard => stood + in_vain[usize::from(self.0.lacks.load(Ordering::Acquire))],
                // A leader may be silent for longer than one who has stood in vain waits.
                _ => heard + patience,
            };
            if Instant::now() < due {
                sleep_until(due).await;
                continue;
            }
            let may_stand = self.0.held.load(Ordering::Acquire) == 0 && {
                let now = metrics.borrow();
                let votes = now.membership_config.voter_ids().any(|id| id == now.id);
                votes && now.state != ServerState::Leader && !self.leaves()
            };
            if !may_stand {
                self.heard();
                patience = first();
                continue;
            }
            self.0.lacks.store(false, Ordering::Release);
            // It fails only once the replica has.
            let _ = raft.trigger().elect().await;
            stood = Some((Instant::now(), [again(), after_others()]));
            patience = first();
        }
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.0.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While something is under way during which a replica can't stand.
#[derive(Debug)]
pub(crate) struct Hold(Patience);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.heard();
        self.0.0.held.fetch_sub(1, Ordering::AcqRel);
    }
}

/// While a replica takes no proposals and lets others stand, however many hand-overs there are at once: over when the last of these is
/// dropped, however it ends.
#[derive(Debug)]
pub(crate) struct Leaving(Patience);

impl Drop for Leaving {
    fn drop(&mut self) {
        *self.0.0.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.0.0.leaving.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The time that is `share` of the way, of 2^32, from one to the other, to the nanosecond below.
fn between(from: Duration, to: Duration, share: u32) -> Duration {
    let nanos = ((to - from).as_nanos() * u128::from(share)) >> 32;
    from + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Other replicas have other numbers.
fn random() -> u32 {
    (uuid::Uuid::new_v4().as_u128() >> 96) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_lies_between_its_bounds() {
        let [from, to] = [750, 1_500].map(Duration::from_millis);
        assert_eq!(between(from, to, 0), from);
        assert_eq!(between(from, to, 1 << 31), Duration::from_millis(1_125));
        assert!(between(from, to, u32::MAX) < to);
    }

    #[tokio::test]
    async fn a_hand_over_that_ends_does_not_end_another() {
        let patience = Patience::new();
        let (spread, stops) = (patience.leave(), patience.leave());
        drop(spread);
        assert!(patience.leaves(), "it would take proposals again, and stand, while it stops");
        drop(stops);
        assert!(!patience.leaves());
    }

    #[test]
    fn no_two_rounds_are_alike() {
        let drawn: std::collections::HashSet<u32> = (0..100).map(|_| random()).collect();
        assert!(drawn.len() > 90, "{}", drawn.len());
    }
}
