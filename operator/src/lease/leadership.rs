//! Whether this operator holds the lease now.

use std::time::Instant;

use tokio::sync::watch;

/// Whether this operator holds the lease now. Cheap to clone and to ask.
#[derive(Clone, Debug)]
pub struct Leadership {
    until: watch::Receiver<Option<Instant>>,
}

/// Where the keeper of the lease says until when it is held.
#[derive(Debug)]
pub struct Announcer {
    until: watch::Sender<Option<Instant>>,
}

impl Leadership {
    /// Nobody holds anything yet.
    #[must_use]
    pub fn new() -> (Announcer, Self) {
        let (sender, until) = watch::channel(None);
        (Announcer { until: sender }, Self { until })
    }

    /// Whether the lease is held at this instant. A process that stood still, or a keeper that no longer runs, is no longer a holder
    /// once the time is over: nobody has to notice it first.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.is_held_at(Instant::now())
    }

    fn is_held_at(&self, now: Instant) -> bool {
        self.until.borrow().is_some_and(|until| now < until)
    }

    /// Waits until the lease is held; for ever if its keeper has ended.
    pub async fn acquired(&mut self) {
        if self.until.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Announcer {
    /// Until when the lease is held; `None`: it is not.
    pub fn announce(&self, until: Option<Instant>) {
        self.until.send_if_modified(|known| {
            let changed = *known != until;
            *known = until;
            changed
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_is_over_when_its_time_is_whether_or_not_anybody_says_so() {
        let (announcer, leadership) = Leadership::new();
        let now = Instant::now();
        assert!(!leadership.is_held_at(now));
        announcer.announce(Some(now + Duration::from_secs(10)));
        assert!(leadership.is_held_at(now + Duration::from_secs(9)));
        assert!(!leadership.is_held_at(now + Duration::from_secs(10)));
        announcer.announce(None);
        assert!(!leadership.is_held_at(now));
    }

    #[test]
    fn a_keeper_that_vanished_holds_no_longer_than_it_said() {
        let (announcer, leadership) = Leadership::new();
        let now = Instant::now();
        announcer.announce(Some(now + Duration::from_secs(10)));
        drop(announcer);
        assert!(leadership.is_held_at(now));
        assert!(!leadership.is_held_at(now + Duration::from_secs(10)));
    }
}
