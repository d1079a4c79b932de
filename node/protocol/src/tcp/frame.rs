//! Frames: a `u32` length, big-endian, then as many bytes of MessagePack.

use crate::error::{ApiError, ErrorCode};
use crate::limits;

/// Bytes of the length prefix.
pub const HEADER_BYTES: usize = 4;

/// The length that a frame's header announces.
///
/// # Errors
/// `too_large`, naming size and bound. The next frame begins behind the bytes that were announced.
pub fn announced(header: [u8; HEADER_BYTES]) -> Result<usize, ApiError> {
    let length = u32::from_be_bytes(header) as usize;
    if length <= limits::FRAME_BYTES {
        return Ok(length);
    }
    let message = format!("the frame has {length} bytes; at most {} are allowed", limits::FRAME_BYTES);
    Err(ApiError::new(ErrorCode::TooLarge, message))
}

/// The header of a payload of `length` bytes, which is at most [`limits::FRAME_BYTES`].
pub fn header(length: usize) -> [u8; HEADER_BYTES] {
    debug_assert!(length <= limits::FRAME_BYTES, "the payload was bounded when it was encoded");
    (length as u32).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_above_the_bound_names_both() {
        assert_eq!(announced(header(limits::FRAME_BYTES)), Ok(limits::FRAME_BYTES));
        let error = announced([0xff; 4]).unwrap_err();
        assert_eq!(error.code, ErrorCode::TooLarge);
        assert_eq!(error.message, "the frame has 4294967295 bytes; at most 16777216 are allowed");
    }
}
