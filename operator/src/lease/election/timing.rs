//! The times of an election.

use std::time::Duration;

/// The times of an election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    duration: Duration,
    renew: Duration,
}

impl Timing {
    /// `duration`: how long the others wait for a silent holder; `renew`: how often the holder is not silent.
    #[must_use]
    pub fn new(duration: Duration, renew: Duration) -> Self {
        Self { duration, renew }
    }

    /// How long the others wait for a silent holder.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// How often the holder renews.
    #[must_use]
    pub fn renew(&self) -> Duration {
        self.renew
    }

    /// How long an accepted write covers its writer. The third that is missing is for clocks that run apart, and for writes of the
    /// holder that are still on their way when its time is over.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.duration * 2 / 3
    }

    /// How often one that waits looks, so that a lease which was given back is taken at once.
    #[must_use]
    pub fn poll(&self) -> Duration {
        self.renew.min(Duration::from_secs(2))
    }

    /// How soon a write that failed is tried again.
    #[must_use]
    pub fn retry(&self) -> Duration {
        (self.renew / 2).min(Duration::from_secs(1))
    }
}
