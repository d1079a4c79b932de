//! Record time.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sutra_protocol::Timestamp;

/// Tells what time it is.
pub type WallClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The operating system's wall clock.
pub(crate) fn wall_clock() -> Timestamp {
    let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        // A clock before 1970 is wrong anyway; stamps still rise.
        Err(_) => 0,
    };
    Timestamp::from_micros(micros)
}

/// Gives out record times, each later than all before: see [`Timestamp`]. Held by the one thread that packs entries.
#[derive(Debug)]
pub(crate) struct Clock {
    newest: Timestamp,
}

impl Clock {
    /// A clock whose stamps are all later than `newest`.
    pub(crate) fn after(newest: Timestamp) -> Self {
        Self { newest }
    }

    /// All stamps from now on are later than `newest`.
    pub(crate) fn see(&mut self, newest: Timestamp) {
        self.newest = self.newest.max(newest);
    }

    /// The record time of the next command, when the wall clock shows `wall`.
    pub(crate) fn stamp(&mut self, wall: Timestamp) -> Timestamp {
        self.newest = wall.max(self.newest.plus_micros(1));
        self.newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_rise_even_if_the_wall_clock_falls() {
        let at = Timestamp::from_micros;
        let mut clock = Clock::after(at(100));
        assert_eq!(clock.stamp(at(50)), at(101));
        assert_eq!(clock.stamp(at(500)), at(500));
        assert_eq!(clock.stamp(at(500)), at(501));
    }
}
