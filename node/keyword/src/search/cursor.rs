//! The documents with a word, one after the other.

use super::{List, Source};
use crate::bm25::Scale;
use crate::error::Damaged;
use crate::posting::{Posting, Postings};

/// Stands at a document that has the word, or at the end.
pub(super) struct Cursor<'a, S: Source> {
    source: &'a S,
    list: &'a S::List,
    scale: Scale,
    /// The word's rarity, less what the clause takes off.
    weight: f64,
    /// The block of the posting it stands at.
    block: usize,
    postings: Postings<'a>,
    current: Option<Posting<'a>>,
    /// No document adds more than this.
    bound: f64,
    /// Nor does any in the block it stands in.
    block_bound: f64,
}

impl<'a, S: Source> Cursor<'a, S> {
    /// Stands at the first document.
    pub(super) fn new(source: &'a S, list: &'a S::List, scale: Scale, weight: f64) -> Result<Self, Damaged> {
        let postings = Postings::new(&[], 0);
        let mut cursor = Self { source, list, scale, weight, block: 0, postings, current: None, bound: 0.0, block_bound: 0.0 };
        for block in 0..list.blocks() {
            cursor.bound = cursor.bound.max(cursor.bound_of(block)?);
        }
        cursor.enter(0)?;
        Ok(cursor)
    }

    /// The document it stands at; none at the end.
    #[inline]
    pub(super) fn slot(&self) -> Option<u32> {
        self.current.map(|posting| posting.slot)
    }

    /// No document adds more than this.
    pub(super) fn bound(&self) -> f64 {
        self.bound
    }

    /// No document from here to the slot that is told adds more than this.
    pub(super) fn bound_here(&self) -> (f64, u32) {
        if self.current.is_some() { (self.block_bound, self.list.last(self.block)) } else { (0.0, u32::MAX) }
    }

    /// What the document it stands at adds to its score.
    #[inline]
    pub(super) fn score(&self) -> Result<f64, Damaged> {
        let Some(posting) = self.current else { return Ok(0.0) };
        Ok(self.scale.score(self.weight, posting.frequency, self.source.length(posting.slot)?))
    }

    /// Decodes where the word stands in the document.
    pub(super) fn positions(&self, out: &mut Vec<u32>) -> Result<(), Damaged> {
        out.clear();
        let Some(posting) = &self.current else { return Ok(()) };
        posting.positions(out).ok_or_else(|| self.list.malformed(self.block))
    }

    /// Goes to the next document.
    #[inline]
    pub(super) fn advance(&mut self) -> Result<(), Damaged> {
        self.current = self.postings.advance().map_err(|_| self.list.malformed(self.block))?;
        match &self.current {
            Some(posting) if posting.slot >= self.source.end() => self.finish(),
            Some(_) => {}
            None if self.block < self.list.blocks() => self.enter(self.block + 1)?,
            None => {}
        }
        Ok(())
    }

    /// Goes to the first document at `target` or after it, if it isn't there or beyond.
    #[inline]
    pub(super) fn seek(&mut self, target: u32) -> Result<(), Damaged> {
        if self.slot().is_none_or(|slot| slot >= target) {
            return Ok(());
        }
        if self.list.last(self.block) < target {
            self.enter(self.first_block_reaching(target))?;
        }
        while self.slot().is_some_and(|slot| slot < target) {
            self.advance()?;
        }
        Ok(())
    }

    /// The first block after this one whose last slot is at `target` or after it. Most jumps are short: steps double.
    fn first_block_reaching(&self, target: u32) -> usize {
        let blocks = self.list.blocks();
        let (mut low, mut step) = (self.block + 1, 1);
        while low + step < blocks && self.list.last(low + step) < target {
            low += step;
            step *= 2;
        }
        let mut high = (low + step).min(blocks);
        while low < high {
            let middle = low.midpoint(high);
            if self.list.last(middle) < target { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Stands at the first posting of `block`, or at the end if there is no such block.
    fn enter(&mut self, block: usize) -> Result<(), Damaged> {
        if block >= self.list.blocks() {
            self.finish();
            return Ok(());
        }
        self.block = block;
        self.postings = Postings::new(self.list.bytes(block)?, self.base(block));
        self.block_bound = self.bound_of(block)?;
        let first = self.postings.advance().map_err(|_| self.list.malformed(block))?;
        // A block is never empty.
        let first = first.ok_or_else(|| self.list.malformed(block))?;
        self.current = Some(first).filter(|posting| posting.slot < self.source.end());
        if self.current.is_none() {
            self.finish();
        }
        Ok(())
    }

    fn finish(&mut self) {
        self.current = None;
        self.block = self.list.blocks();
        self.postings = Postings::new(&[], 0);
    }

    /// The slot from which the first gap of a block counts.
    fn base(&self, block: usize) -> u64 {
        block.checked_sub(1).map_or(0, |before| u64::from(self.list.last(before)) + 1)
    }

    /// No document of the block adds more than this.
    fn bound_of(&self, block: usize) -> Result<f64, Damaged> {
        if let Some(impact) = self.list.impact(block) {
            return Ok(self.scale.score(self.weight, impact.frequency, impact.length));
        }
        let mut postings = Postings::new(self.list.bytes(block)?, self.base(block));
        let mut bound = 0.0_f64;
        while let Some(posting) = postings.advance().map_err(|_| self.list.malformed(block))? {
            if posting.slot < self.source.end() {
                bound = bound.max(self.scale.score(self.weight, posting.frequency, self.source.length(posting.slot)?));
            }
        }
        Ok(bound)
    }
}
