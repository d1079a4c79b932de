//! The words of the index in memory, in order.

use std::ops::Bound;
use std::sync::Arc;

use super::{Entry, Recent};
use crate::error::Damaged;
use crate::query::Near;
use crate::statistics::Dictionary;

/// So many words are looked at before writers get their turn.
const PAGE: usize = 1_024;

/// The words of the index, as of a bound.
pub(super) struct Words<'a> {
    recent: &'a Recent,
    visible: u32,
    /// The slot after the last one that is seen.
    end: u32,
}

/// Where a walk goes on.
enum Onward {
    /// At the next word.
    Next,
    /// After all words that have these first bytes of this one.
    Behind(usize),
    /// Nowhere.
    End,
}

impl<'a> Words<'a> {
    pub(super) fn new(recent: &'a Recent, visible: u32, end: u32) -> Self {
        Self { recent, visible, end }
    }

    /// Whether the word is there for the reader: one that came later must not take the place of another.
    fn sees(&self, entry: &Entry) -> bool {
        entry.postings.first().is_some_and(|first| first < self.end) || entry.removed.first().is_some_and(|at| *at < self.visible)
    }

    /// Looks at the words from `from` on.
    fn walk(&self, from: &str, mut look: impl FnMut(&str, &Entry) -> Onward) {
        let mut from = Bound::Included(Arc::<str>::from(from));
        while from != Bound::Unbounded {
            from = self.page(from, &mut look);
        }
    }

    /// Looks at some words from `from` on, and tells where to go on; unbounded if nowhere.
    fn page(&self, mut from: Bound<Arc<str>>, look: &mut impl FnMut(&str, &Entry) -> Onward) -> Bound<Arc<str>> {
        let inner = self.recent.read();
        let mut steps = 0;
        loop {
            let mut jump = None;
            for word in inner.order.range::<str, _>((from.as_ref().map(|from| &**from), Bound::Unbounded)) {
                let Some(entry) = inner.words.get(word) else { continue };
                steps += 1;
                jump = match look(word, entry) {
                    Onward::End => return Bound::Unbounded,
                    // No word has this last of all letters, so it comes after all that begin so.
                    Onward::Behind(bytes) => Some(format!("{}{}", &word[..bytes], char::MAX).into()),
                    Onward::Next if steps >= PAGE => Some(word.clone()),
                    Onward::Next => None,
                };
                if jump.is_some() {
                    break;
                }
            }
            let Some(jump) = jump else { return Bound::Unbounded };
            from = Bound::Excluded(jump);
            if steps >= PAGE {
                return from;
            }
        }
    }
}

impl Dictionary for Words<'_> {
    fn living(&self, word: &str) -> Result<i64, Damaged> {
        let inner = self.recent.read();
        let Some(entry) = inner.words.get(word) else { return Ok(0) };
        let put = entry.postings.count_below(self.end);
        let put = put.map_err(|_| Damaged::Malformed { section: "the index in memory", offset: 0 })?;
        Ok(put as i64 - entry.removed.partition_point(|at| *at < self.visible) as i64)
    }

    fn beginning_with(&self, prefix: &str, show: &mut dyn FnMut(&str)) -> Result<(), Damaged> {
        self.walk(prefix, |word, entry| {
            if !word.starts_with(prefix) {
                return Onward::End;
            }
            if self.sees(entry) {
                show(word);
            }
            Onward::Next
        });
        Ok(())
    }

    fn near(&self, near: &Near, show: &mut dyn FnMut(&str, u32)) -> Result<(), Damaged> {
        self.walk("", |word, entry| {
            if let Some(edits) = near.edits(word).filter(|_| self.sees(entry)) {
                show(word, edits);
            }
            near.dead_after(word).map_or(Onward::Next, Onward::Behind)
        });
        Ok(())
    }
}
