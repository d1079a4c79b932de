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

/// The time whose [`time_key`] this is.
pub(crate) fn time_of_key(key: u64) -> Timestamp {
    Timestamp::from_micros((key ^ SIGN) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_what_they_stand_for() {
        let numbers = [f64::NEG_INFINITY, -1e300, -2.5, -1.0, -f64::MIN_POSITIVE, -0.0, 5e-324, 1.0, 1.5, 1e300, f64::INFINITY];
        assert!(numbers.is_sorted_by_key(|number| number_key(*number)));
        assert_eq!(number_key(-0.0), number_key(0.0));
        let times = [i64::MIN, -1, 0, 1, i64::MAX].map(Timestamp::from_micros);
        assert!(times.is_sorted_by_key(|time| time_key(*time)));
        assert!(times.iter().all(|time| time_of_key(time_key(*time)) == *time));
    }

    #[test]
    fn the_hash_of_a_text_is_the_beginning_of_blake3() {
        let hash = blake3::hash(b"aspirin");
        assert_eq!(text_hash("aspirin").to_le_bytes(), hash.as_bytes()[..8]);
    }
}
