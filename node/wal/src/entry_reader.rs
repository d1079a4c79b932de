//! Single entries by their place.

use std::path::Path;

use sutra_protocol::command::LogIndex;

use crate::error::WalError;
use crate::frame::{FrameHeader, FrameKind, HEADER_BYTES, TRAILER_BYTES};
use crate::group::Place;
use crate::index::LogFile;
use crate::record::{GroupId, Record};
use crate::window::{CHUNK_BYTES, Window};

/// An entry and where it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located {
    pub(crate) index: LogIndex,
    pub(crate) term: u64,
    pub(crate) place: Place,
}

/// Reads entries of one group from one file, neighbours with one read.
pub(crate) struct EntryReader<'a> {
    path: &'a Path,
    file: u64,
    group: GroupId,
    window: Window<'a>,
}

impl<'a> EntryReader<'a> {
    /// To read these entries of `file`.
    pub(crate) fn of(path: &'a Path, file: &'a LogFile, group: GroupId, located: &[Located]) -> Result<Self, WalError> {
        let span = match (located.first(), located.last()) {
            (Some(first), Some(last)) => last.place.offset.saturating_sub(first.place.offset) as usize,
            _ => 0,
        };
        let chunk = span.clamp(HEADER_BYTES, CHUNK_BYTES);
        let window = Window::over(file.reader.as_ref(), chunk).map_err(WalError::io("read the size of", path))?;
        Ok(Self { path, file: file.id, group, window })
    }

    /// The entry's payload.
    pub(crate) fn read(&mut self, at: &Located) -> Result<&[u8], WalError> {
        let path = self.path;
        let damaged = |reason: &str| WalError::Damaged { file: path.into(), offset: at.place.offset, reason: reason.into() };
        let len = at.place.len as usize;
        let frame = self.window.get(at.place.offset, HEADER_BYTES + len + TRAILER_BYTES).map_err(WalError::io("read", path))?;
        let parts = frame.split_first_chunk::<HEADER_BYTES>().and_then(|(header, rest)| {
            let (payload, crc) = rest.split_at_checked(len)?;
            Some((header, payload, u32::from_le_bytes(crc.try_into().ok()?)))
        });
        let Some((header, payload, crc)) = parts else { return Err(damaged("the frame is cut short")) };
        let header = FrameHeader::decode(header)
            .filter(|header| (header.file_id, header.group, header.len) == (self.file, self.group, at.place.len));
        if header.is_none() {
            return Err(damaged("the frame's header is not that of the entry"));
        }
        if crc32c::crc32c(payload) != crc {
            return Err(damaged("the frame's payload does not match its checksum"));
        }
        match Record::decode(FrameKind::Entry, self.group, payload) {
            Some(Record::Entry { index, term, payload, .. }) if (index, term) == (at.index, at.term) => Ok(payload),
            _ => Err(damaged("the frame is another entry's")),
        }
    }
}
