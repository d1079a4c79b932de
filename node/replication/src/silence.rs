//! A leader that no quorum answers falls silent for a while, so that others may elect one that is answered.
//!
//! Links may be cut one way: its signs of life arrive and keep the others from voting, while it hears nobody and can commit nothing.
//! It does not stay silent: those who can't win an election, as they lack entries that it has, need it to speak again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use openraft::ServerState;
use tokio::time::{Instant, sleep};

use crate::signs::Contact;
use crate::timing::Timing;
use crate::types::Raft;

/// Whether a replica says nothing as a leader. Cheap to clone; all clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Silence(Arc<AtomicBool>);

impl Silence {
    pub(crate) fn is_kept(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Keeps silent when it is time to, until the replica has stopped.
    pub(crate) async fn watch(self, raft: Raft, contact: Contact, timing: Timing) {
        let metrics = raft.metrics();
        let mut leads_since = None;
        // The channel ends with the replica.
        while metrics.has_changed().is_ok() {
            let (leads, is_alone, answered) = {
                let now = metrics.borrow();
                let is_alone = now.membership_config.voter_ids().count() == 1;
                let known = now.millis_since_quorum_ack.map(Duration::from_millis);
                // Openraft does not ask those to whom it sends a snapshot.
                let sets = now.membership_config.membership().get_joint_config();
                let asked = contact.quorum_answered(now.id, sets).map(|asked| asked.elapsed());
                (now.state == ServerState::Leader, is_alone, known.into_iter().chain(asked).min())
            };
            let since: Instant = match (leads, leads_since) {
                (true, Some(since)) => since,
                _ => Instant::now(),
            };
            leads_since = leads.then_some(since);
            let in_vain = answered.unwrap_or(Duration::MAX).min(since.elapsed());
            self.0.store(leads && !is_alone && is_silent(in_vain, timing.lease()), Ordering::Release);
            sleep(timing.lease() / 2).await;
        }
    }
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
