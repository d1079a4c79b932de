//! How long not to dial.

use std::time::Duration;

/// Doubles with each failure, up to a bound.
#[derive(Debug)]
pub(crate) struct BackOff {
    first: Duration,
    last: Duration,
    /// What the next failure costs. Always between `first` and `last`.
    next: Duration,
}

impl BackOff {
    pub(crate) fn new(first: Duration, last: Duration) -> Self {
        let last = last.max(first);
        Self { first, last, next: first }
    }

    /// How long to wait after this failure.
    pub(crate) fn failed(&mut self) -> Duration {
        let wait = self.next;
        self.next = wait.saturating_mul(2).min(self.last);
        wait
    }

    /// Whether there was no failure since the last success.
    pub(crate) fn is_fresh(&self) -> bool {
        self.next == self.first
    }

    pub(crate) fn succeeded(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::BackOff;

    #[test]
    fn it_doubles_up_to_its_bound_and_starts_again_after_a_success() {
        let mut back_off = BackOff::new(Duration::from_millis(100), Duration::from_secs(2));
        let waits: Vec<_> = (0..7).map(|_| back_off.failed().as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 2000, 2000]);
        back_off.succeeded();
        assert_eq!(back_off.failed().as_millis(), 100);
    }
}
