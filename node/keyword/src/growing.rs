//! The postings of a word while documents are added.

use std::sync::Arc;

use crate::document::Place;
use crate::posting::{self, BLOCK, Impact, Malformed, Postings};

/// A list of postings that grows at its end. Full blocks never change, so a reader shares them.
#[derive(Debug)]
pub(crate) struct Growing {
    full: Option<Arc<Vec<Block>>>,
    tail: Vec<u8>,
    /// How many postings the tail has, always < 128.
    tail_count: u8,
    tail_impact: Impact,
    /// The first slot; nothing while there is none.
    first: u32,
    /// The slot after the last one.
    next: u32,
}

/// A block that is as it will stay.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) bytes: Arc<[u8]>,
    /// The slot of the last posting.
    pub(crate) last: u32,
    pub(crate) impact: Impact,
}

/// A list of postings as it was when it was looked at.
#[derive(Debug, Default)]
pub(crate) struct Grown {
    full: Option<Arc<Vec<Block>>>,
    tail: Option<Block>,
}

impl Default for Growing {
    fn default() -> Self {
        Self { full: None, tail: Vec::new(), tail_count: 0, tail_impact: Impact::NONE, first: 0, next: 0 }
    }
}

impl Growing {
    /// Adds a document, whose slot is above those before.
    pub(crate) fn push(&mut self, slot: u32, length: u32, places: &[Place]) {
        if self.next == 0 {
            self.first = slot;
        }
        posting::write(&mut self.tail, slot - self.next, places.iter().map(|place| place.position));
        // The places of a document are counted in 32 bits.
        self.tail_impact.cover(places.len() as u32, length);
        self.tail_count += 1;
        // A slot is below the number of documents, which is itself a u32.
        self.next = slot + 1;
        if usize::from(self.tail_count) == BLOCK {
            let block = Block { bytes: self.tail.as_slice().into(), last: slot, impact: self.tail_impact };
            // Copies the list of blocks, not the blocks, and only while a reader holds it.
            Arc::make_mut(self.full.get_or_insert_default()).push(block);
            self.tail.clear();
            self.tail_count = 0;
            self.tail_impact = Impact::NONE;
        }
    }

    /// The first slot.
    pub(crate) fn first(&self) -> Option<u32> {
        (self.next > 0).then_some(self.first)
    }

    /// How many documents it has.
    pub(crate) fn count(&self) -> u64 {
        (self.full.as_ref().map_or(0, |full| full.len()) * BLOCK) as u64 + u64::from(self.tail_count)
    }

    /// As it is now.
    pub(crate) fn look(&self) -> Grown {
        let tail = self.next.checked_sub(1).filter(|_| self.tail_count > 0);
        let tail = tail.map(|last| Block { bytes: self.tail.as_slice().into(), last, impact: self.tail_impact });
        Grown { full: self.full.clone(), tail }
    }

    /// How many of its documents have slots below `end`.
    pub(crate) fn count_below(&self, end: u32) -> Result<u64, Malformed> {
        if self.next <= end {
            return Ok(self.count());
        }
        let full = self.full.as_ref().map_or(&[][..], |full| full);
        let before = full.partition_point(|block| block.last < end);
        let base = before.checked_sub(1).map_or(0, |last| u64::from(full[last].last) + 1);
        let mut postings = Postings::new(full.get(before).map_or(&self.tail, |block| &block.bytes), base);
        let mut count = (before * BLOCK) as u64;
        while postings.advance()?.is_some_and(|posting| posting.slot < end) {
            count += 1;
        }
        Ok(count)
    }

    /// How much memory it takes beside itself, in bytes.
    pub(crate) fn memory(&self) -> usize {
        // Blocks of a list are about equally large.
        let full = self
            .full
            .as_ref()
            .map_or(0, |full| full.len() * (size_of::<Block>() + full.last().map_or(0, |block| block.bytes.len())));
        full + self.tail.capacity()
    }
}

impl Grown {
    /// How many blocks it has.
    pub(crate) fn blocks(&self) -> usize {
        self.full.as_ref().map_or(0, |full| full.len()) + usize::from(self.tail.is_some())
    }

    /// A block of it.
    pub(crate) fn block(&self, at: usize) -> Option<&Block> {
        let full = self.full.as_ref().map_or(&[][..], |full| full);
        full.get(at).or_else(|| self.tail.as_ref().filter(|_| at == full.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    #[test]
    fn a_reader_keeps_what_it_looked_at() {
        let document = Document::read(["bail"]);
        let (_, places) = document.terms().next().unwrap();
        let mut growing = Growing::default();
        let mut looks = Vec::new();
        for slot in 0..1_000 {
            looks.push(growing.look());
            growing.push(3 * slot, 1, places);
        }
        for (count, look) in looks.into_iter().enumerate() {
            let mut found = Vec::new();
            let mut base = 0;
            for block in (0..look.blocks()).map(|at| look.block(at).unwrap()) {
                let mut postings = Postings::new(&block.bytes, base);
                while let Some(posting) = postings.advance().unwrap() {
                    found.push(posting.slot);
                }
                assert_eq!(found.last(), Some(&block.last));
                base = u64::from(block.last) + 1;
            }
            assert_eq!(found, (0..count as u32).map(|slot| 3 * slot).collect::<Vec<_>>());
        }
    }

    #[test]
    fn documents_below_a_bound_are_counted() {
        let document = Document::read(["bail"]);
        let (_, places) = document.terms().next().unwrap();
        let mut growing = Growing::default();
        for slot in 0..300 {
            growing.push(3 * slot, 1, places);
        }
        for end in 0..1_000 {
            assert_eq!(growing.count_below(end), Ok(u64::from(end.div_ceil(3).min(300))), "below {end}");
        }
    }
}
