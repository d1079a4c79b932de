//! Reading a file from front to back in bounded memory.

use std::io;

use sutra_disk::DiskFile;

/// Bytes that are read at once by who reads all of a file.
pub(crate) const CHUNK_BYTES: usize = 256 << 10;

/// A part of a file in memory, which moves forward with the reader.
pub(crate) struct Window<'a> {
    file: &'a dyn DiskFile,
    /// Of the file when the window was opened.
    len: u64,
    /// Offset of `bytes` in the file.
    start: u64,
    bytes: Vec<u8>,
    /// Bytes that are read at once, at least.
    chunk: usize,
}

impl<'a> Window<'a> {
    pub(crate) fn over(file: &'a dyn DiskFile, chunk: usize) -> io::Result<Self> {
        Ok(Self { file, len: file.size()?, start: 0, bytes: Vec::new(), chunk })
    }

    /// Size of the file in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The bytes at `offset`: `want` of them, fewer only at the end of the file. Never holds more than the file is long.
    pub(crate) fn get(&mut self, offset: u64, want: usize) -> io::Result<&[u8]> {
        let want = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX).min(want);
        let held = self.start..=self.start + self.bytes.len() as u64;
        if !held.contains(&offset) || !held.contains(&(offset + want as u64)) {
            let rest = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
            self.bytes.resize(want.max(self.chunk).min(rest), 0);
            self.start = offset;
            let filled = self.file.read_at(offset, &mut self.bytes)?;
            self.bytes.truncate(filled);
        }
        let at = (offset - self.start) as usize;
        Ok(&self.bytes[at..(at + want).min(self.bytes.len())])
    }

    /// Whether nothing but zeroes is at `offset` and behind.
    pub(crate) fn is_zero_from(&mut self, mut offset: u64) -> io::Result<bool> {
        while offset < self.len {
            let bytes = self.get(offset, CHUNK_BYTES)?;
            if bytes.is_empty() {
                break;
            }
            if !is_zero(bytes) {
                return Ok(false);
            }
            offset += bytes.len() as u64;
        }
        Ok(true)
    }
}

/// The tail of a preallocated file is long, and comparing memory is what processors are best at.
fn is_zero(bytes: &[u8]) -> bool {
    const ZEROES: [u8; 4096] = [0; 4096];
    bytes.chunks(ZEROES.len()).all(|chunk| chunk == &ZEROES[..chunk.len()])
}
