//! What a person sees: phases with their time, colours only on a terminal.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::{Duration, Instant};

/// Whether this runs where nobody watches, so without colours and status lines.
pub(crate) fn unattended() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

fn coloured(terminal: bool) -> bool {
    terminal && !unattended() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn paint(code: &str, text: &str, terminal: bool) -> String {
    if coloured(terminal) { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

pub(crate) fn bold(text: &str) -> String {
    paint("1", text, stdout().is_terminal())
}

pub(crate) fn green(text: &str) -> String {
    paint("32", text, stdout().is_terminal())
}

pub(crate) fn dim(text: &str) -> String {
    paint("2", text, stdout().is_terminal())
}

/// For standard error.
pub(crate) fn red(text: &str) -> String {
    paint("1;31", text, stderr().is_terminal())
}

/// A time as people say it: `0.4 s`, `12 s`, `3 min 05 s`.
pub(crate) fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        whole @ 10..60 => format!("{whole} s"),
        whole => format!("{} min {:02} s", whole / 60, whole % 60),
    }
}

/// Something that takes a while.
#[derive(Debug)]
pub(crate) struct Phase {
    name: String,
    started: Instant,
}

/// Names what begins now.
pub(crate) fn phase(name: impl Into<String>) -> Phase {
    let name = name.into();
    println!("{} {name} …", green("▸"));
    let _ = stdout().flush();
    Phase { name, started: Instant::now() }
}

impl Phase {
    /// Names what ended, and how long it took.
    pub(crate) fn done(self) -> Duration {
        let time = self.started.elapsed();
        println!("{} {}: done in {}", green("✓"), self.name, seconds(time));
        time
    }
}

/// A line that is overwritten while something runs; nothing where nobody watches.
pub(crate) fn status(text: &str) {
    if stderr().is_terminal() && !unattended() {
        eprint!("\r\x1b[K{text}");
        let _ = stderr().flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        assert_eq!(seconds(Duration::from_millis(440)), "0.4 s");
        assert_eq!(seconds(Duration::from_secs(12)), "12 s");
        assert_eq!(seconds(Duration::from_secs(185)), "3 min 05 s");
    }
}
