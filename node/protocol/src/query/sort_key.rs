//! Values as bytes that compare as the values do.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::concept::AttributeValue;
use crate::time::Timestamp;

/// A value of an attribute, or a time, as bytes whose order is that of the values: booleans (false first), numbers by their exact
/// value, times, then other text by its first [`SortKey::TEXT_BYTES`] bytes.
///
/// One byte tells the kind. A boolean is one byte more; a time is its microseconds with the sign bit flipped, big-endian. A number
/// is the nearest `f64` (its bits flipped so that they ascend) and what the number is above that, an `i16` with the sign bit
/// flipped: 0 unless it is a whole number that no `f64` holds. So whole numbers and fractions compare exactly with each other.
/// Text is the longest run of whole characters within its bound.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SortKey(Box<[u8]>);

/// Bytes that no [`SortKey`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these {bytes} bytes are no sort key")]
pub struct InvalidSortKey {
    bytes: usize,
}

const BOOL: u8 = 1;
const NUMBER: u8 = 2;
const TIME: u8 = 3;
const TEXT: u8 = 4;

impl SortKey {
    /// Most bytes of a text that count.
    pub const TEXT_BYTES: usize = 256;
    /// Most bytes that a key has.
    pub const MAX_BYTES: usize = 1 + Self::TEXT_BYTES;

    /// The key of a value. Text that is a time counts as one.
    pub fn of(value: &AttributeValue) -> Self {
        match value {
            AttributeValue::Bool(value) => Self::new(BOOL, &[u8::from(*value)]),
            AttributeValue::Integer(value) => Self::number(Number::whole(*value)),
            AttributeValue::Float(value) => Self::number(Number::float(*value)),
            AttributeValue::Text(text) => match text.parse::<Timestamp>() {
                Ok(time) => Self::time(time),
                Err(_) => Self::new(TEXT, &text.as_bytes()[..text.floor_char_boundary(Self::TEXT_BYTES)]),
            },
        }
    }

    /// The key of a time.
    pub fn time(time: Timestamp) -> Self {
        Self::new(TIME, &(time.as_micros() ^ i64::MIN).to_be_bytes())
    }

    /// The bytes: 2 to [`SortKey::MAX_BYTES`], or one for the empty text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key with these bytes.
    ///
    /// # Errors
    /// [`InvalidSortKey`] if no value has it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidSortKey> {
        let known = match bytes.split_first() {
            Some((&BOOL, rest)) => matches!(rest, [0 | 1]),
            Some((&NUMBER, rest)) => rest.len() == 10,
            Some((&TIME, rest)) => rest.len() == 8,
            Some((&TEXT, rest)) => rest.len() <= Self::TEXT_BYTES && std::str::from_utf8(rest).is_ok(),
            _ => false,
        };
        if known { Ok(Self(bytes.into())) } else { Err(InvalidSortKey { bytes: bytes.len() }) }
    }

    /// Whether it is that of a text which may be longer than what counts: different texts may then have it.
    pub fn is_cut(&self) -> bool {
        // A character of up to four bytes may not have fitted.
        self.0.first() == Some(&TEXT) && self.0.len() > Self::MAX_BYTES - 4
    }

    fn number(number: Number) -> Self {
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&number.nearest.to_be_bytes());
        bytes[8..].copy_from_slice(&(number.above ^ i16::MIN).to_be_bytes());
        Self::new(NUMBER, &bytes)
    }

    fn new(kind: u8, value: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(1 + value.len());
        bytes.push(kind);
        bytes.extend_from_slice(value);
        Self(bytes.into_boxed_slice())
    }
}

/// A number as it compares: whole numbers and fractions with each other, exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number {
    /// The nearest `f64`: its bits, flipped so that they ascend with it.
    nearest: u64,
    /// What the number is above that.
    above: i16,
}

impl Number {
    pub(crate) fn whole(number: i64) -> Self {
        let nearest = number as f64;
        // The nearest f64 is at most 512 away, and exact as an i128 even for the greatest i64.
        Self { above: (i128::from(number) - nearest as i128) as i16, ..Self::float(nearest) }
    }

    pub(crate) fn float(number: f64) -> Self {
        // Both zeros are one number.
        let bits = if number == 0.0 { 0 } else { number.to_bits() };
        Self { nearest: if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }, above: 0 }
    }
}

