//! Postings: which documents have a word, how often, and where.
//!
//! A block is up to 128 postings by slot, the number of a document within its index. Each posting is, in varints:
//!
//! ```text
//! gap × 2 + 0, position                                      the word stands there once
//! gap × 2 + 1, frequency, bytes of the positions, positions  it stands there at least twice
//! ```
//!
//! The gap is how many slots lie between this posting and the one before (for the first of a list: before slot 0). The first
//! position is itself; each other one is how many positions lie between it and the one before.

use crate::varint;

/// How many postings a full block has.
pub(crate) const BLOCK: usize = 128;

/// A document that has a word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Posting<'a> {
    pub(crate) slot: u32,
    /// How often it has the word, at least once.
    pub(crate) frequency: u32,
    /// Where, encoded.
    positions: &'a [u8],
}

impl Posting<'_> {
    /// Decodes the positions into `out`, which ascend; none if there are not as many as it says.
    pub(crate) fn positions(&self, out: &mut Vec<u32>) -> Option<()> {
        out.clear();
        let mut rest = self.positions;
        let mut next = 0_u32;
        while !rest.is_empty() {
            let position = next.checked_add(varint::read_u32(&mut rest)?)?;
            out.push(position);
            next = position.checked_add(1)?;
        }
        (out.len() == self.frequency as usize).then_some(())
    }
}

/// Appends the posting of a document `gap` slots after the one before.
pub(crate) fn write(out: &mut Vec<u8>, gap: u32, positions: impl ExactSizeIterator<Item = u32>) {
    let frequency = positions.len();
    let mut next = 0;
    let gaps = positions.map(|position| {
        let gap = position - next;
        next = position + 1;
        u64::from(gap)
    });
    if frequency == 1 {
        varint::write(out, u64::from(gap) << 1);
        gaps.for_each(|gap| varint::write(out, gap));
        return;
    }
    let mut encoded = Vec::with_capacity(2 * frequency);
    gaps.for_each(|gap| varint::write(&mut encoded, gap));
    varint::write(out, u64::from(gap) << 1 | 1);
    varint::write(out, frequency as u64);
    varint::write(out, encoded.len() as u64);
    out.extend_from_slice(&encoded);
}

/// The postings of a block, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Postings<'a> {
    rest: &'a [u8],
    /// The slot after the one before; 2³² after the last that there can be.
    next: u64,
}

/// The bytes of a block say nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl<'a> Postings<'a> {
    /// Those of the block `bytes`, whose first gap counts from the slot `next`.
    pub(crate) fn new(bytes: &'a [u8], next: u64) -> Self {
        Self { rest: bytes, next }
    }

    /// The next one; none at the end of the block.
    #[inline]
    pub(crate) fn advance(&mut self) -> Result<Option<Posting<'a>>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.decode().map(Some).ok_or(Malformed)
    }

    #[inline]
    fn decode(&mut self) -> Option<Posting<'a>> {
        let head = varint::read(&mut self.rest)?;
        let slot = u32::try_from(self.next.checked_add(head >> 1)?).ok()?;
        self.next = u64::from(slot) + 1;
        let (frequency, bytes) = if head & 1 == 0 {
            (1, self.rest.iter().position(|byte| *byte < 0x80)? + 1)
        } else {
            (varint::read_u32(&mut self.rest)?, usize::try_from(varint::read(&mut self.rest)?).ok()?)
        };
        let (positions, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        (frequency > 0).then_some(Posting { slot, frequency, positions })
    }
}

/// What no posting of a block exceeds: enough to bound every score in it, whatever the statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Impact {
    /// The greatest frequency.
    pub(crate) frequency: u32,
    /// The length in words of the shortest document.
    pub(crate) length: u32,
}

impl Impact {
    /// That of no posting.
    pub(crate) const NONE: Self = Self { frequency: 0, length: u32::MAX };

    pub(crate) fn cover(&mut self, frequency: u32, length: u32) {
        self.frequency = self.frequency.max(frequency);
        self.length = self.length.min(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, 7, [3].into_iter());
        write(&mut bytes, 0, [0, 1, 400].into_iter());
        write(&mut bytes, 1_000_000, [70_000].into_iter());
        bytes
    }

    #[test]
    fn postings_are_read_back() {
        let bytes = block();
        let mut postings = Postings::new(&bytes, 0);
        let mut found = Vec::new();
        let mut positions = Vec::new();
        while let Some(posting) = postings.advance().unwrap() {
            posting.positions(&mut positions).unwrap();
            found.push((posting.slot, posting.frequency, positions.clone()));
        }
        assert_eq!(found, [(7, 1, vec![3]), (8, 3, vec![0, 1, 400]), (1_000_009, 1, vec![70_000])]);
    }

    #[test]
    fn bytes_that_are_no_postings_end_in_an_error() {
        let bytes = block();
        for cut in 1..bytes.len() {
            let mut postings = Postings::new(&bytes[..cut], 0);
            let mut found = 0;
            let ended = loop {
                match postings.advance() {
                    Ok(Some(_)) => found += 1,
                    other => break other.is_ok(),
                }
            };
            assert!(found < 3 && (!ended || found > 0), "cut at {cut}");
        }
        // A slot beyond the last one, and a frequency of nothing.
        assert_eq!(Postings::new(&[2, 0], u64::from(u32::MAX)).advance().unwrap_err(), Malformed);
        assert_eq!(Postings::new(&[1, 0, 0], 0).advance().unwrap_err(), Malformed);
    }

    #[test]
    fn a_frequency_that_the_positions_belie_is_no_answer() {
        let posting = Posting { slot: 0, frequency: 3, positions: &[0, 0] };
        assert_eq!(posting.positions(&mut Vec::new()), None);
    }
}
