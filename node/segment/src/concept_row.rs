//! A row of a concept, as bytes.
//!
//! A version says only what differs from the one before; the first, from a concept of which nothing is said. Reading goes over the
//! bytes with a [`Draft`] that borrows from them, so that asking whether a concept lives makes no copy.

mod decode;
mod encode;

use sutra_protocol::{Timestamp, Validity};

pub(crate) use decode::{Draft, Stamp, Surroundings, Versions};
pub(crate) use encode::{Encoder, has_new_vector};

use crate::varint::Cursor;

// What a version says; the commoner in the first seven, which take one byte.
const RETRACTED: u64 = 1;
const CONTENT: u64 = 1 << 1;
const KEY: u64 = 1 << 2;
const ALIASES: u64 = 1 << 3;
const SOURCE: u64 = 1 << 4;
const ATTRIBUTES: u64 = 1 << 5;
const VECTOR: u64 = 1 << 6;
const TYPE: u64 = 1 << 7;
const CONFIDENCE: u64 = 1 << 8;
const STRENGTH: u64 = 1 << 9;
const VALIDITY: u64 = 1 << 10;
const INCARNATION: u64 = 1 << 11;
const ASSERTED_BY: u64 = 1 << 12;
const CREATED_AT: u64 = 1 << 13;
const UPDATED_AT: u64 = 1 << 14;
const ALL: u64 = (1 << 15) - 1;

const FROM: u8 = 1;
const TO: u8 = 2;

const TITLE: u8 = 1;
const PAGE: u8 = 2;
const OFFSET: u8 = 4;

const FALSE: u8 = 0;
const TRUE: u8 = 1;
const INTEGER: u8 = 2;
const FLOAT: u8 = 3;
const TEXT: u8 = 4;

/// Appends a validity: which ends are given, then those.
pub(crate) fn put_validity(out: &mut Vec<u8>, validity: Validity) {
    out.push(if validity.from.is_some() { FROM } else { 0 } | if validity.to.is_some() { TO } else { 0 });
    for end in [validity.from, validity.to].into_iter().flatten() {
        out.extend(end.as_micros().to_le_bytes());
    }
}

pub(crate) fn read_validity(cursor: &mut Cursor<'_>) -> Option<Validity> {
    let ends = cursor.byte()?;
    if ends & !(FROM | TO) != 0 {
        return None;
    }
    let mut end = |bit| match ends & bit {
        0 => Some(None),
        _ => cursor.array().map(|bytes| Some(Timestamp::from_micros(i64::from_le_bytes(bytes)))),
    };
    Some(Validity { from: end(FROM)?, to: end(TO)? })
}
