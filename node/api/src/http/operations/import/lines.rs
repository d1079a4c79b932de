//! Cuts a stream of bytes into lines of a bounded length.

use bytes::{Bytes, BytesMut};

/// What a stream turned out to hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line, without its end.
    Whole(Bytes),
    /// A line that is longer than the bound; its bytes are gone.
    TooLong,
}

/// The bytes between the last line end and now: never more than the bound.
#[derive(Debug)]
pub(super) struct Lines {
    bound: usize,
    rest: BytesMut,
    /// Whether the line that `rest` would begin has exceeded the bound, and is thrown away up to its end.
    skipping: bool,
}

impl Lines {
    pub(super) fn new(bound: usize) -> Self {
        Self { bound, rest: BytesMut::new(), skipping: false }
    }

    /// Takes bytes up to the first line end in `chunk`, which is shortened by them. `None`: all were taken, and no line ended.
    pub(super) fn next(&mut self, chunk: &mut Bytes) -> Option<Line> {
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = chunk.split_to(end.map_or(chunk.len(), |end| end + 1));
        let part = part.strip_suffix(b"\n").unwrap_or(&part);
        if self.rest.len() + part.len() > self.bound {
            self.skipping = true;
        }
        if self.skipping {
            self.rest = BytesMut::new();
        } else {
            self.rest.extend_from_slice(part);
        }
        end.and_then(|_| self.end())
    }

    /// The last line, if the stream did not end with a line end.
    pub(super) fn last(mut self) -> Option<Line> {
        if self.rest.is_empty() && !self.skipping { None } else { self.end() }
    }

    fn end(&mut self) -> Option<Line> {
        if std::mem::take(&mut self.skipping) {
            return Some(Line::TooLong);
        }
        let line = self.rest.split().freeze();
        Some(Line::Whole(match line.strip_suffix(b"\r") {
            Some(line_without) => line.slice_ref(line_without),
            None => line,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(bound: usize, chunks: &[&'static str]) -> Vec<Line> {
        let mut lines = Lines::new(bound);
        let mut found = Vec::new();
        for chunk in chunks {
            let mut chunk = Bytes::from_static(chunk.as_bytes());
            while !chunk.is_empty() {
                found.extend(lines.next(&mut chunk));
            }
        }
        found.extend(lines.last());
        found
    }

    fn whole(text: &'static str) -> Line {
        Line::Whole(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn lines_end_anywhere_in_a_chunk() {
        assert_eq!(cut(9, &["ab\nc", "d", "\r\n", "\ne"]), [whole("ab"), whole("cd"), whole(""), whole("e")]);
        assert_eq!(cut(9, &[]), []);
    }

    #[test]
    fn a_line_too_long_is_skipped_and_the_next_is_read() {
        assert_eq!(cut(3, &["abc\nab", "cd", "efg\nxy\n", "wxyz"]), [whole("abc"), Line::TooLong, whole("xy"), Line::TooLong]);
    }
}
