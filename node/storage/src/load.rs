//! What the reconciler knows of its load: when to wait for more commands before it writes, and how healthy the write path is.
//!
//! Pure: times come in. The mean values are exponential moving averages.

use std::time::Duration;

/// Weight of the newest value in a moving average.
const NEWEST: f64 = 0.2;
/// The longest wait for more commands.
const LONGEST_WINDOW: Duration = Duration::from_millis(2);
/// Waiting is not worth it for fewer callers than this at a time.
const FEW: f64 = 2.0;

/// Observations of the write path, and what follows from them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Load {
    /// Commands that one entry packs, on average.
    packed: f64,
    /// Seconds that writing and applying one entry takes, on average.
    cycle: f64,
    /// Commands that arrive in a second, on average.
    rate: f64,
}

/// What an operator sees of the write path.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WriteLogHealth {
    /// Commands that wait.
    pub depth: u64,
    /// Share of the queue's bound that is used, by commands or bytes, whichever is more; 0 to 1.
    pub utilisation: f64,
    /// Commands that will wait when the next entry is written, if they go on arriving as they do.
    pub predicted_depth: f64,
    /// For how long the reconciler waits for more commands before it writes, in seconds.
    pub window_seconds: f64,
    /// Commands that arrive in a second.
    pub rate_per_second: f64,
    /// For how long a command that arrives now waits until it is readable, in seconds, as far as can be told.
    pub lag_seconds: f64,
    /// 1: nothing waits that need not; 0: writes are about to be turned away.
    pub score: f64,
    /// What to do about it, as a sentence.
    pub recommendation: String,
}

impl WriteLogHealth {
    /// That of two write logs of one node: what waits is added up, and the worse one tells how well it is.
    pub(crate) fn and(self, other: Self) -> Self {
        let (worse, better) = if other.score < self.score { (other, self) } else { (self, other) };
        Self {
            depth: worse.depth + better.depth,
            utilisation: worse.utilisation.max(better.utilisation),
            predicted_depth: worse.predicted_depth + better.predicted_depth,
            window_seconds: worse.window_seconds.max(better.window_seconds),
            rate_per_second: worse.rate_per_second + better.rate_per_second,
            lag_seconds: worse.lag_seconds.max(better.lag_seconds),
            ..worse
        }
    }
}

impl Load {
    /// An entry of `packed` commands was written and applied in `cycle`; `arrived` commands came since the one before, which was
    /// `elapsed` ago.
    pub(crate) fn observe(&mut self, packed: usize, cycle: Duration, arrived: u64, elapsed: Duration) {
        let mean = |held: &mut f64, newest: f64| *held = if *held == 0.0 { newest } else { *held + NEWEST * (newest - *held) };
        mean(&mut self.packed, packed as f64);
        mean(&mut self.cycle, cycle.as_secs_f64());
        if !elapsed.is_zero() {
            mean(&mut self.rate, arrived as f64 / elapsed.as_secs_f64());
        }
    }

    /// How many commands are worth waiting for, and for how long, when the next entry could be written at once; `None`: none are.
    ///
    /// Callers that were answered together come back together: writing the first of them alone makes all others wait for a whole
    /// cycle. Waiting pays while the share of a cycle that it costs is smaller than the share of the callers that it gains.
    pub(crate) fn gather(&self) -> Option<(usize, Duration)> {
        // Who is alone, or comes rarely, gains nothing.
        let expected = self.packed.min(self.rate * self.cycle);
        if expected < FEW {
            return None;
        }
        let window = Duration::from_secs_f64(self.cycle / 4.0).min(LONGEST_WINDOW);
        Some(((expected * 0.9) as usize, window))
    }

    /// What an operator sees, with `depth` commands waiting of at most `bound`, and `bytes` of at most `bytes_bound`; `stalled` says
    /// that writes wait for memory.
    pub(crate) fn health(&self, depth: usize, bound: usize, bytes: usize, bytes_bound: usize, stalled: bool) -> WriteLogHealth {
        let used = (depth as f64 / bound.max(1) as f64).max(bytes as f64 / bytes_bound.max(1) as f64).min(1.0);
        let predicted = (depth as f64 + self.rate * self.cycle - self.packed.max(1.0)).max(0.0);
        let entries = 1.0 + depth as f64 / self.packed.max(1.0);
        let fill = (predicted / bound.max(1) as f64).min(1.0);
        let score = if stalled { 0.0 } else { (1.0 - used.max(fill)).clamp(0.0, 1.0) };
        let recommendation = if stalled {
            "Writes wait until a checkpoint has given memory back: give the disk more bandwidth, or raise the delta budget."
        } else if score < 0.2 {
            "The write log is nearly full: send fewer writes at once, or give the disk a faster fsync."
        } else if score < 0.6 {
            "The write log fills: watch it, and expect writes to be turned away if it goes on."
        } else if self.packed > 512.0 {
            "Entries are nearly full: the disk's fsync bounds the rate, and larger batches would help."
        } else {
            "Nothing to do."
        };
        WriteLogHealth {
            depth: depth as u64,
            utilisation: used,
            predicted_depth: predicted,
            window_seconds: self.gather().map_or(0.0, |(_, window)| window.as_secs_f64()),
            rate_per_second: self.rate,
            lag_seconds: entries * self.cycle,
            score,
            recommendation: recommendation.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(packed: usize, cycle_ms: u64, rate: u64) -> Load {
        let mut load = Load::default();
        for _ in 0..50 {
            load.observe(packed, Duration::from_millis(cycle_ms), rate, Duration::from_secs(1));
        }
        load
    }

    #[test]
    fn nobody_waits_for_others_while_there_are_none() {
        assert_eq!(Load::default().gather(), None);
        assert_eq!(after(1, 4, 200).gather(), None);
        assert_eq!(after(64, 4, 10).gather(), None, "a burst long ago");
    }

    #[test]
    fn callers_that_come_back_together_are_waited_for_a_little() {
        let (commands, window) = after(64, 4, 16_000).gather().unwrap();
        assert!((50..=64).contains(&commands), "{commands}");
        assert_eq!(window, Duration::from_millis(1));
        let (_, window) = after(64, 400, 16_000).gather().unwrap();
        assert_eq!(window, LONGEST_WINDOW);
    }

    #[test]
    fn health_falls_as_the_queue_fills() {
        let load = after(64, 4, 16_000);
        let at = |depth| load.health(depth, 1_000, 0, 1, false).score;
        assert!(at(0) > 0.9 && at(500) < at(0) && at(990) < 0.2, "{} {} {}", at(0), at(500), at(990));
        assert!(load.health(990, 1_000, 0, 1, false).recommendation.contains("nearly full"));
        assert_eq!(load.health(0, 1_000, 0, 1, true).score, 0.0);
    }
}
