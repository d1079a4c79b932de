//! How far a transfer is: a bar on a terminal, a line every few seconds elsewhere; always on stderr.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::number::{bytes, count, duration};

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The progress of one transfer.
pub(crate) struct Progress {
    total: Option<u64>,
    started: Instant,
    told: Instant,
    /// None where lines are written instead.
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Starts; `total` is the number of bytes, if it is known.
    pub(crate) fn new(total: Option<u64>) -> Self {
        let now = Instant::now();
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(5));
            let template = match total {
                Some(_) => "{wide_bar} {percent:>3}% of {binary_total_bytes} · {msg} · {eta} left",
                None => "{spinner} {binary_bytes} · {msg} · {elapsed}",
            };
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self { total, started: now, told: now, bar }
    }

    /// Shows that `moved` bytes and `lines` lines are done.
    pub(crate) fn show(&mut self, moved: u64, lines: u64) {
        let elapsed = self.started.elapsed();
        match &self.bar {
            Some(bar) => {
                bar.set_position(moved);
                bar.set_message(pace(lines, elapsed));
                bar.tick();
            }
            None if self.told.elapsed() >= LINE_EVERY => {
                self.told = Instant::now();
                // Without a reader of stderr the transfer still goes on.
                let _ = writeln!(io::stderr(), "{}", line(moved, self.total, lines, elapsed));
            }
            None => {}
        }
    }

    /// Removes the bar.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// `12,000 lines, 5,870 lines/s`.
fn pace(lines: u64, elapsed: Duration) -> String {
    format!("{} lines, {} lines/s", count(lines), count(rate(lines, elapsed)))
}

/// Whole lines per second.
pub(crate) fn rate(lines: u64, elapsed: Duration) -> u64 {
    (lines as f64 / elapsed.as_secs_f64().max(1e-3)).round() as u64
}

fn line(moved: u64, total: Option<u64>, lines: u64, elapsed: Duration) -> String {
    let pace = pace(lines, elapsed);
    match total.filter(|total| *total > 0 && moved > 0) {
        None => format!("{} · {pace}", bytes(moved)),
        Some(total) => {
            let left = elapsed.as_secs_f64() * total.saturating_sub(moved) as f64 / moved as f64;
            let left = duration(Duration::try_from_secs_f64(left).unwrap_or_default());
            format!("{}% of {} · {pace} · {left} left", moved.min(total) * 100 / total, bytes(total))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_share_rate_and_time_left() {
        let elapsed = Duration::from_secs(10);
        assert_eq!(line(1 << 20, Some(4 << 20), 20_000, elapsed), "25% of 4.0 MiB · 20,000 lines, 2,000 lines/s · 30 s left");
        assert_eq!(line(1 << 20, None, 20_000, elapsed), "1.0 MiB · 20,000 lines, 2,000 lines/s");
        assert_eq!(line(0, Some(0), 0, Duration::ZERO), "0 B · 0 lines, 0 lines/s");
    }
}
