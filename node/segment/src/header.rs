//! The first page, which says where the tables are and how to check them.

use std::path::Path;

use crate::error::{Damage, SegmentError};
use crate::{STORE_ID_BYTES, VERSION};

pub(crate) const MAGIC: &[u8; 8] = b"SUTRADAT";

/// Length of the header page; the body begins after it.
pub(crate) const PAGE: usize = 4096;

/// What one checksum covers.
pub(crate) const BLOCK: usize = 16 << 10;

/// Every section begins at a multiple of it.
pub(crate) const ALIGN: usize = 64;

/// Length of a section's entry in the section table.
pub(crate) const ENTRY: usize = 24;

const STORE_AT: usize = 76;
const CRC_AT: usize = PAGE - 4;

/// What the header page says. The tables follow the body without a gap: sections, then checksums of blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id: u64,
    pub(crate) store: String,
    /// A multiple of [`ALIGN`].
    pub(crate) body_bytes: u64,
    pub(crate) sections: u32,
    /// CRC32C of the section table.
    pub(crate) sections_crc: u32,
    /// CRC32C of the table of the blocks' checksums.
    pub(crate) blocks_crc: u32,
}

impl Header {
    /// What identifies the content, whichever store it is in.
    pub(crate) fn signature(&self) -> [u8; 16] {
        let nobodys = Self { id: 0, store: String::new(), ..self.clone() };
        let mut signature = [0; 16];
        signature.copy_from_slice(&blake3::hash(&nobodys.encode()).as_bytes()[..16]);
        signature
    }

    pub(crate) fn blocks(&self) -> u64 {
        self.body_bytes.div_ceil(BLOCK as u64)
    }

    pub(crate) fn sections_at(&self) -> Option<u64> {
        self.body_bytes.checked_add(PAGE as u64)
    }

    pub(crate) fn blocks_at(&self) -> Option<u64> {
        self.sections_at()?.checked_add(u64::from(self.sections) * ENTRY as u64)
    }

    pub(crate) fn file_bytes(&self) -> Option<u64> {
        self.blocks_at()?.checked_add(self.blocks() * 4)
    }

    pub(crate) fn encode(&self) -> [u8; PAGE] {
        let mut page = [0; PAGE];
        let mut put = |at: usize, bytes: &[u8]| page[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, MAGIC);
        put(8, &VERSION.to_le_bytes());
        put(12, &(BLOCK as u32).to_le_bytes());
        put(16, &self.file_bytes().unwrap_or(u64::MAX).to_le_bytes());
        put(24, &self.id.to_le_bytes());
        put(32, &self.body_bytes.to_le_bytes());
        put(40, &self.sections_at().unwrap_or(u64::MAX).to_le_bytes());
        put(48, &self.sections.to_le_bytes());
        put(52, &self.sections_crc.to_le_bytes());
        put(56, &self.blocks_at().unwrap_or(u64::MAX).to_le_bytes());
        put(64, &(self.blocks() as u32).to_le_bytes());
        put(68, &self.blocks_crc.to_le_bytes());
        let store = self.store.as_bytes().get(..STORE_ID_BYTES).unwrap_or(self.store.as_bytes());
        put(72, &(store.len() as u32).to_le_bytes());
        put(STORE_AT, store);
        let crc = crc32c::crc32c(&page[..CRC_AT]);
        page[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        page
    }

    /// Reads the header of the file whose bytes these are.
    pub(crate) fn decode(path: &Path, file: &[u8]) -> Result<Self, SegmentError> {
        let damaged = |what: String| SegmentError::Damaged(Damage { file: path.to_owned(), what });
        let found = &file[..file.len().min(MAGIC.len())];
        // What was cut short within its magic is short, and what is something else is not damaged.
        if !MAGIC.starts_with(found) {
            return Err(SegmentError::NotASegment { path: path.to_owned(), found: found.to_vec() });
        }
        // A newer version may have another header altogether: this much stays for ever.
        if let Some(version) = u32_at(file, 8)
            && version != VERSION
        {
            return Err(SegmentError::Version { path: path.to_owned(), found: version });
        }
        let Some(page) = file.first_chunk::<PAGE>() else {
            return Err(damaged(format!("has {} bytes; the header alone has {PAGE}", file.len())));
        };
        if u32_at(page, CRC_AT) != Some(crc32c::crc32c(&page[..CRC_AT])) {
            return Err(damaged("the header's checksum does not match".into()));
        }
        let word = |at| u32_at(page, at).unwrap_or_default();
        let long = |at| u64_at(page, at).unwrap_or_default();
        let store_len = word(72) as usize;
        let store = page[STORE_AT..].get(..store_len).filter(|_| store_len <= STORE_ID_BYTES);
        let store = store.and_then(|bytes| std::str::from_utf8(bytes).ok());
        let store = store.ok_or_else(|| damaged("the store id in the header is no text of its length".into()))?.to_owned();
        let header =
            Self { id: long(24), store, body_bytes: long(32), sections: word(48), sections_crc: word(52), blocks_crc: word(68) };
        let (sections_at, blocks_at) = (header.sections_at(), header.blocks_at());
        let agrees = word(12) == BLOCK as u32
            && header.body_bytes.is_multiple_of(ALIGN as u64)
            && Some(long(40)) == sections_at
            && Some(long(56)) == blocks_at
            && u64::from(word(64)) == header.blocks()
            && Some(long(16)) == header.file_bytes();
        if !agrees {
            return Err(damaged("the header contradicts itself".into()));
        }
        if header.file_bytes() != Some(file.len() as u64) {
            return Err(damaged(format!("has {} bytes; its header says {}", file.len(), long(16))));
        }
        Ok(header)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_and_any_other_bytes_are_an_error() {
        let header = Header { id: 7, store: "s-1".into(), body_bytes: 0, sections: 0, sections_crc: 1, blocks_crc: 2 };
        let page = header.encode();
        assert_eq!(Header::decode(Path::new("a"), &page).unwrap(), header);
        for at in 0..PAGE {
            let mut other = page;
            other[at] ^= 0x10;
            assert!(Header::decode(Path::new("a"), &other).is_err(), "byte {at}");
        }
        for len in 0..PAGE {
            assert!(matches!(Header::decode(Path::new("a"), &page[..len]), Err(SegmentError::Damaged(_))), "length {len}");
        }
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let header = Header { id: 7, store: "s-1".into(), body_bytes: 0, sections: 0, sections_crc: 1, blocks_crc: 2 };
        let mut page = header.encode();
        page[8] = 4;
        assert!(matches!(Header::decode(Path::new("a"), &page), Err(SegmentError::Version { found: 4, .. })));
    }
}
