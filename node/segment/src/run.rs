//! Sorted pairs of a hash, or another key, and a row: first all keys, then all rows.

use std::ops::Range;

use crate::container::Container;
use crate::search::{hash_bound, lower_bound};
use crate::section::Section;

/// Appends the pairs, which it sorts; equal ones are written once. Answers how many there are.
pub(crate) fn encode(out: &mut Vec<u8>, pairs: &mut Vec<(u64, u32)>) -> usize {
    pairs.sort_unstable();
    pairs.dedup();
    pairs.iter().for_each(|(key, _)| out.extend(key.to_le_bytes()));
    pairs.iter().for_each(|(_, row)| out.extend(row.to_le_bytes()));
    pairs.len()
}

/// Pairs in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    pub(crate) container: &'a Container,
    pub(crate) section: Section,
    /// Where the keys begin in the section.
    pub(crate) at: usize,
    pub(crate) count: usize,
}

impl<'a> Run<'a> {
    pub(crate) fn key(&self, index: usize) -> Option<u64> {
        let bytes = self.container.slice(self.section, self.at + 8 * index, 8)?;
        bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
    }

    fn row(&self, index: usize) -> Option<u32> {
        let bytes = self.container.slice(self.section, self.at + 8 * self.count + 4 * index, 4)?;
        bytes.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// Every pair.
    pub(crate) fn all(self) -> Pairs<'a> {
        Pairs { run: self, range: 0..self.count }
    }

    /// The pairs of a hash.
    pub(crate) fn hashed(self, hash: u64) -> impl Iterator<Item = (u64, u32)> + 'a {
        let start = hash_bound(self.count, hash, |index| self.key(index)).unwrap_or(self.count);
        Pairs { run: self, range: start..self.count }.take_while(move |(key, _)| *key == hash)
    }

    /// The pairs whose keys lie in `least..=greatest`.
    pub(crate) fn between(self, least: u64, greatest: u64) -> Pairs<'a> {
        let start = lower_bound(self.count, |index| Some(self.key(index)? < least));
        let end = lower_bound(self.count, |index| Some(self.key(index)? <= greatest));
        // Where the keys are not sorted, or least is above greatest, the range is empty.
        Pairs { run: self, range: start.unwrap_or(0)..end.unwrap_or(0) }
    }
}

/// Pairs by ascending key, then row. Ends early where the file is damaged.
#[derive(Clone, Debug)]
pub(crate) struct Pairs<'a> {
    run: Run<'a>,
    range: Range<usize>,
}

impl<'a> Pairs<'a> {
    /// The rows, without their keys.
    pub(crate) fn rows(self) -> impl Iterator<Item = u32> + use<'a> {
        let Run { container, section, at, count } = self.run;
        let first = at + 8 * count + 4 * self.range.start;
        let rows = container.slice(section, first, 4 * self.range.len()).unwrap_or_default();
        rows.as_chunks().0.iter().map(|row| u32::from_le_bytes(*row))
    }

    fn get(&mut self, index: usize) -> Option<(u64, u32)> {
        let pair = self.run.key(index).zip(self.run.row(index));
        if pair.is_none() {
            self.range = 0..0;
        }
        pair
    }
}

impl Iterator for Pairs<'_> {
    type Item = (u64, u32);

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.range.next()?;
        self.get(index)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.range.len()))
    }
}

impl DoubleEndedIterator for Pairs<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let index = self.range.next_back()?;
        self.get(index)
    }
}
