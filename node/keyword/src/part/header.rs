//! The first 80 bytes of an index, which say where everything else is.

use std::ops::Range;

use super::pages::PAGE;
use crate::error::Damaged;

/// How an index begins.
const MAGIC: &[u8; 8] = b"SUTRAKWI";
/// The version that is written and read.
const VERSION: u32 = 1;
/// How many bytes the header has.
pub(super) const HEADER: usize = 80;
/// Where its own checksum is.
const CRC: usize = 76;

/// What the header says. Where sections are follows from their sizes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// Whether ordinals are listed.
    pub(super) listed: bool,
    /// Bytes of the whole index.
    pub(super) size: u64,
    /// Living documents because of this index.
    pub(super) documents: i64,
    /// Words in them.
    pub(super) words: i64,
    /// Bytes.
    pub(super) postings: u64,
    /// Bytes.
    pub(super) dictionary: u64,
    /// The ordinal of slot 0.
    pub(super) first: u32,
    pub(super) slots: u32,
    pub(super) long: u32,
    pub(super) terms: u32,
    pub(super) checksums_crc: u32,
}

impl Header {
    /// Reads it from the front of `bytes`, which must be a whole index.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Damaged> {
        if !bytes.starts_with(MAGIC) {
            return Err(Damaged::Foreign);
        }
        let short = Damaged::Size { found: bytes.len() as u64, expected: HEADER as u64 };
        let Some(found) = u32_at(bytes, 8) else { return Err(short) };
        if found > VERSION {
            return Err(Damaged::Version { found, supported: VERSION });
        }
        let Some((header, _)) = bytes.split_first_chunk::<HEADER>() else { return Err(short) };
        let u32_at = |at| u32_at(header, at).unwrap_or_default();
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        if crc32c::crc32c(&header[..CRC]) != u32_at(CRC) {
            return Err(Damaged::Checksum { from: 0, to: HEADER as u64 });
        }
        let header = Self {
            listed: u32_at(12) == 1,
            size: u64_at(16),
            documents: u64_at(24).cast_signed(),
            words: u64_at(32).cast_signed(),
            postings: u64_at(40),
            dictionary: u64_at(48),
            first: u32_at(56),
            slots: u32_at(60),
            long: u32_at(64),
            terms: u32_at(68),
            checksums_crc: u32_at(72),
        };
        // No version 0 was ever written.
        let meaningful = found == VERSION && u32_at(12) <= 1 && header.computed_size() == Some(header.size);
        if !meaningful {
            return Err(Damaged::Malformed { section: "the header", offset: 0 });
        }
        if header.size != bytes.len() as u64 {
            return Err(Damaged::Size { found: bytes.len() as u64, expected: header.size });
        }
        Ok(header)
    }

    /// Writes it, with its checksum.
    pub(super) fn write(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let mut at = 0;
        let mut put = |value: &[u8]| {
            bytes[at..at + value.len()].copy_from_slice(value);
            at += value.len();
        };
        put(MAGIC);
        put(&VERSION.to_le_bytes());
        put(&u32::from(self.listed).to_le_bytes());
        put(&self.size.to_le_bytes());
        put(&self.documents.to_le_bytes());
        put(&self.words.to_le_bytes());
        put(&self.postings.to_le_bytes());
        put(&self.dictionary.to_le_bytes());
        put(&self.first.to_le_bytes());
        put(&self.slots.to_le_bytes());
        put(&self.long.to_le_bytes());
        put(&self.terms.to_le_bytes());
        put(&self.checksums_crc.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..CRC]);
        bytes[CRC..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The size that the sections add up to; none if that is beyond all bounds.
    pub(super) fn computed_size(&self) -> Option<u64> {
        let body = self.body_size()?;
        body.checked_add(HEADER as u64)?.checked_add(4 * body.div_ceil(PAGE as u64))
    }

    fn body_size(&self) -> Option<u64> {
        let slots = u64::from(self.slots);
        let fixed = slots + 8 * u64::from(self.long) + if self.listed { 4 * slots } else { 0 };
        self.postings.checked_add(self.dictionary)?.checked_add(fixed)
    }

    /// What the pages divide.
    pub(super) fn body(&self) -> Range<usize> {
        HEADER..self.ordinals().end
    }

    pub(super) fn postings(&self) -> Range<usize> {
        HEADER..HEADER + self.postings as usize
    }

    pub(super) fn dictionary(&self) -> Range<usize> {
        let start = self.postings().end;
        start..start + self.dictionary as usize
    }

    pub(super) fn lengths(&self) -> Range<usize> {
        let start = self.dictionary().end;
        start..start + self.slots as usize
    }

    pub(super) fn long(&self) -> Range<usize> {
        let start = self.lengths().end;
        start..start + 8 * self.long as usize
    }

    pub(super) fn ordinals(&self) -> Range<usize> {
        let start = self.long().end;
        start..start + if self.listed { 4 * self.slots as usize } else { 0 }
    }
}

/// The number at `at`.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let mut header = Header { listed: true, documents: -2, words: 14, postings: 3, dictionary: 5, ..Header::default() };
        (header.first, header.slots, header.long, header.terms, header.checksums_crc) = (9, 2, 1, 4, 77);
        header.size = header.computed_size().unwrap();
        header
    }

    fn file(header: &Header) -> Vec<u8> {
        let mut bytes = header.write().to_vec();
        bytes.resize(header.size as usize, 0);
        bytes
    }

    #[test]
    fn a_header_is_read_back() {
        let bytes = file(&header());
        assert_eq!(Header::read(&bytes), Ok(header()));
        assert_eq!(header().ordinals().end + 4, bytes.len());
    }

    #[test]
    fn another_size_or_version_or_file_is_told_apart() {
        let bytes = file(&header());
        let (found, expected) = (bytes.len() as u64 - 1, bytes.len() as u64);
        assert_eq!(Header::read(&bytes[..bytes.len() - 1]), Err(Damaged::Size { found, expected }));
        assert_eq!(Header::read(&bytes[..20]), Err(Damaged::Size { found: 20, expected: 80 }));
        assert_eq!(Header::read(b"SUTRADAT"), Err(Damaged::Foreign));
        let mut newer = bytes;
        newer[8] = 2;
        assert_eq!(Header::read(&newer), Err(Damaged::Version { found: 2, supported: 1 }));
    }

    #[test]
    fn sizes_beyond_all_bounds_are_refused() {
        let endless = Header { postings: u64::MAX - 70, size: 80, ..header() };
        assert_eq!(Header::read(&file(&endless)), Err(Damaged::Malformed { section: "the header", offset: 0 }));
    }
}
