//! When a connection is given up although nothing is known to be wrong with it.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// A peer that is frozen or cut off ends no connection, and TCP takes minutes to notice. So a call that times out makes the connection
/// suspect, and a second one ends it, if nothing was received in between. Only a call that was begun after the first had timed out
/// counts as the second: many that were begun together, for one slow thing, say no more than one.
#[derive(Default)]
pub(super) struct Silence {
    suspect: Mutex<Option<Suspicion>>,
}

struct Suspicion {
    since: Instant,
    /// How much had been received by then.
    received: u64,
}

impl Silence {
    /// Whether the connection is to be given up, after a call timed out that was begun at `begun`.
    pub(super) fn timed_out(&self, begun: Instant, now: Instant, received: u64) -> bool {
        let mut suspect = self.suspect.lock().unwrap_or_else(PoisonError::into_inner);
        match &*suspect {
            Some(suspicion) if suspicion.received == received => begun >= suspicion.since,
            _ => {
                *suspect = Some(Suspicion { since: now, received });
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Silence;

    #[test]
    fn the_second_time_out_in_silence_gives_the_connection_up() {
        let (silence, start) = (Silence::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(!silence.timed_out(at(0), at(1), 10));
        assert!(silence.timed_out(at(1), at(2), 10));
    }

    #[test]
    fn whatever_is_received_in_between_clears_the_peer() {
        let (silence, start) = (Silence::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(!silence.timed_out(at(0), at(1), 10));
        assert!(!silence.timed_out(at(1), at(2), 11));
        assert!(silence.timed_out(at(2), at(3), 11));
    }

    #[test]
    fn calls_that_were_begun_together_count_once() {
        let (silence, start) = (Silence::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(!silence.timed_out(at(0), at(2), 0));
        assert!(!silence.timed_out(at(0), at(2), 0));
        assert!(!silence.timed_out(at(1), at(3), 0));
    }
}
