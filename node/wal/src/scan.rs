//! The frames of one file, in order, until one is not as it should be.

use std::path::Path;

use sutra_disk::DiskFile;

use crate::error::WalError;
use crate::frame::{ENTRY_HEAD_BYTES, FrameHeader, FrameKind, HEADER_BYTES, TRAILER_BYTES};
use crate::record::Record;
use crate::window::{CHUNK_BYTES, Window};

/// Bytes that are searched at once for a later frame.
const SEARCH_BYTES: usize = 1 << 16;
/// Offsets within a file fit 32 bits; no log makes longer files.
const LONGEST_FILE: u64 = u32::MAX as u64;

/// Which payloads are checked on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payloads {
    /// All.
    All,
    /// All but entries': whoever needs an entry checks it.
    Control,
}

/// A position in a file.
pub(crate) struct Scan<'a> {
    path: &'a Path,
    id: u64,
    window: Window<'a>,
    payloads: Payloads,
    /// Where the next frame begins.
    pub(crate) offset: u64,
    /// Of the last frame; `None`: the next may have any.
    pub(crate) sequence: Option<u64>,
}

/// What stands at a position.
#[derive(Debug)]
pub(crate) enum Step {
    /// A frame that is as it should be.
    Frame(Frame),
    /// The end: nothing, or zeroes only.
    End,
    /// Something else.
    Bad(Bad),
}

/// A frame and where it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) offset: u64,
    pub(crate) header: FrameHeader,
}

/// Why something is no frame of this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Bad {
    #[error("the frame's header is cut short")]
    HeaderCut,
    #[error("the frame's header does not match its checksum")]
    Header,
    #[error("the frame is cut short")]
    Cut,
    #[error("the frame belongs to another file")]
    OtherFile,
    #[error("the frame is out of sequence")]
    OutOfSequence,
    #[error("the file's first frame is not its start")]
    NotStart,
    #[error("the frame's payload does not match its checksum")]
    Payload,
    #[error("the file is longer than any log makes it")]
    TooLong,
}

impl<'a> Scan<'a> {
    /// Begins at the front of file `id`; `previous` is the sequence of the last frame before it, if that is known.
    pub(crate) fn of(
        path: &'a Path,
        id: u64,
        file: &'a dyn DiskFile,
        previous: Option<u64>,
        payloads: Payloads,
    ) -> Result<Self, WalError> {
        let window = Window::over(file, CHUNK_BYTES).map_err(WalError::io("read the size of", path))?;
        Ok(Self { path, id, window, payloads, offset: 0, sequence: previous })
    }

    /// Size of the file in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.window.len()
    }

    /// Goes beyond the next frame, if there is one.
    pub(crate) fn step(&mut self) -> Result<Step, WalError> {
        let (path, offset, len) = (self.path, self.offset, self.window.len());
        let read = || WalError::io("read", path);
        let bytes = self.window.get(offset, HEADER_BYTES).map_err(read())?;
        let Ok(bytes) = <&[u8; HEADER_BYTES]>::try_from(bytes) else {
            let blank = bytes.iter().all(|byte| *byte == 0);
            return Ok(if blank { Step::End } else { Step::Bad(Bad::HeaderCut) });
        };
        let Some(header) = FrameHeader::decode(bytes) else {
            let blank = *bytes == [0; HEADER_BYTES] && self.window.is_zero_from(offset).map_err(read())?;
            return Ok(if blank { Step::End } else { Step::Bad(Bad::Header) });
        };
        // The first frame of all may have any sequence: the files before it were dropped.
        let follows = self.sequence.is_none_or(|previous| previous.checked_add(1) == Some(header.sequence));
        let bad = if header.frame_len() > len - offset {
            Some(Bad::Cut)
        } else if header.file_id != self.id {
            Some(Bad::OtherFile)
        } else if !follows {
            Some(Bad::OutOfSequence)
        } else if (offset == 0) != (header.kind == FrameKind::FileStart) {
            Some(Bad::NotStart)
        } else if offset + header.frame_len() > LONGEST_FILE {
            Some(Bad::TooLong)
        } else {
            None
        };
        if let Some(bad) = bad {
            return Ok(Step::Bad(bad));
        }
        let frame = Frame { offset, header };
        let checked = self.payloads == Payloads::All || header.kind != FrameKind::Entry;
        if checked && self.payload(&frame)?.is_none() {
            return Ok(Step::Bad(Bad::Payload));
        }
        self.offset += header.frame_len();
        self.sequence = Some(header.sequence);
        Ok(Step::Frame(frame))
    }

    /// The frame's payload; `None` if it does not match its checksum.
    pub(crate) fn payload(&mut self, frame: &Frame) -> Result<Option<&[u8]>, WalError> {
        let len = frame.header.len as usize;
        let at = frame.offset + HEADER_BYTES as u64;
        let bytes = self.window.get(at, len + TRAILER_BYTES).map_err(WalError::io("read", self.path))?;
        Ok(bytes.split_at_checked(len).and_then(|(payload, crc)| {
            let crc = u32::from_le_bytes(crc.try_into().ok()?);
            (crc32c::crc32c(payload) == crc).then_some(payload)
        }))
    }

    /// The frame's record, with an entry's payload left out; `None` if it is no record's frame or does not read as one.
    pub(crate) fn record(&mut self, frame: &Frame) -> Result<Option<Record<'_>>, WalError> {
        let len = match frame.header.kind {
            FrameKind::Entry => (frame.header.len as usize).min(ENTRY_HEAD_BYTES),
            _ => frame.header.len as usize,
        };
        let at = frame.offset + HEADER_BYTES as u64;
        let bytes = self.window.get(at, len).map_err(WalError::io("read", self.path))?;
        Ok(Record::decode(frame.header.kind, frame.header.group, bytes))
    }

    /// Whether a frame behind `offset` says that the bytes at `offset` had been fsynced. Only such a frame can say so, and what
    /// is bad may have any length, so it is looked for at every offset.
    pub(crate) fn durable_beyond(&mut self, offset: u64) -> Result<bool, WalError> {
        let mut at = offset;
        while at < self.window.len() {
            let bytes = self.window.get(at, SEARCH_BYTES + HEADER_BYTES - 1).map_err(WalError::io("read", self.path))?;
            let says_so = bytes
                .windows(HEADER_BYTES)
                .filter_map(|window| FrameHeader::decode(window.try_into().ok()?))
                .any(|header| header.file_id == self.id && header.durable_to > offset);
            if says_so {
                return Ok(true);
            }
            at += SEARCH_BYTES as u64;
        }
        Ok(false)
    }
}
