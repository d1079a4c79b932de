//! Bytes that are checked before anything is read from them for the first time.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::header::u32_at;
use crate::error::Damaged;

/// How many bytes one checksum covers.
pub(super) const PAGE: usize = 16 * 1024;

/// The bytes of an index with the checksums of the pages of its body.
#[derive(Debug)]
pub(super) struct Pages<B> {
    bytes: B,
    body: Range<usize>,
    /// A bit a page: it was found as it was written. Nothing depends on another thread's check being seen.
    checked: Box<[AtomicU64]>,
}

impl<B: AsRef<[u8]>> Pages<B> {
    /// The body is followed by its checksums up to the end of `bytes`, whose own checksum is `crc`.
    pub(super) fn new(bytes: B, body: Range<usize>, crc: u32) -> Result<Self, Damaged> {
        let checksums = body.end..bytes.as_ref().len();
        let wrong = Damaged::Checksum { from: checksums.start as u64, to: checksums.end as u64 };
        if bytes.as_ref().get(checksums).is_none_or(|checksums| crc32c::crc32c(checksums) != crc) {
            return Err(wrong);
        }
        let checked = (0..body.len().div_ceil(PAGE).div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Ok(Self { bytes, body, checked })
    }

    /// The bytes of `range`, which lies in the body.
    #[inline]
    pub(super) fn get(&self, range: Range<usize>) -> Result<&[u8], Damaged> {
        let malformed = Damaged::Malformed { section: "an offset", offset: range.start as u64 };
        let Some(start) = range.start.checked_sub(self.body.start) else { return Err(malformed) };
        if range.end > self.body.end || range.start > range.end {
            return Err(malformed);
        }
        let bytes = self.bytes.as_ref();
        for page in start / PAGE..(range.end - self.body.start).div_ceil(PAGE) {
            let (word, bit) = (page / 64, 1 << (page % 64));
            let Some(checked) = self.checked.get(word) else { return Err(malformed) };
            if checked.load(Ordering::Relaxed) & bit == 0 {
                self.check(bytes, page)?;
                checked.fetch_or(bit, Ordering::Relaxed);
            }
        }
        bytes.get(range).ok_or(malformed)
    }

    #[cold]
    fn check(&self, bytes: &[u8], page: usize) -> Result<(), Damaged> {
        let from = self.body.start + page * PAGE;
        let to = self.body.end.min(from + PAGE);
        let expected = u32_at(bytes, self.body.end + 4 * page);
        let found = bytes.get(from..to).map(crc32c::crc32c);
        if expected.is_some() && expected == found { Ok(()) } else { Err(Damaged::Checksum { from: from as u64, to: to as u64 }) }
    }
}

/// The checksums of the pages of a body.
pub(super) fn checksums(body: &[u8]) -> Vec<u8> {
    body.chunks(PAGE).flat_map(|page| crc32c::crc32c(page).to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(bytes: &[u8], body: usize) -> Result<Pages<&[u8]>, Damaged> {
        Pages::new(bytes, 10..body, crc32c::crc32c(&bytes[body..]))
    }

    fn bytes() -> (Vec<u8>, usize) {
        let mut bytes: Vec<u8> = (0..10 + 3 * PAGE + 100).map(|at| (at % 251) as u8).collect();
        let body = bytes.len();
        bytes.extend(checksums(&bytes[10..]));
        (bytes, body)
    }

    #[test]
    fn only_what_is_touched_is_checked() {
        let (mut bytes, body) = bytes();
        bytes[10 + PAGE] ^= 1;
        let pages = pages(&bytes, body).unwrap();
        assert_eq!(pages.get(10..10 + PAGE).unwrap().len(), PAGE);
        assert_eq!(pages.get(10 + 2 * PAGE..body).unwrap(), &bytes[10 + 2 * PAGE..body]);
        let wrong = Err(Damaged::Checksum { from: 10 + PAGE as u64, to: 10 + 2 * PAGE as u64 });
        assert_eq!(pages.get(10 + PAGE - 1..10 + PAGE + 1), wrong);
        assert_eq!(pages.get(10 + 2 * PAGE - 1..10 + 2 * PAGE), wrong);
    }

    #[test]
    fn nothing_outside_the_body_is_given_away() {
        let (bytes, body) = bytes();
        let pages = pages(&bytes, body).unwrap();
        for range in [9..11, body..body + 1, body + 1..body + 1, Range { start: 20, end: 15 }] {
            assert!(matches!(pages.get(range.clone()), Err(Damaged::Malformed { .. })), "{range:?}");
        }
        assert_eq!(pages.get(body..body).unwrap(), &[] as &[u8]);
    }
}
