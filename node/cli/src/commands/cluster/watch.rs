//! How long is waited, and what is told meanwhile: a spinner on a terminal, a line for every change elsewhere; always on stderr.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::text;

/// How long after an answer the next is asked for.
const PAUSE: Duration = Duration::from_millis(500);
/// How often the spinner turns.
const TURN: Duration = Duration::from_millis(200);

/// A wait that somebody may look at.
pub(super) struct Watch {
    /// None if it is later than a clock can say.
    deadline: Option<Instant>,
    told: String,
    /// None where lines are written instead.
    spinner: Option<ProgressBar>,
}

impl Watch {
    /// Begins a wait of at most `limit`.
    pub(super) fn new(limit: Duration) -> Self {
        let spinner = io::stderr().is_terminal().then(|| {
            let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
            let style = ProgressStyle::with_template("{spinner} {elapsed} · {wide_msg}");
            spinner.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            spinner.enable_steady_tick(TURN);
            spinner
        });
        Self { deadline: Instant::now().checked_add(limit), told: String::new(), spinner }
    }

    /// What is left of it.
    pub(super) fn left(&self) -> Duration {
        self.deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Says what is waited for, unless it was said already.
    pub(super) fn tell(&mut self, sentence: &str) {
        let sentence = text::line(sentence);
        if sentence == self.told {
            return;
        }
        match &self.spinner {
            Some(spinner) => spinner.set_message(sentence.clone()),
            // Without a reader of stderr the wait still goes on.
            None => drop(writeln!(io::stderr(), "{sentence}")),
        }
        self.told = sentence;
    }

    /// Lets a moment pass before the next question; false if the time is over.
    pub(super) async fn pause(&self) -> bool {
        let left = self.left();
        tokio::time::sleep(PAUSE.min(left)).await;
        left > PAUSE
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}
