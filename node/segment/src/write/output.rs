//! The file that is being written: sections one after the other, checksums of blocks, tables, and the header at last.

use std::path::{Path, PathBuf};

use sutra_disk::{Disk, DiskFile, Open};
use sutra_protocol::Namespace;

use crate::error::SegmentError;
use crate::header::{ALIGN, BLOCK, Header, PAGE};
use crate::section::{Entry, Kind};
use crate::segment::SegmentId;
use crate::source::{Pace, Written};

/// What goes to the disk at once; a multiple of [`BLOCK`].
const CHUNK: usize = 16 * BLOCK;

/// A file that grows.
pub(super) struct Output<'a> {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    pace: &'a Pace,
    /// Written to the file, from the end of the header page on; a multiple of [`BLOCK`].
    written: u64,
    /// What follows it.
    pending: Vec<u8>,
    unsynced: u64,
    blocks: Vec<u8>,
    sections: Vec<Entry>,
    part: u32,
}

impl<'a> Output<'a> {
    pub(super) fn create(disk: &dyn Disk, path: &Path, temporary: &Path, pace: &'a Pace) -> Result<Self, SegmentError> {
        let file = disk.open(temporary, Open::Create).map_err(SegmentError::disk("create", path))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            pace,
            written: 0,
            pending: Vec::with_capacity(CHUNK),
            unsynced: 0,
            blocks: Vec::new(),
            sections: Vec::new(),
            part: 0,
        })
    }

    /// The sections that follow belong to this part.
    pub(super) fn part(&mut self, number: u32) {
        self.part = number;
    }

    /// What the part can't hold.
    pub(super) fn unfit(&self, namespace: &Namespace, what: String) -> SegmentError {
        SegmentError::Unfit { path: self.path.clone(), namespace: namespace.to_string(), what }
    }

    /// What the part can't find by words.
    pub(super) fn unindexable(&self, namespace: &Namespace, source: sutra_keyword::BuildError) -> SegmentError {
        SegmentError::Keywords { path: self.path.clone(), namespace: namespace.to_string(), source }
    }

    /// An error if somebody wants the writing to end.
    pub(super) fn check_cancelled(&self) -> Result<(), SegmentError> {
        if self.pace.is_cancelled() { Err(SegmentError::Cancelled { path: self.path.clone() }) } else { Ok(()) }
    }

    /// Begins a section, which goes on until the next begins.
    pub(super) fn begin(&mut self, kind: Kind) -> Result<(), SegmentError> {
        self.end_section()?;
        let offset = PAGE as u64 + self.len();
        self.sections.push(Entry { kind: kind as u32, part: self.part, offset, len: 0 });
        Ok(())
    }

    /// Writes a whole section, if there is anything in it.
    pub(super) fn section(&mut self, kind: Kind, content: &[u8]) -> Result<(), SegmentError> {
        if content.is_empty() {
            return Ok(());
        }
        self.begin(kind)?;
        self.put(content)
    }

    /// Goes on with the section.
    pub(super) fn put(&mut self, mut bytes: &[u8]) -> Result<(), SegmentError> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.pending.len()));
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.pending.len() == CHUNK {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Length of the body so far.
    fn len(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    fn end_section(&mut self) -> Result<(), SegmentError> {
        let end = PAGE as u64 + self.len();
        if let Some(last) = self.sections.last_mut()
            && last.len == 0
        {
            last.len = end - last.offset;
        }
        let padding = self.len().next_multiple_of(ALIGN as u64) - self.len();
        self.put(&[0; ALIGN][..padding as usize])
    }

    fn flush(&mut self) -> Result<(), SegmentError> {
        self.check_cancelled()?;
        for block in self.pending.chunks(BLOCK) {
            self.blocks.extend(crc32c::crc32c(block).to_le_bytes());
        }
        let pending = std::mem::take(&mut self.pending);
        self.write_at(PAGE as u64 + self.written, &pending)?;
        self.written += pending.len() as u64;
        self.unsynced += pending.len() as u64;
        self.pending = pending;
        self.pending.clear();
        if self.unsynced >= self.pace.sync_bytes {
            self.unsynced = 0;
            self.sync()?;
        }
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), SegmentError> {
        self.file.write_at(offset, bytes).map_err(SegmentError::disk("write", &self.path))
    }

    fn sync(&mut self) -> Result<(), SegmentError> {
        self.file.sync().map_err(SegmentError::disk("sync", &self.path))
    }

    /// Ends the last section, writes tables and header, and syncs.
    pub(super) fn finish(mut self, id: SegmentId, store_id: &str) -> Result<Written, SegmentError> {
        self.end_section()?;
        self.flush()?;
        let mut table = Vec::new();
        self.sections.iter().for_each(|section| section.encode(&mut table));
        let header = Header {
            id: id.0,
            store: store_id.to_owned(),
            body_bytes: self.written,
            sections: self.sections.len() as u32,
            sections_crc: crc32c::crc32c(&table),
            blocks_crc: crc32c::crc32c(&self.blocks),
        };
        table.append(&mut self.blocks);
        let tables_at = PAGE as u64 + self.written;
        self.write_at(tables_at, &table)?;
        let page = header.encode();
        self.write_at(0, &page)?;
        self.sync()?;
        let mut root = [0; 16];
        root.copy_from_slice(&blake3::hash(&page).as_bytes()[..16]);
        Ok(Written { bytes: tables_at + table.len() as u64, root })
    }
}
