//! A segment's file: header, tables, and blocks that are checked when they are first touched.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use sutra_disk::{Bytes, Disk};
use sutra_protocol::ConceptId;

use crate::error::{Damage, SegmentError};
use crate::header::{ALIGN, BLOCK, ENTRY, Header, PAGE};
use crate::section::{Entry, Section};
use crate::segment::SegmentId;

/// A segment's file, in place.
#[derive(Debug)]
pub struct Container {
    path: PathBuf,
    header: Header,
    root: [u8; 16],
    signature: [u8; 16],
    bytes: Bytes,
    /// Where the checksums of blocks begin.
    blocks_at: usize,
    /// One bit a block: its bytes have their checksum.
    checked: Box<[AtomicU64]>,
    damage: OnceLock<Damage>,
}

impl Container {
    /// Maps the file and checks header and tables; reads nothing else.
    pub(crate) fn open(disk: &dyn Disk, path: &Path, expected_store: &str) -> Result<(Self, Vec<Entry>), SegmentError> {
        let bytes = disk.map(path).map_err(SegmentError::disk("map", path))?;
        let header = Header::decode(path, &bytes)?;
        if header.store != expected_store {
            let (found, expected) = (header.store, expected_store.to_owned());
            return Err(SegmentError::OtherStore { path: path.to_owned(), found, expected });
        }
        let damaged = |what: &str| Damage { file: path.to_owned(), what: what.to_owned() };
        let at = |offset: Option<u64>| offset.and_then(|offset| usize::try_from(offset).ok()).filter(|at| *at <= bytes.len());
        let (Some(sections_at), Some(blocks_at)) = (at(header.sections_at()), at(header.blocks_at())) else {
            return Err(damaged("its tables lie beyond its end").into());
        };
        let table = &bytes[sections_at..blocks_at];
        if crc32c::crc32c(table) != header.sections_crc {
            return Err(damaged("the section table's checksum does not match").into());
        }
        if crc32c::crc32c(&bytes[blocks_at..]) != header.blocks_crc {
            return Err(damaged("the checksum table's own checksum does not match").into());
        }
        let mut entries = Vec::new();
        for entry in table.as_chunks::<ENTRY>().0 {
            let entry = Entry::decode(entry);
            let end = entry.offset.checked_add(entry.len);
            let inside = entry.offset >= PAGE as u64 && end.is_some_and(|end| end <= sections_at as u64);
            if !inside || !entry.offset.is_multiple_of(ALIGN as u64) {
                return Err(damaged("the section table points outside of the body").into());
            }
            entries.push(entry);
        }
        let mut root = [0; 16];
        root.copy_from_slice(&blake3::hash(&bytes[..PAGE]).as_bytes()[..16]);
        let signature = header.signature();
        let checked = (0..header.blocks().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Ok((Self { path: path.to_owned(), header, root, signature, bytes, blocks_at, checked, damage: OnceLock::new() }, entries))
    }

    /// The file's name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The segment's number in its store.
    pub fn id(&self) -> SegmentId {
        SegmentId(self.header.id)
    }

    /// Size of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// First 16 bytes of BLAKE3 over the header page, which holds the checksums of the tables that hold all others.
    pub fn root(&self) -> [u8; 16] {
        self.root
    }

    /// See [`Segment::signature`](crate::Segment::signature).
    pub(crate) fn signature(&self) -> [u8; 16] {
        self.signature
    }

    /// What reading has found damaged so far; the first finding stays.
    pub fn damage(&self) -> Option<&Damage> {
        self.damage.get()
    }

    /// Remembers that `what` is wrong.
    #[cold]
    pub(crate) fn fault<T>(&self, what: impl FnOnce() -> String) -> Option<T> {
        self.damage.get_or_init(|| {
            let damage = Damage { file: self.path.clone(), what: what() };
            tracing::error!(file = %damage.file.display(), what = damage.what, "a segment is damaged");
            damage
        });
        None
    }

    /// The content of the file, unchecked: to say how it will be read.
    pub fn content(&self) -> &Bytes {
        &self.bytes
    }

    /// The section, unchecked, for those who check it themselves.
    pub(crate) fn span(&self, section: Section) -> Span {
        Span { bytes: self.bytes.clone(), section }
    }

    /// `len` bytes of the section from `from` on, after their blocks were checked.
    #[inline]
    pub(crate) fn slice(&self, section: Section, from: usize, len: usize) -> Option<&[u8]> {
        if from.checked_add(len).is_none_or(|end| end > section.len) {
            return self.fault(|| format!("something points to {len} bytes at {from} of a {section}"));
        }
        if len == 0 {
            return Some(&[]);
        }
        let at = section.offset + from;
        if !self.touch(at, len) {
            return None;
        }
        self.bytes.get(at..at + len)
    }

    /// The whole section.
    pub(crate) fn whole(&self, section: Section) -> Option<&[u8]> {
        self.slice(section, 0, section.len)
    }

    #[inline]
    fn array<const N: usize>(&self, section: Section, index: usize) -> Option<[u8; N]> {
        self.slice(section, index * N, N)?.first_chunk().copied()
    }

    #[inline]
    pub(crate) fn u32_at(&self, section: Section, index: usize) -> Option<u32> {
        self.array(section, index).map(u32::from_le_bytes)
    }

    #[inline]
    pub(crate) fn u40_at(&self, section: Section, index: usize) -> Option<u64> {
        let [a, b, c, d, e] = self.array(section, index)?;
        Some(u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]))
    }

    #[inline]
    pub(crate) fn u64_at(&self, section: Section, index: usize) -> Option<u64> {
        self.array(section, index).map(u64::from_le_bytes)
    }

    #[inline]
    pub(crate) fn id_at(&self, section: Section, index: usize) -> Option<ConceptId> {
        self.array(section, index).map(|bytes| ConceptId::from_u128(u128::from_be_bytes(bytes)))
    }

    /// Checks every block.
    pub(crate) fn check_all(&self) -> bool {
        self.header.body_bytes == 0 || self.touch(PAGE, self.header.body_bytes as usize)
    }

    /// How many blocks there are, of which each has a checksum.
    pub fn blocks(&self) -> usize {
        // Of a file that is mapped.
        self.header.blocks() as usize
    }

    /// Whether a block has its checksum now, whether it was looked at before or not: what is on a disk may change.
    pub fn recheck(&self, block: usize) -> bool {
        self.check(block)
    }

    /// Whether the blocks of `len` bytes (at least one) at `at` have their checksums.
    #[inline]
    fn touch(&self, at: usize, len: usize) -> bool {
        let first = (at - PAGE) / BLOCK;
        let last = (at - PAGE + len - 1) / BLOCK;
        (first..=last).all(|block| {
            let bit = 1 << (block % 64);
            // Relaxed is enough: the bit says something of bytes that never change.
            let checked = self.checked.get(block / 64).is_some_and(|word| word.load(Ordering::Relaxed) & bit != 0);
            checked || self.check(block)
        })
    }

    #[cold]
    fn check(&self, block: usize) -> bool {
        let start = PAGE + block * BLOCK;
        let end = (start + BLOCK).min(PAGE + self.header.body_bytes as usize);
        let content = self.bytes.get(start..end);
        let expected = self.bytes.get(self.blocks_at + 4 * block..).and_then(|rest| rest.first_chunk());
        let sound = content.zip(expected).is_some_and(|(content, crc)| crc32c::crc32c(content) == u32::from_le_bytes(*crc));
        match self.checked.get(block / 64) {
            Some(word) if sound => {
                word.fetch_or(1 << (block % 64), Ordering::Relaxed);
                true
            }
            _ => {
                self.fault::<()>(|| format!("the checksum of bytes {start} to {end} does not match"));
                false
            }
        }
    }
}

/// A section of a segment, in place.
#[derive(Clone, Debug)]
pub struct Span {
    bytes: Bytes,
    section: Section,
}

impl AsRef<[u8]> for Span {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(self.section.offset..self.section.offset + self.section.len).unwrap_or_default()
    }
}