impl Serialize for SortKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for SortKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = SortKey;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the bytes of a sort key")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<SortKey, E> {
                SortKey::from_bytes(bytes).map_err(E::custom)
            }
        }

        deserializer.deserialize_bytes(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> AttributeValue {
        AttributeValue::Text(text.into())
    }

    #[test]
    fn kinds_follow_each_other_and_values_ascend_within_them() {
        use AttributeValue::{Bool, Float, Integer};
        let ascending = [
            Bool(false),
            Bool(true),
            Float(f64::MIN),
            Integer(i64::MIN),
            Integer(i64::MIN + 1),
            Float(-1.5),
            Integer(-1),
            Integer(0),
            Float(f64::MIN_POSITIVE),
            Float(0.5),
            Integer(1),
            // No f64 lies between these two, and the second is none itself.
            Float(9_007_199_254_740_992.0),
            Integer(9_007_199_254_740_993),
            Integer(9_007_199_254_740_994),
            Integer(i64::MAX - 1),
            Integer(i64::MAX),
            Float(9_223_372_036_854_775_808.0),
            Float(f64::MAX),
            text("1969-12-31T23:59:59Z"),
            text("2026-03-01T13:30:00+01:30"),
            text("2026-03-01T12:00:00.000001Z"),
            text(""),
            text("2026-03-01"),
            text("Warfarin"),
            text("Warfarin sodium"),
            text("warfarin"),
            text("ärztlich"),
        ];
        let keys: Vec<_> = ascending.iter().map(SortKey::of).collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:#?}");
    }

    #[test]
    fn equal_values_have_one_key() {
        use AttributeValue::{Float, Integer};
        assert_eq!(SortKey::of(&Integer(500)), SortKey::of(&Float(500.0)));
        assert_eq!(SortKey::of(&Float(-0.0)), SortKey::of(&Integer(0)));
        assert_eq!(SortKey::of(&text("2026-03-01T13:30:00+01:30")), SortKey::of(&text("2026-03-01T12:00:00Z")));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = SortKey::of(&text(&"é".repeat(200)));
        assert_eq!(long.as_bytes().len(), 257);
        let odd = SortKey::of(&text(&format!("x{}", "é".repeat(200))));
        assert_eq!(odd.as_bytes().len(), 256);
        assert!(long.is_cut() && odd.is_cut() && !SortKey::of(&text("short")).is_cut());
        assert_eq!(SortKey::from_bytes(odd.as_bytes()), Ok(odd));
    }

    #[test]
    fn bytes_that_no_value_has_are_refused() {
        for bad in [&[][..], &[0], &[1, 2], &[1], &[2, 0], &[3, 0, 0], &[4, 0xff], &[5, 1], &[4; 258]] {
            assert!(SortKey::from_bytes(bad).is_err(), "{bad:?}");
        }
    }

    fn number() -> impl Strategy<Value = AttributeValue> {
        prop_oneof![
            any::<i64>().prop_map(AttributeValue::Integer),
            // Near whole numbers, where the two kinds meet.
            any::<i64>().prop_map(|whole| AttributeValue::Float(whole as f64)),
            (-4i64..4).prop_map(AttributeValue::Integer),
            any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(AttributeValue::Float),
        ]
    }

    /// Exact, and by another way than the key's.
    fn compare(left: &AttributeValue, right: &AttributeValue) -> std::cmp::Ordering {
        use AttributeValue::{Float, Integer};
        match (left, right) {
            (Integer(left), Integer(right)) => left.cmp(right),
            (Float(left), Float(right)) => left.partial_cmp(right).unwrap(),
            (Integer(_), Float(_)) => compare(right, left).reverse(),
            (Float(float), Integer(_)) if float.abs() > 1e19 => float.total_cmp(&0.0),
            (Float(float), Integer(whole)) => {
                let above_its_floor = float.fract() != 0.0;
                (float.floor() as i128, above_its_floor).cmp(&(i128::from(*whole), false))
            }
            _ => unreachable!("numbers only"),
        }
    }

    proptest! {
        #[test]
        fn numbers_compare_exactly(left in number(), right in number()) {
            prop_assert_eq!(SortKey::of(&left).cmp(&SortKey::of(&right)), compare(&left, &right));
        }

        #[test]
        fn every_key_comes_back_from_its_bytes(value in prop_oneof![number(), ".{0,300}".prop_map(AttributeValue::Text)]) {
            let key = SortKey::of(&value);
            prop_assert!(key.as_bytes().len() <= SortKey::MAX_BYTES);
            prop_assert_eq!(SortKey::from_bytes(key.as_bytes()), Ok(key.clone()));
            let packed = rmp_serde::to_vec(&key).unwrap();
            prop_assert_eq!(rmp_serde::from_slice::<SortKey>(&packed).unwrap(), key);
        }
    }
}
