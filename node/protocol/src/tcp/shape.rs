//! The shape of a MessagePack value, checked over its bytes before anything is allocated for it.
//!
//! A byte of MessagePack can announce a record of hundreds of bytes in memory, so that the frame's length alone bounds little.

use rmp::Marker;

use crate::error::ApiError;
use crate::limits;

/// Deepest nesting: that of a filter, inside a request, inside the envelope.
pub const DEPTH: usize = 2 * limits::FILTER_DEPTH + 8;
/// Most values in one frame: a batch of vectors in the smallest numbers fits.
pub const VALUES: usize = 4 << 20;
/// Most maps in one frame: each becomes a record.
pub const MAPS: usize = 128 << 10;
/// Most entries of a list that are not numbers: beyond every list's own bound, whose violation names the field.
pub const LIST_ENTRIES: usize = 10 * limits::ASSOCIATIONS;

/// Checks that `payload` is exactly one well-formed MessagePack value within the bounds of this module.
///
/// # Errors
/// `invalid_argument`, naming the byte where it goes wrong.
pub fn check(payload: &[u8]) -> Result<(), ApiError> {
    let mut walk = Walk { payload, at: 0, values: 0, maps: 0 };
    walk.value(0)?;
    match payload.len() - walk.at {
        0 => Ok(()),
        rest => Err(malformed(walk.at, format!("{rest} bytes follow the value"))),
    }
}

fn malformed(at: usize, what: impl std::fmt::Display) -> ApiError {
    ApiError::new(crate::ErrorCode::InvalidArgument, format!("the frame is not a MessagePack value: at byte {at}, {what}"))
}

struct Walk<'a> {
    payload: &'a [u8],
    /// Always at most the payload's length.
    at: usize,
    values: usize,
    maps: usize,
}

impl Walk<'_> {
    /// Walks one value and tells whether it is a number.
    fn value(&mut self, depth: usize) -> Result<bool, ApiError> {
        let start = self.at;
        if depth > DEPTH {
            return Err(malformed(start, format_args!("the nesting exceeds {DEPTH} levels")));
        }
        self.values += 1;
        if self.values > VALUES {
            return Err(malformed(start, format_args!("there are more than {VALUES} values")));
        }
        let marker = Marker::from_u8(self.length(1)? as u8);
        let skipped = match marker {
            Marker::Null | Marker::True | Marker::False => 0,
            Marker::FixPos(_) | Marker::FixNeg(_) => return Ok(true),
            Marker::U8 | Marker::I8 => return self.skip(1).map(|()| true),
            Marker::U16 | Marker::I16 => return self.skip(2).map(|()| true),
            Marker::U32 | Marker::I32 | Marker::F32 => return self.skip(4).map(|()| true),
            Marker::U64 | Marker::I64 | Marker::F64 => return self.skip(8).map(|()| true),
            Marker::FixStr(length) => length.into(),
            Marker::Str8 | Marker::Bin8 => self.length(1)?,
            Marker::Str16 | Marker::Bin16 => self.length(2)?,
            Marker::Str32 | Marker::Bin32 => self.length(4)?,
            Marker::FixExt1 => 2,
            Marker::FixExt2 => 3,
            Marker::FixExt4 => 5,
            Marker::FixExt8 => 9,
            Marker::FixExt16 => 17,
            Marker::Ext8 => self.length(1)? + 1,
            Marker::Ext16 => self.length(2)? + 1,
            Marker::Ext32 => self.length(4)? + 1,
            Marker::FixArray(length) => return self.list(length.into(), depth),
            Marker::Array16 => return self.length(2).and_then(|length| self.list(length, depth)),
            Marker::Array32 => return self.length(4).and_then(|length| self.list(length, depth)),
            Marker::FixMap(length) => return self.map(length.into(), depth),
            Marker::Map16 => return self.length(2).and_then(|length| self.map(length, depth)),
            Marker::Map32 => return self.length(4).and_then(|length| self.map(length, depth)),
            Marker::Reserved => return Err(malformed(start, "0xc1 begins no value")),
        };
        self.skip(skipped).map(|()| false)
    }

    fn list(&mut self, length: usize, depth: usize) -> Result<bool, ApiError> {
        let mut others = 0;
        for _ in 0..length {
            let at = self.at;
            others += usize::from(!self.value(depth + 1)?);
            if others > LIST_ENTRIES {
                return Err(malformed(at, format_args!("a list has more than {LIST_ENTRIES} entries")));
            }
        }
        Ok(false)
    }

    fn map(&mut self, length: usize, depth: usize) -> Result<bool, ApiError> {
        self.maps += 1;
        if self.maps > MAPS {
            return Err(malformed(self.at, format_args!("there are more than {MAPS} maps")));
        }
        for _ in 0..length {
            self.value(depth + 1)?;
            self.value(depth + 1)?;
        }
        Ok(false)
    }

    fn length(&mut self, bytes: usize) -> Result<usize, ApiError> {
        let at = self.at;
        self.skip(bytes)?;
        Ok(self.payload[at..self.at].iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
    }

    fn skip(&mut self, bytes: usize) -> Result<(), ApiError> {
        let left = self.payload.len() - self.at;
        if bytes > left {
            return Err(malformed(self.at, format_args!("{bytes} bytes are needed and {left} are left")));
        }
        self.at += bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(payload: &[u8]) -> String {
        check(payload).unwrap_err().message
    }

    #[test]
    fn what_is_cut_off_names_the_byte() {
        assert_eq!(message(&[]), "the frame is not a MessagePack value: at byte 0, 1 bytes are needed and 0 are left");
        assert!(message(&[0xdb, 0xff, 0xff, 0xff, 0xff]).ends_with("at byte 5, 4294967295 bytes are needed and 0 are left"));
        assert!(message(&[0xc0, 0xc0]).ends_with("at byte 1, 1 bytes follow the value"));
        assert!(message(&[0x91, 0xc1]).ends_with("at byte 1, 0xc1 begins no value"));
    }

    #[test]
    fn depth_values_maps_and_lists_are_bounded() {
        assert!(message(&[0x91; 1000]).contains("nesting"));
        let mut maps = vec![0xdd, 0, 0, 0xff, 0xff];
        maps.resize(5 + 0xffff, 0x80);
        assert!(message(&maps).contains("more than 10000 entries"));
        let mut numbers = vec![0xdd, 0, 0x3f, 0xff, 0xff];
        numbers.resize(5 + 0x3f_ffff, 0x01);
        assert_eq!(check(&numbers), Ok(()));
        let mut many = vec![0xdd, 0, 0x40, 0, 0];
        many.resize(5 + 0x40_0000, 0x01);
        assert!(message(&many).contains("more than 4194304 values"));
    }

    proptest! {
        /// Whatever passes is read by rmpv to its last byte, and whatever rmpv writes passes.
        #[test]
        fn agrees_with_rmpv(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut rest = bytes.as_slice();
            let read = rmpv::decode::read_value_ref(&mut rest);
            if check(&bytes).is_ok() {
                prop_assert!(read.is_ok() && rest.is_empty());
            }
            if let Ok(value) = read {
                let mut written = Vec::new();
                rmpv::encode::write_value_ref(&mut written, &value).unwrap();
                prop_assert_eq!(check(&written), Ok(()));
            }
        }
    }
}
