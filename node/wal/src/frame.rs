//! The frame: the unit in which the log is written and checked.
//!
//! ```text
//!  0        4      5        8       16        24         32           40           44            44+len
//!  ├ len u32┼ kind ┼ zeroes ┼ group ┼ file id ┼ sequence ┼ durable_to ┼ header crc ┼ payload … ┼ payload crc u32 ┤
//! ```
//! All numbers are little-endian; both checksums are CRC-32C. The header has its own checksum so that a damaged length is never
//! believed. File id and sequence tell a frame of this place from a stale one that was left on the disk.

use crate::record::GroupId;

/// Bytes before the payload.
pub(crate) const HEADER_BYTES: usize = 44;
/// Bytes after the payload.
pub(crate) const TRAILER_BYTES: usize = 4;
/// Bytes of an entry's index and term, which stand before its payload.
pub(crate) const ENTRY_HEAD_BYTES: usize = 16;
/// Longest payload of an entry, in bytes: what a length prefix may ask a reader to hold.
pub const PAYLOAD_BYTES: usize = 256 << 20;

/// What a payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FrameKind {
    /// First in every file: the store and the state of every group.
    FileStart = 1,
    /// A log entry: index, term, payload.
    Entry = 2,
    /// Nothing but a newer `durable_to`.
    Mark = 3,
    /// The entries from an index on are gone.
    Truncate = 4,
    /// The entries up to an index are not needed any more.
    Purge = 5,
    /// A group's vote.
    Vote = 6,
    /// How far a group is committed.
    Committed = 7,
    /// A group has left.
    Forget = 8,
}

impl FrameKind {
    const ALL: [Self; 8] =
        [Self::FileStart, Self::Entry, Self::Mark, Self::Truncate, Self::Purge, Self::Vote, Self::Committed, Self::Forget];

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }

    /// What `dump` calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FileStart => "file-start",
            Self::Entry => "entry",
            Self::Mark => "mark",
            Self::Truncate => "truncate",
            Self::Purge => "purge",
            Self::Vote => "vote",
            Self::Committed => "committed",
            Self::Forget => "forget",
        }
    }
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Length of the payload; never 0.
    pub(crate) len: u32,
    pub(crate) kind: FrameKind,
    pub(crate) group: GroupId,
    pub(crate) file_id: u64,
    /// Counts frames over all files, from 1.
    pub(crate) sequence: u64,
    /// Bytes of this file that were known to be fsynced when the frame was written. Always at most the frame's own offset.
    pub(crate) durable_to: u64,
}

impl FrameHeader {
    /// Length of the whole frame.
    pub(crate) fn frame_len(&self) -> u64 {
        frame_len(self.len as usize)
    }

    fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..4].copy_from_slice(&self.len.to_le_bytes());
        bytes[4] = self.kind as u8;
        bytes[8..16].copy_from_slice(&self.group.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.file_id.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.durable_to.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..40]);
        bytes[40..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a header whose own checksum is right and whose fields make sense.
    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        let len = u32_at(0);
        // The cheap tests come first: this runs at every offset when a damaged file is searched.
        let plausible = len != 0 && len as usize <= ENTRY_HEAD_BYTES + PAYLOAD_BYTES && bytes[5..8] == [0; 3];
        let kind = FrameKind::from_byte(bytes[4])?;
        if !plausible || crc32c::crc32c(&bytes[..40]) != u32_at(40) {
            return None;
        }
        Some(Self { len, kind, group: GroupId(u64_at(8)), file_id: u64_at(16), sequence: u64_at(24), durable_to: u64_at(32) })
    }
}

/// Length of the frame of a payload.
pub(crate) fn frame_len(payload: usize) -> u64 {
    (HEADER_BYTES + payload + TRAILER_BYTES) as u64
}

/// Appends a whole frame to `buffer`. Its payload is `head` and then `body`, which together are neither empty nor too long; the
/// header's `len` is taken from them.
pub(crate) fn encode(header: FrameHeader, head: &[u8], body: &[u8], buffer: &mut Vec<u8>) {
    let len = head.len() + body.len();
    debug_assert!(len > 0 && len <= ENTRY_HEAD_BYTES + PAYLOAD_BYTES);
    let header = FrameHeader { len: len as u32, ..header };
    buffer.extend_from_slice(&header.encode());
    buffer.extend_from_slice(head);
    buffer.extend_from_slice(body);
    let crc = crc32c::crc32c_append(crc32c::crc32c(head), body);
    buffer.extend_from_slice(&crc.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> FrameHeader {
        FrameHeader { len: 5, kind: FrameKind::Entry, group: GroupId(7), file_id: 3, sequence: 1 << 40, durable_to: 4096 }
    }

    #[test]
    fn a_header_reads_back_and_any_flipped_bit_is_seen() {
        let bytes = header().encode();
        assert_eq!(FrameHeader::decode(&bytes), Some(header()));
        for bit in 0..HEADER_BYTES * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(FrameHeader::decode(&damaged), None, "bit {bit}");
        }
    }

    #[test]
    fn zeroes_are_no_frame() {
        assert_eq!(FrameHeader::decode(&[0; HEADER_BYTES]), None);
    }

    #[test]
    fn every_kind_reads_back() {
        for kind in FrameKind::ALL {
            let header = FrameHeader { kind, ..header() };
            assert_eq!(FrameHeader::decode(&header.encode()), Some(header));
        }
    }
}
