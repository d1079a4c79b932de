//! What one search sees of the index in memory.

use super::Recent;
use super::ledger::Documents;
use crate::error::Damaged;
use crate::growing::Grown;
use crate::posting::Impact;
use crate::search::{List, Source};

/// The index up to a bound. Postings of later documents may be in the lists; the bound hides them.
pub(super) struct Snapshot<'a> {
    recent: &'a Recent,
    documents: Documents,
}

impl<'a> Snapshot<'a> {
    pub(super) fn new(recent: &'a Recent, documents: Documents) -> Self {
        Self { recent, documents }
    }

    fn get(&self, slot: u32) -> Result<(u32, u32), Damaged> {
        self.documents.get(slot).ok_or(MALFORMED)
    }
}

const MALFORMED: Damaged = Damaged::Malformed { section: "the index in memory", offset: 0 };

impl Source for Snapshot<'_> {
    type List = Grown;

    fn list(&self, word: &str) -> Result<Option<Grown>, Damaged> {
        Ok(self.recent.read().words.get(word).map(|entry| entry.postings.look()).filter(|list| list.blocks() > 0))
    }

    fn end(&self) -> u32 {
        self.documents.end
    }

    fn length(&self, slot: u32) -> Result<u32, Damaged> {
        self.get(slot).map(|(length, _)| length)
    }

    fn ordinal(&self, slot: u32) -> Result<u32, Damaged> {
        self.get(slot).map(|(_, ordinal)| ordinal)
    }
}

impl List for Grown {
    fn blocks(&self) -> usize {
        self.blocks()
    }

    fn bytes(&self, block: usize) -> Result<&[u8], Damaged> {
        self.block(block).map(|block| &*block.bytes).ok_or(MALFORMED)
    }

    fn last(&self, block: usize) -> u32 {
        self.block(block).map_or(u32::MAX, |block| block.last)
    }

    fn impact(&self, block: usize) -> Option<Impact> {
        self.block(block).map(|block| block.impact)
    }

    fn malformed(&self, _: usize) -> Damaged {
        MALFORMED
    }
}
