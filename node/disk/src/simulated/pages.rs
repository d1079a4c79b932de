//! The content of a file, in pages. Holes cost nothing; a clone shares its pages.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// What a page cache writes back, in bytes.
pub(super) const PAGE: u64 = 4096;
/// What a device writes whole or not at all, in bytes.
pub(super) const SECTOR: usize = 512;

pub(super) type Page = Arc<[u8; PAGE as usize]>;

/// Content: pages that are not there read as zeroes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pages {
    len: u64,
    /// By number. None lies wholly beyond `len`, and the last one's bytes beyond it are zero.
    pages: BTreeMap<u64, Page>,
}

impl Pages {
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn page(&self, number: u64) -> Option<&Page> {
        self.pages.get(&number)
    }

    /// How many pages from `first` on take space.
    pub(super) fn count_from(&self, first: u64) -> u64 {
        self.pages.range(first..).count() as u64
    }

    /// Puts a page in its place, or a hole; [`Pages::clip`] is to follow.
    pub(super) fn put(&mut self, number: u64, page: Option<Page>) {
        match page {
            Some(page) => self.pages.insert(number, page),
            None => self.pages.remove(&number),
        };
    }

    /// Writes, lengthening where need be; answers the pages that it changed.
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) -> Range<u64> {
        let end = offset + bytes.len() as u64;
        let mut rest = bytes;
        let mut at = offset;
        while !rest.is_empty() {
            let from = (at % PAGE) as usize;
            let (now, later) = rest.split_at(rest.len().min(PAGE as usize - from));
            let page = self.pages.entry(at / PAGE).or_insert_with(zeroes);
            Arc::make_mut(page)[from..from + now.len()].copy_from_slice(now);
            at += now.len() as u64;
            rest = later;
        }
        if bytes.is_empty() {
            return 0..0;
        }
        self.len = self.len.max(end);
        offset / PAGE..end.div_ceil(PAGE)
    }

    /// Sets the length and restores what the fields promise; answers the pages that it changed.
    pub(super) fn clip(&mut self, len: u64) -> Vec<u64> {
        self.len = len;
        let mut changed: Vec<u64> = self.pages.split_off(&len.div_ceil(PAGE)).into_keys().collect();
        let tail = (len % PAGE) as usize;
        if tail != 0
            && let Some(page) = self.pages.get_mut(&(len / PAGE))
            && page[tail..].iter().any(|byte| *byte != 0)
        {
            Arc::make_mut(page)[tail..].fill(0);
            changed.push(len / PAGE);
        }
        changed
    }

    /// Reads what there is from `offset`; answers how much it was.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let there = self.len.saturating_sub(offset).min(buffer.len() as u64) as usize;
        let mut filled = 0;
        while filled < there {
            let at = offset + filled as u64;
            let from = (at % PAGE) as usize;
            let some = (there - filled).min(PAGE as usize - from);
            match self.pages.get(&(at / PAGE)) {
                Some(page) => buffer[filled..filled + some].copy_from_slice(&page[from..from + some]),
                None => buffer[filled..filled + some].fill(0),
            }
            filled += some;
        }
        there
    }

    /// All of it.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len as usize];
        self.read(0, &mut bytes);
        bytes
    }
}

/// A page of zeroes.
pub(super) fn zeroes() -> Page {
    Arc::new([0; PAGE as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_read_as_zeroes_and_take_no_space() {
        let mut pages = Pages::default();
        assert_eq!(pages.write(3 * PAGE - 2, b"warfarin"), 2..4);
        assert_eq!((pages.len(), pages.count_from(0), pages.count_from(3)), (3 * PAGE + 6, 2, 1));
        let bytes = pages.bytes();
        assert!(bytes[..3 * PAGE as usize - 2].iter().all(|byte| *byte == 0));
        assert_eq!(&bytes[3 * PAGE as usize - 2..], b"warfarin");
    }

    #[test]
    fn what_was_cut_off_does_not_come_back() {
        let mut pages = Pages::default();
        pages.write(0, &[7; 2 * PAGE as usize]);
        assert_eq!(pages.clip(10), [1, 0]);
        assert_eq!(pages.clip(2 * PAGE), Vec::<u64>::new());
        let bytes = pages.bytes();
        assert_eq!((bytes.len(), &bytes[..10]), (2 * PAGE as usize, &[7_u8; 10][..]));
        assert!(bytes[10..].iter().all(|byte| *byte == 0));
    }
}
