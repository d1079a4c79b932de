//! Reading a log back.
//!
//! A bad frame in the last file is either damage or the torn tail of a write that no fsync confirmed. The frames behind it tell:
//! if one says `durable_to` beyond the bad place, that place had been fsynced, so it is damage and an error. Otherwise nothing
//! from there on is known to have been acknowledged, and it is cut. What lies below the [`Floor`] is never a torn tail.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, Read};
use std::path::Path;

use super::error::WalError;
use super::file;
use super::frame::{FrameHeader, FrameKind, HEADER_BYTES, TRAILER_BYTES};
use super::{FileStart, Floor, LOG_FORMAT, Tail};

/// Reads every entry of the log in `dir` in order, hands it to `entry` (file, offset, payload), cuts the torn tail, and says where
/// writing goes on. `None`: there is no log yet.
pub(crate) fn replay(
    dir: &Path,
    store: &str,
    floor: Floor,
    mut entry: impl FnMut(&FrameHeader, &[u8]) -> Result<(), String>,
) -> Result<Option<Tail>, WalError> {
    let ids = file::list(dir).map_err(WalError::io("list", dir))?;
    let last = ids.last().copied().unwrap_or_default();
    if last < floor.file_id {
        return Err(WalError::Missing { file: file::path(dir, last + 1) });
    }
    let mut sequence = 0;
    let mut tail = None;
    for (at, &id) in ids.iter().enumerate() {
        let expected = ids[0] + at as u64;
        if id != expected {
            return Err(WalError::Missing { file: file::path(dir, expected) });
        }
        let durable_to = if id == floor.file_id { floor.offset } else { 0 };
        let scan = Scan { path: &file::path(dir, id), id, is_last: id == last, durable_to, store };
        let end = scan.run(&mut sequence, &mut entry)?;
        tail = Some(Tail { file_id: id, offset: end, sequence });
    }
    Ok(tail)
}

struct Scan<'a> {
    path: &'a Path,
    id: u64,
    is_last: bool,
    /// By the floor.
    durable_to: u64,
    store: &'a str,
}

/// Why reading stopped before the end of the file.
struct Bad {
    offset: u64,
    reason: &'static str,
}

impl Scan<'_> {
    /// Reads the file's frames; answers the offset at which writing may go on.
    fn run(
        &self,
        sequence: &mut u64,
        entry: &mut impl FnMut(&FrameHeader, &[u8]) -> Result<(), String>,
    ) -> Result<u64, WalError> {
        let file = File::open(self.path).map_err(WalError::io("open", self.path))?;
        let len = file.metadata().map_err(WalError::io("read the size of", self.path))?.len();
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut offset = 0;
        let mut payload = Vec::new();
        while offset < len {
            match self.frame(&mut reader, offset, len, *sequence, &mut payload)? {
                Ok(header) => {
                    match header.kind {
                        FrameKind::FileStart => self.check_start(&payload)?,
                        FrameKind::Entry => entry(&header, &payload).map_err(|reason| self.damaged(offset, reason))?,
                        FrameKind::Mark => {}
                    }
                    *sequence = header.sequence;
                    offset += header.frame_len();
                }
                Err(bad) => return self.cut_or_refuse(&bad, len),
            }
        }
        if offset < self.durable_to {
            return Err(
                self.damaged(offset, format!("it ends here, and reached to {} when it was last durable", self.durable_to))
            );
        }
        Ok(offset)
    }

    /// Reads the frame at `offset` into `payload`; the outer error is the disk's, the inner one the frame's.
    fn frame(
        &self,
        reader: &mut impl Read,
        offset: u64,
        len: u64,
        previous: u64,
        payload: &mut Vec<u8>,
    ) -> Result<Result<FrameHeader, Bad>, WalError> {
        let bad = |reason| Ok(Err(Bad { offset, reason }));
        if len - offset < HEADER_BYTES as u64 {
            return bad("the frame's header is cut short");
        }
        let mut bytes = [0; HEADER_BYTES];
        reader.read_exact(&mut bytes).map_err(WalError::io("read", self.path))?;
        let Some(header) = FrameHeader::decode(&bytes) else { return bad("the frame's header does not match its checksum") };
        if header.frame_len() > len - offset {
            return bad("the frame is cut short");
        }
        if header.file_id != self.id {
            return bad("the frame belongs to another file");
        }
        // The oldest file may begin anywhere: those before it were dropped.
        let first = previous == 0 && offset == 0;
        if !first && header.sequence != previous + 1 {
            return bad("the frame is out of sequence");
        }
        if (offset == 0) != (header.kind == FrameKind::FileStart) {
            return bad("the file's first frame is not its start");
        }
        payload.resize(header.len as usize, 0);
        let mut crc = [0; TRAILER_BYTES];
        reader.read_exact(payload).map_err(WalError::io("read", self.path))?;
        reader.read_exact(&mut crc).map_err(WalError::io("read", self.path))?;
        if crc32c::crc32c(payload) != u32::from_le_bytes(crc) {
            return bad("the frame's payload does not match its checksum");
        }
        Ok(Ok(header))
    }

    fn check_start(&self, payload: &[u8]) -> Result<(), WalError> {
        let start: FileStart = rmp_serde::from_slice(payload).map_err(|error| self.damaged(0, error.to_string()))?;
        if start.format > LOG_FORMAT {
            return Err(WalError::Newer { file: self.path.into(), found: start.format, supported: LOG_FORMAT });
        }
        if start.store != self.store {
            return Err(WalError::Foreign { file: self.path.into(), found: start.store, expected: self.store.into() });
        }
        Ok(())
    }

    fn cut_or_refuse(&self, bad: &Bad, len: u64) -> Result<u64, WalError> {
        if !self.is_last || bad.offset < self.durable_to || self.durable_beyond(bad.offset)? {
            return Err(self.damaged(bad.offset, bad.reason.into()));
        }
        let cut = OpenOptions::new().write(true).open(self.path).map_err(WalError::io("open", self.path))?;
        cut.set_len(bad.offset).map_err(WalError::io("cut", self.path))?;
        cut.sync_all().map_err(WalError::io("sync", self.path))?;
        tracing::warn!(
            file = %self.path.display(), offset = bad.offset, bytes = len - bad.offset, reason = bad.reason,
            "cut the torn tail of the log: nothing says that it was ever durable"
        );
        Ok(bad.offset)
    }

    /// Whether a frame behind `offset` says that the bytes at `offset` had been fsynced. Only such a frame can say so, so it is
    /// looked for at every offset.
    fn durable_beyond(&self, offset: u64) -> Result<bool, WalError> {
        let bytes = fs::read(self.path).map_err(WalError::io("read", self.path))?;
        let rest = bytes.get(offset as usize..).unwrap_or_default();
        Ok(rest
            .windows(HEADER_BYTES)
            .filter_map(|window| FrameHeader::decode(window.try_into().ok()?))
            .any(|header| header.file_id == self.id && header.durable_to > offset))
    }

    fn damaged(&self, offset: u64, reason: String) -> WalError {
        WalError::Damaged { file: self.path.into(), offset, reason }
    }
}
