//! When a replica stands for election: some time after it last heard of a leader, and a different time in each round.
//!
//! Openraft draws a replica's patience once, when it starts, and rounds it to its ticks: replicas that started together would stand together,
//! again and again, and split the votes. So its own elections are switched off, and these take their place.

use std::sync::atomic::{AtomicBool, Ordering};
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
    /// It is about to leave, and lets others stand.
    leaves: AtomicBool,
}

impl Patience {
    /// That of a replica that starts: it may hear of a leader in a moment.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner { heard: Mutex::new(Instant::now()), leaves: AtomicBool::new(false) }))
    }

    /// A leader gave a sign of life, or somebody was given a vote.
    pub(crate) fn heard(&self) {
        *self.lock() = Instant::now();
    }

    /// Whether it lets others stand.
    pub(crate) fn leave(&self, leaves: bool) {
        self.0.leaves.store(leaves, Ordering::Release);
    }

    /// Whether it is about to leave.
    pub(crate) fn leaves(&self) -> bool {
        self.0.leaves.load(Ordering::Acquire)
    }

    /// Stands for election when it is time to, until the replica has stopped.
    pub(crate) async fn watch(self, raft: Raft, timing: Timing) {
        let (metrics, lease) = (raft.metrics(), timing.lease());
        // Within the lease nobody would vote; and others may have heard a little later.
        let first = || between(lease + timing.heartbeat / 4, 2 * lease, random());
        let mut patience = first();
        let mut stood: Option<Instant> = None;
        // The channel ends with the replica.
        while metrics.has_changed().is_ok() {
            let heard = *self.lock();
            let due = stood.map_or(heard, |stood| stood.max(heard)) + patience;
            if Instant::now() < due {
                sleep_until(due).await;
                continue;
            }
            let may_stand = {
                let now = metrics.borrow();
                let votes = now.membership_config.voter_ids().any(|id| id == now.id);
                votes && now.state != ServerState::Leader && !self.leaves()
            };
            if !may_stand {
                self.heard();
                patience = first();
                continue;
            }
            // It fails only once the replica has.
            let _ = raft.trigger().elect().await;
            stood = Some(Instant::now());
            // If it was in vain, leases are over: longer than an election takes, and for every replica another time.
            patience = between(lease / 4, lease, random());
        }
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.0.heard.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn no_two_rounds_are_alike() {
        let drawn: std::collections::HashSet<u32> = (0..100).map(|_| random()).collect();
        assert!(drawn.len() > 90, "{}", drawn.len());
    }
}
