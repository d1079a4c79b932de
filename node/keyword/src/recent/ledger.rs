//! The documents of the index in memory.

use std::sync::Arc;

use crate::error::BuildError;

/// How many documents a full page has. A reader copies the last, unfinished one.
const PAGE: usize = 256;

/// The documents by slot, and what was removed.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    full: Arc<Vec<Arc<[Record]>>>,
    tail: Vec<Record>,
    /// For each full page, the words of all documents up to its end.
    words: Vec<u64>,
    removed: Vec<Removed>,
}

/// A document.
#[derive(Clone, Copy, Debug)]
struct Record {
    ordinal: u32,
    /// In words.
    length: u32,
}

/// A text that is no longer alive.
#[derive(Clone, Copy, Debug)]
struct Removed {
    /// Ascending.
    at: u32,
    /// Words of this and all before.
    words: u64,
}

/// The documents that a reader sees.
#[derive(Debug)]
pub(super) struct Documents {
    full: Arc<Vec<Arc<[Record]>>>,
    tail: Vec<Record>,
    /// The slot after the last one it sees.
    pub(super) end: u32,
}

impl Ledger {
    /// Adds a document and tells its slot.
    pub(super) fn put(&mut self, ordinal: u32, length: u32) -> Result<u32, BuildError> {
        if let Some(last) = self.tail.last().or_else(|| self.full.last()?.last()).map(|record| record.ordinal)
            && ordinal <= last
        {
            return Err(BuildError::Order { ordinal, last });
        }
        // Slots grow no faster than ordinals, which are 32-bit numbers.
        let slot = (self.full.len() * PAGE + self.tail.len()) as u32;
        self.tail.push(Record { ordinal, length });
        if self.tail.len() == PAGE {
            // Copies the list of pages, not the pages, and only while a reader holds it.
            Arc::make_mut(&mut self.full).push(self.tail.as_slice().into());
            self.words.push(self.words.last().copied().unwrap_or(0) + words(&self.tail));
            self.tail.clear();
        }
        Ok(slot)
    }

    /// Notes that a text of `length` words is no longer alive, and tells from which ordinal on.
    pub(super) fn remove(&mut self, at: u32, length: u32) -> u32 {
        let last = self.removed.last().copied().unwrap_or(Removed { at: 0, words: 0 });
        let removed = Removed { at: at.max(last.at), words: last.words + u64::from(length) };
        self.removed.push(removed);
        removed.at
    }

    /// For a reader of ordinals below `visible`: how many more documents and words live because of this index, and the slot after
    /// the last one it sees.
    pub(super) fn living(&self, visible: u32) -> (i64, i64, u32) {
        let end = end(&self.full, &self.tail, visible);
        let (page, at) = (end as usize / PAGE, end as usize % PAGE);
        let before = page.checked_sub(1).map_or(0, |last| self.words[last]);
        let words = before + words(&self.full.get(page).map_or(&self.tail[..], |page| page)[..at]);
        let removed = self.removed.partition_point(|removed| removed.at < visible);
        let removed_words = removed.checked_sub(1).map_or(0, |last| self.removed[last].words);
        (i64::from(end) - removed as i64, words as i64 - removed_words as i64, end)
    }

    /// What a reader of ordinals below `visible` sees.
    pub(super) fn look(&self, visible: u32) -> Documents {
        Documents { full: Arc::clone(&self.full), tail: self.tail.clone(), end: end(&self.full, &self.tail, visible) }
    }

    /// How much memory it takes, in bytes.
    pub(super) fn memory(&self) -> usize {
        let records = self.full.len() * PAGE + self.tail.capacity();
        records * size_of::<Record>() + self.removed.capacity() * size_of::<Removed>()
    }
}

impl Documents {
    /// How many words the document has, and its ordinal.
    pub(super) fn get(&self, slot: u32) -> Option<(u32, u32)> {
        record(&self.full, &self.tail, slot).map(|record| (record.length, record.ordinal))
    }
}

fn words(records: &[Record]) -> u64 {
    records.iter().map(|record| u64::from(record.length)).sum()
}

fn record<'a>(full: &'a [Arc<[Record]>], tail: &'a [Record], slot: u32) -> Option<&'a Record> {
    let (page, at) = (slot as usize / PAGE, slot as usize % PAGE);
    full.get(page).map_or_else(|| (page == full.len()).then(|| tail.get(at)).flatten(), |page| page.get(at))
}

/// The slot after the last document with an ordinal below `visible`.
fn end(full: &[Arc<[Record]>], tail: &[Record], visible: u32) -> u32 {
    let pages = full.partition_point(|page| page.last().is_some_and(|record| record.ordinal < visible));
    let page = full.get(pages).map_or(tail, |page| page);
    // As in `put`.
    (pages * PAGE + page.partition_point(|record| record.ordinal < visible)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_counts_what_it_may_see() {
        let mut ledger = Ledger::default();
        for at in 0..600 {
            assert_eq!(ledger.put(2 * at + 10, at % 7).unwrap(), at);
            if at % 5 == 0 {
                ledger.remove(2 * at + 10, 3);
            }
        }
        for visible in (0..10).chain(500..540).chain(1_200..1_230) {
            let seen = || (0..600_i64).filter(|at| 2 * at + 10 < i64::from(visible));
            let removed = seen().filter(|at| at % 5 == 0).count() as i64;
            let expected = (seen().count() as i64 - removed, seen().map(|at| at % 7).sum::<i64>() - 3 * removed);
            let (documents, words, end) = ledger.living(visible);
            assert_eq!((documents, words), expected, "below {visible}");
            assert_eq!(i64::from(end), seen().count() as i64);
            assert_eq!(ledger.look(visible).end, end);
        }
        let documents = ledger.look(u32::MAX);
        assert_eq!(
            [0, 255, 256, 599, 600].map(|slot| documents.get(slot)),
            [Some((0, 10)), Some((3, 520)), Some((4, 522)), Some((4, 1_208)), None]
        );
    }

    #[test]
    fn ordinals_must_grow() {
        let mut ledger = Ledger::default();
        ledger.put(7, 1).unwrap();
        let error = ledger.put(7, 1).unwrap_err();
        assert_eq!(error.to_string(), "document 7 comes after document 7; ordinals must grow");
        assert_eq!(ledger.living(u32::MAX), (1, 1, 1));
    }
}
