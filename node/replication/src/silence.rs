//! A leader that no quorum answers falls silent for a while, so that others may elect one that is answered.
//!
//! Links may be cut one way: its signs of life arrive and keep the others from voting, while it hears nobody and can commit nothing.
//! It does not stay silent: those who can't win an election, as they lack entries that it has, need it to speak again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use openraft::{RaftMetrics, ServerState};
use tokio::time::Instant;

use crate::contact::Contact;
use crate::types::Member;

/// Whether a replica says nothing as a leader. Cheap to clone; all clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Silence(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    kept: AtomicBool,
    leads_since: Mutex<Option<Instant>>,
}

impl Silence {
    pub(crate) fn is_kept(&self) -> bool {
        self.0.kept.load(Ordering::Acquire)
    }

    /// Keeps silent from now on if it is time to, or speaks.
    pub(crate) fn look(&self, now: &RaftMetrics<u64, Member>, contact: &Contact, lease: Duration) {
        // No code panics while it holds the lock.
        let mut leads_since = self.0.leads_since.lock().unwrap_or_else(PoisonError::into_inner);
        if now.state != ServerState::Leader {
            *leads_since = None;
            return self.0.kept.store(false, Ordering::Release);
        }
        let leads_for = leads_since.get_or_insert_with(Instant::now).elapsed();
        let is_alone = now.membership_config.voter_ids().eq([now.id]);
        let in_vain = quorum_answered(now, contact).map_or(leads_for, |ago| ago.min(leads_for));
        self.0.kept.store(!is_alone && is_silent(in_vain, lease), Ordering::Release);
    }
}

/// How long ago a leader said something that a quorum has answered. What openraft notes of it stands still where its core does.
pub(crate) fn quorum_answered(now: &RaftMetrics<u64, Member>, contact: &Contact) -> Option<Duration> {
    contact.quorum_answered(now.id, now.membership_config.membership().get_joint_config()).map(|asked| asked.elapsed())
}

/// Whether a leader that has spoken in vain for so long is silent now: by turns, long enough for an election.
fn is_silent(in_vain: Duration, lease: Duration) -> bool {
    let turn = in_vain.as_millis() / (2 * lease).as_millis().max(1);
    turn % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_speaks_and_is_silent_by_turns() {
        let lease = Duration::from_millis(100);
        let turns = [0, 199, 200, 399, 400, 599, 600].map(|millis| is_silent(Duration::from_millis(millis), lease));
        assert_eq!(turns, [false, false, true, true, false, false, true]);
    }
}
