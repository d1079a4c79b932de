//! What texts, numbers and times are found by.

use sutra_protocol::Timestamp;

/// The first 8 bytes, little endian, of BLAKE3 over the text.
pub fn text_hash(text: &str) -> u64 {
    let hash = blake3::hash(text.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first)
}

const SIGN: u64 = 1 << 63;

/// An integer in the order of the numbers; both zeroes have the same. NaN, which no attribute is, is above or below all.
pub fn number_key(number: f64) -> u64 {
    let bits = if number == 0.0 { 0 } else { number.to_bits() };
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// An integer in the order of the times.
pub fn time_key(time: Timestamp) -> u64 {
    time.as_micros() as u64 ^ SIGN
}
