//! The unit of what is sent after the handshake.

use std::io;

use bytes::{Buf as _, Bytes};

/// Most bytes of a frame after its length: 16 MiB of content, and room for what describes it.
pub const FRAME_BYTES: usize = (16 << 20) + (64 << 10);

/// Most bytes of a request or a reply.
pub const PAYLOAD_BYTES: usize = FRAME_BYTES - HEADER_BYTES;

/// Bytes of a frame's length.
pub(crate) const LENGTH_BYTES: usize = 4;

/// Bytes of a header: kind, id, service, group.
pub(crate) const HEADER_BYTES: usize = 1 + 8 + 2 + 8;

/// A frame's length and header, as they are sent.
pub(crate) type Head = [u8; LENGTH_BYTES + HEADER_BYTES];

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Request = 1,
    Reply = 2,
    Refusal = 3,
}

/// What a frame says before its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// Chosen by the caller; its answer bears the same.
    pub(crate) id: u64,
    pub(crate) service: u16,
    pub(crate) group: u64,
}

/// A frame that was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) header: Header,
    pub(crate) payload: Bytes,
}

/// Why no more frames can be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("a frame of {bytes} bytes was announced; it must have {HEADER_BYTES} to {FRAME_BYTES}")]
    Length { bytes: usize },
    #[error("a frame has the unknown kind {0}")]
    Kind(u8),
    #[error("a frame came that only the other side may send")]
    Direction,
    #[error("the connection ended inside a frame")]
    Cut,
    #[error("nothing more of a frame came in time")]
    Stalled,
    #[error("{0}")]
    Io(io::Error),
}

impl Header {
    /// The payload must have at most [`PAYLOAD_BYTES`].
    pub(crate) fn head(&self, payload: usize) -> Head {
        let mut head = [0; LENGTH_BYTES + HEADER_BYTES];
        head[..4].copy_from_slice(&((HEADER_BYTES + payload) as u32).to_be_bytes());
        head[4] = self.kind as u8;
        head[5..13].copy_from_slice(&self.id.to_be_bytes());
        head[13..15].copy_from_slice(&self.service.to_be_bytes());
        head[15..].copy_from_slice(&self.group.to_be_bytes());
        head
    }

    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, FrameError> {
        let mut rest = &bytes[..];
        let kind = match rest.get_u8() {
            1 => Kind::Request,
            2 => Kind::Reply,
            3 => Kind::Refusal,
            other => return Err(FrameError::Kind(other)),
        };
        Ok(Self { kind, id: rest.get_u64(), service: rest.get_u16(), group: rest.get_u64() })
    }
}

/// The length of the frame that begins here, once its bytes are there. Its bounds are checked before anything is set aside for it.
pub(crate) fn length(bytes: &[u8]) -> Result<Option<usize>, FrameError> {
    let Some(length) = bytes.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let bytes = u32::from_be_bytes(*length) as usize;
    if (HEADER_BYTES..=FRAME_BYTES).contains(&bytes) { Ok(Some(bytes)) } else { Err(FrameError::Length { bytes }) }
}

#[cfg(test)]
mod tests {
    use super::{FRAME_BYTES, FrameError, HEADER_BYTES, Header, Kind, length};

    #[test]
    fn a_header_is_read_back() {
        for kind in [Kind::Request, Kind::Reply, Kind::Refusal] {
            let header = Header { kind, id: u64::MAX - 1, service: 7, group: 1 << 40 };
            let head = header.head(5);
            assert_eq!(length(&head).unwrap(), Some(HEADER_BYTES + 5));
            assert_eq!(Header::decode(head[4..].first_chunk().unwrap()).unwrap(), header);
        }
    }

    #[test]
    fn lengths_out_of_bounds_are_refused() {
        assert!(length(&[0, 0, 0]).unwrap().is_none());
        for bytes in [0, HEADER_BYTES - 1, FRAME_BYTES + 1, u32::MAX as usize] {
            assert!(matches!(length(&(bytes as u32).to_be_bytes()), Err(FrameError::Length { bytes: found }) if found == bytes));
        }
        assert_eq!(length(&(FRAME_BYTES as u32).to_be_bytes()).unwrap(), Some(FRAME_BYTES));
    }

    #[test]
    fn an_unknown_kind_is_refused() {
        assert!(matches!(Header::decode(&[9; HEADER_BYTES]), Err(FrameError::Kind(9))));
    }
}
