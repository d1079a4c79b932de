//! What one search sees of a part.

use super::dictionary::Terms;
use super::header::{Header, u32_at};
use super::pages::Pages;
use super::record::Record;
use crate::error::Damaged;
use crate::query::Near;
use crate::search::{List, Source};
use crate::statistics::Dictionary;

/// A document of more words has a long length.
pub(super) const LONG: u8 = u8::MAX;
/// How many bytes a long length takes.
const LONG_ENTRY: usize = 8;

/// A part, of which dictionary and lengths are checked.
pub(super) struct Snapshot<'a, B> {
    header: &'a Header,
    pages: &'a Pages<B>,
    terms: Terms<'a>,
    /// A byte a slot.
    lengths: &'a [u8],
    /// Slot and words, by slot.
    long: &'a [u8],
}

impl<'a, B: AsRef<[u8]>> Snapshot<'a, B> {
    pub(super) fn new(header: &'a Header, pages: &'a Pages<B>) -> Result<Self, Damaged> {
        let terms = Terms::read(header, pages)?;
        Ok(Self { header, pages, terms, lengths: pages.get(header.lengths())?, long: pages.get(header.long())? })
    }

    fn long_length(&self, slot: u32) -> Option<u32> {
        let (mut low, mut high) = (0, self.long.len() / LONG_ENTRY);
        while low < high {
            let middle = low.midpoint(high);
            if u32_at(self.long, middle * LONG_ENTRY)? < slot { low = middle + 1 } else { high = middle }
        }
        let found = u32_at(self.long, low * LONG_ENTRY)? == slot;
        found.then(|| u32_at(self.long, low * LONG_ENTRY + 4)).flatten()
    }
}

impl<'a, B: AsRef<[u8]>> Source for Snapshot<'a, B> {
    type List = Record<'a, B>;

    fn list(&self, word: &str) -> Result<Option<Self::List>, Damaged> {
        let record = self.terms.get(word).map(|offset| Record::read(self.header, self.pages, offset)).transpose()?;
        Ok(record.filter(|record| record.blocks() > 0))
    }

    fn end(&self) -> u32 {
        self.header.slots
    }

    #[inline]
    fn length(&self, slot: u32) -> Result<u32, Damaged> {
        let length = match self.lengths.get(slot as usize) {
            Some(&LONG) => self.long_length(slot),
            short => short.copied().map(u32::from),
        };
        length.ok_or_else(|| Damaged::Malformed { section: "the length of a document", offset: self.header.long().start as u64 })
    }

    fn ordinal(&self, slot: u32) -> Result<u32, Damaged> {
        let malformed = |offset| Damaged::Malformed { section: "an ordinal", offset };
        if !self.header.listed {
            return self.header.first.checked_add(slot).ok_or_else(|| malformed(0));
        }
        let at = self.header.ordinals().start + 4 * slot as usize;
        u32_at(self.pages.get(at..at + 4)?, 0).ok_or_else(|| malformed(at as u64))
    }
}

impl<B: AsRef<[u8]>> Dictionary for Snapshot<'_, B> {
    fn living(&self, word: &str) -> Result<i64, Damaged> {
        let record = self.terms.get(word).map(|offset| Record::read(self.header, self.pages, offset)).transpose()?;
        Ok(record.map_or(0, |record| record.living))
    }

    fn beginning_with(&self, prefix: &str, show: &mut dyn FnMut(&str)) -> Result<(), Damaged> {
        self.terms.beginning_with(prefix, show)
    }

    fn near(&self, near: &Near, show: &mut dyn FnMut(&str, u32)) -> Result<(), Damaged> {
        self.terms.near(near, show)
    }
}
