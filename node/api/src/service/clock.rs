//! How long a read has taken, and how long it may take.

use std::time::Duration;

use tokio::time::Instant;

/// What a search keeps back of its caller's time to quote what it found.
const RESERVE: Duration = Duration::from_millis(50);

/// Measures one read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopwatch {
    started: Instant,
    search_until: Instant,
}

impl Stopwatch {
    /// Starts now; the search has to stop a little before `deadline`, so that its answer still arrives.
    pub(super) fn until(deadline: Instant) -> Self {
        let started = Instant::now();
        let time = deadline.saturating_duration_since(started);
        Self { started, search_until: started + time.saturating_sub(RESERVE.min(time / 4)) }
    }

    /// Whether the search has to stop.
    pub(super) fn is_over(&self) -> bool {
        self.search_until <= Instant::now()
    }

    /// Milliseconds since the start.
    pub(super) fn elapsed_ms(&self) -> f64 {
        self.started.elapsed().as_secs_f64() * 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_search_stops_before_the_caller_does() {
        let watch = Stopwatch::until(Instant::now() + Duration::from_secs(1));
        tokio::time::advance(Duration::from_millis(949)).await;
        assert!(!watch.is_over());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(watch.is_over());
        assert!(Stopwatch::until(Instant::now()).is_over());
    }
}
