//! Transfers of any length: nothing here holds more than a few chunks.

mod idle;
mod input;
mod output;
mod progress;
mod zstd;

pub(crate) use idle::until;
pub(crate) use input::Input;
pub(crate) use output::Output;
pub(crate) use progress::{Progress, rate};

/// How many lines a stream of chunks has; the last counts without a line feed, too.
#[derive(Debug, Default)]
pub(crate) struct LineCount {
    ended: u64,
    open: bool,
}

impl LineCount {
    /// Counts the lines of the next chunk.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.ended += chunk.iter().filter(|byte| **byte == b'\n').count() as u64;
        if let Some(last) = chunk.last() {
            self.open = *last != b'\n';
        }
    }

    /// Lines so far.
    pub(crate) fn total(&self) -> u64 {
        self.ended + u64::from(self.open)
    }

    /// Whether the last line has no line feed yet.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_across_chunks() {
        let mut lines = LineCount::default();
        for chunk in ["{}\n{", "", "}\n{}"] {
            lines.push(chunk.as_bytes());
        }
        assert_eq!((lines.total(), lines.is_open()), (3, true));
        lines.push(b"\n");
        assert_eq!((lines.total(), lines.is_open()), (3, false));
    }
}
