//! The postings of a term in a part.

use std::ops::Range;

use super::header::{Header, u32_at};
use super::pages::Pages;
use crate::error::{BuildError, Damaged};
use crate::growing::Growing;
use crate::posting::{BLOCK, Impact};
use crate::search::List;
use crate::varint;

/// How many bytes a block takes in the table of blocks.
const ENTRY: usize = 12;
/// The most bytes of what stands before the table: three varints, of which the second needs ten.
const FRONT: usize = 30;
/// Frequencies and lengths from here on are not told apart in the table of blocks.
const MANY: u16 = u16::MAX;

/// Appends the record of a term: its postings, and how many of its documents live, less those.
pub(super) fn write(out: &mut Vec<u8>, postings: &Growing, correction: i64) -> Result<(), BuildError> {
    let look = postings.look();
    let blocks: Vec<_> = (0..look.blocks()).filter_map(|at| look.block(at)).collect();
    varint::write(out, postings.count() << 1 | u64::from(correction != 0));
    if correction != 0 {
        varint::write(out, varint::zigzag(correction));
    }
    if let [block] = blocks[..] {
        varint::write(out, block.bytes.len() as u64);
    } else {
        let mut size = 0;
        for block in &blocks {
            size += block.bytes.len() as u64;
            let bound = u64::from(u32::MAX);
            let end = u32::try_from(size).map_err(|_| BuildError::Size { what: "the postings of a term", size, bound })?;
            let cut = |value: u32| u16::try_from(value).unwrap_or(MANY).to_le_bytes();
            out.extend(block.last.to_le_bytes());
            out.extend(end.to_le_bytes());
            out.extend(cut(block.impact.frequency));
            out.extend(cut(block.impact.length));
        }
    }
    blocks.iter().for_each(|block| out.extend_from_slice(&block.bytes));
    Ok(())
}

/// The record of a term.
#[derive(Debug)]
pub(super) struct Record<'a, B> {
    pages: &'a Pages<B>,
    /// How many living documents have the term because of this part.
    pub(super) living: i64,
    /// Of each block, where it ends and what is in it; nothing if there is only one.
    table: &'a [u8],
    /// Where the blocks are.
    blocks: Range<usize>,
    count: usize,
}

/// What a record begins with.
struct Front {
    postings: u64,
    living: i64,
    /// Bytes of the block, if there is one.
    size: u64,
    /// How many bytes all this took.
    taken: usize,
}

impl<'a, B: AsRef<[u8]>> Record<'a, B> {
    /// Reads the record that begins `offset` bytes into the postings.
    pub(super) fn read(header: &Header, pages: &'a Pages<B>, offset: u64) -> Result<Self, Damaged> {
        let section = header.postings();
        let malformed =
            Damaged::Malformed { section: "a term's postings", offset: (section.start as u64).saturating_add(offset) };
        let start = usize::try_from(offset).ok().and_then(|offset| section.start.checked_add(offset));
        let Some(start) = start.filter(|start| *start < section.end) else { return Err(malformed) };
        let front = Front::read(pages.get(start..section.end.min(start + FRONT))?);
        let Some(Front { postings, living, size, taken }) = front else { return Err(malformed) };
        let within = |start: usize, size: u64| {
            let end = start.checked_add(usize::try_from(size).ok()?).filter(|end| *end <= section.end)?;
            Some(Range { start, end })
        };
        let from = start + taken;
        if postings <= BLOCK as u64 {
            let Some(blocks) = within(from, size) else { return Err(malformed) };
            return Ok(Self { pages, living, table: &[], blocks, count: usize::from(postings > 0) });
        }
        let table = postings.div_ceil(BLOCK as u64).checked_mul(ENTRY as u64).and_then(|size| within(from, size));
        let Some(table) = table else { return Err(malformed) };
        let from = table.end;
        let table = pages.get(table)?;
        let count = table.len() / ENTRY;
        let size = u32_at(table, (count - 1) * ENTRY + 4).map(u64::from);
        let Some(blocks) = size.and_then(|size| within(from, size)) else { return Err(malformed) };
        Ok(Self { pages, living, table, blocks, count })
    }

    /// Where a block is within the blocks.
    fn range(&self, block: usize) -> Option<Range<usize>> {
        if self.table.is_empty() {
            return Some(self.blocks.clone());
        }
        let end = |block: usize| u32_at(self.table, block * ENTRY + 4).map(|end| self.blocks.start + end as usize);
        let start = block.checked_sub(1).map_or(Some(self.blocks.start), end)?;
        Some(start..end(block)?).filter(|range| range.start <= range.end && range.end <= self.blocks.end)
    }
}

impl Front {
    fn read(mut bytes: &[u8]) -> Option<Self> {
        let whole = bytes.len();
        let head = varint::read(&mut bytes)?;
        let postings = head >> 1;
        let correction = if head & 1 == 1 { varint::unzigzag(varint::read(&mut bytes)?) } else { 0 };
        let living = correction.checked_add_unsigned(postings)?;
        let size = if (1..=BLOCK as u64).contains(&postings) { varint::read(&mut bytes)? } else { 0 };
        Some(Self { postings, living, size, taken: whole - bytes.len() })
    }
}

impl<B: AsRef<[u8]>> List for Record<'_, B> {
    fn blocks(&self) -> usize {
        self.count
    }

    fn bytes(&self, block: usize) -> Result<&[u8], Damaged> {
        self.pages.get(self.range(block).ok_or_else(|| self.malformed(block))?)
    }

    fn last(&self, block: usize) -> u32 {
        u32_at(self.table, block * ENTRY).unwrap_or(u32::MAX)
    }

    fn impact(&self, block: usize) -> Option<Impact> {
        let frequency = u32_at(self.table, block * ENTRY + 8)?;
        let (frequency, length) = (frequency & 0xffff, frequency >> 16);
        Some(Impact { frequency: if frequency == u32::from(MANY) { u32::MAX } else { frequency }, length })
    }

    fn malformed(&self, block: usize) -> Damaged {
        let offset = self.range(block).unwrap_or_else(|| self.blocks.clone()).start as u64;
        Damaged::Malformed { section: "a block of postings", offset }
    }
}
