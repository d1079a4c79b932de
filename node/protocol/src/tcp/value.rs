//! Fields of a MessagePack map, read strictly.
//!
//! rmpv's own deserializer takes a positional array for a record and lets NaN through; this one does neither, treats a record's
//! `nil` as a missing field, and is human-readable, so that ids and times are text as in JSON.

use std::fmt;

use rmpv::ValueRef;
use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use crate::error::ApiError;
use crate::limits;

/// Why a field is not what it should be: the end of a sentence that begins with the field's path, which [`fields`] adds. It
/// quotes a value only up to a length that a person reads.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FieldError(String);

/// Reads a record from a map; `within` is the path of the map itself, empty for a request's own fields.
///
/// # Errors
/// `invalid_argument`, naming the field by its path.
pub fn fields<T: DeserializeOwned>(map: &ValueRef<'_>, within: &str) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(Field(map)).map_err(|error| {
        let inner = error.path().to_string();
        // A map's own fault has the path "." or, where a key is to blame, one that ends in "?".
        let path = match (within, inner.trim_end_matches(['.', '?'])) {
            ("", "") => "fields".into(),
            ("", inner) => inner.to_owned(),
            (within, "") => within.to_owned(),
            (within, inner) => format!("{within}.{inner}"),
        };
        let message = format!("{path} {}", error.inner());
        ApiError::invalid(path, message)
    })
}

/// The entry of a map with this key; `nil` counts as missing.
pub fn entry<'v, 'p>(map: &'v ValueRef<'p>, key: &str) -> Option<&'v ValueRef<'p>> {
    let ValueRef::Map(entries) = map else { return None };
    let found = entries.iter().find(|(name, _)| matches!(name, ValueRef::String(name) if name.as_str() == Some(key)));
    found.map(|(_, value)| value).filter(|value| !matches!(value, ValueRef::Nil))
}

/// The kind of a value, for an error message.
pub fn kind(value: &ValueRef<'_>) -> &'static str {
    match value {
        ValueRef::Nil => "nil",
        ValueRef::Boolean(_) => "true or false",
        ValueRef::Integer(_) | ValueRef::F32(_) | ValueRef::F64(_) => "a number",
        ValueRef::String(_) => "text",
        ValueRef::Binary(_) => "bytes",
        ValueRef::Array(_) => "a list",
        ValueRef::Map(_) => "a map",
        ValueRef::Ext(..) => "an extension",
    }
}

impl de::Error for FieldError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(format!("is refused: {message}"))
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match unexpected {
            Unexpected::Str(text) => format!("the text {}", limits::excerpt(text)),
            Unexpected::Map => "a map".into(),
            Unexpected::Seq => "a list".into(),
            Unexpected::Unit => "nil".into(),
            Unexpected::Bytes(bytes) => format!("{} bytes", bytes.len()),
            other => other.to_string(),
        };
        Self(format!("is {found}; expected {expected}"))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self(format!("is the text {}; expected one of {}", limits::excerpt(variant), expected.join(", ")))
    }
}

#[derive(Clone, Copy)]
struct Field<'v, 'p>(&'v ValueRef<'p>);

impl Field<'_, '_> {
    fn instead_of<T>(self, expected: &str) -> Result<T, FieldError> {
        Err(FieldError(format!("is {}; expected {expected}", kind(self.0))))
    }
}

fn text<'v>(text: &'v rmpv::Utf8StringRef<'_>) -> Result<&'v str, FieldError> {
    text.as_str().ok_or_else(|| FieldError("is a text that is not valid UTF-8".into()))
}

fn finite(number: f64) -> Result<f64, FieldError> {
    if number.is_finite() { Ok(number) } else { Err(FieldError(format!("is {number}; a number must be finite"))) }
}

/// The float that a person means by a 32-bit one: 0.9 and not 0.8999999761581421.
fn widened(number: f32) -> Result<f64, FieldError> {
    let wide = f64::from(number);
    finite(wide).map(|wide| number.to_string().parse().unwrap_or(wide))
}

impl<'de> Deserializer<'de> for Field<'_, '_> {
    type Error = FieldError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        match self.0 {
            ValueRef::Nil => visitor.visit_unit(),
            ValueRef::Boolean(value) => visitor.visit_bool(*value),
            ValueRef::Integer(value) => match (value.as_u64(), value.as_i64()) {
                (Some(value), _) => visitor.visit_u64(value),
                (None, Some(value)) => visitor.visit_i64(value),
                (None, None) => self.instead_of("a number of 64 bits"),
            },
            ValueRef::F32(value) => visitor.visit_f64(widened(*value)?),
            ValueRef::F64(value) => visitor.visit_f64(finite(*value)?),
            ValueRef::String(value) => visitor.visit_str(text(value)?),
            ValueRef::Binary(value) => visitor.visit_bytes(value),
            ValueRef::Array(values) => visitor.visit_seq(Entries(values.iter())),
            ValueRef::Map(entries) => visitor.visit_map(Pairs { entries: entries.iter(), value: None, skip_nil: false }),
            ValueRef::Ext(..) => self.instead_of("a value without an extension type"),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        match self.0 {
            // A vector has thousands of these; they are stored as they are.
            ValueRef::F32(value) if value.is_finite() => visitor.visit_f32(*value),
            ValueRef::F64(value) if value.is_finite() && !(*value as f32).is_finite() => {
                Err(FieldError(format!("is {value}; a number must fit 32 bits")))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        if matches!(self.0, ValueRef::Nil) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, FieldError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FieldError> {
        match self.0 {
            ValueRef::Map(entries) => visitor.visit_map(Pairs { entries: entries.iter(), value: None, skip_nil: true }),
            _ => self.instead_of("a map of fields"),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FieldError> {
        match self.0 {
            ValueRef::String(name) => visitor.visit_enum(text(name)?.into_deserializer()),
            _ => self.instead_of("text"),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct
        map identifier
    }
}

struct Entries<'v, 'p>(std::slice::Iter<'v, ValueRef<'p>>);

impl<'de> de::SeqAccess<'de> for Entries<'_, '_> {
    type Error = FieldError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, FieldError> {
        self.0.next().map(|value| seed.deserialize(Field(value))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Pairs<'v, 'p> {
    entries: std::slice::Iter<'v, (ValueRef<'p>, ValueRef<'p>)>,
    value: Option<&'v ValueRef<'p>>,
    /// Whether `nil` stands for the field's default; in a map of the caller's own names it is a value.
    skip_nil: bool,
}

impl<'de> de::MapAccess<'de> for Pairs<'_, '_> {
    type Error = FieldError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, FieldError> {
        for (key, value) in self.entries.by_ref() {
            if self.skip_nil && matches!(value, ValueRef::Nil) {
                continue;
            }
            let ValueRef::String(name) = key else {
                return Err(FieldError(format!("has a key that is {}; expected text", kind(key))));
            };
            self.value = Some(value);
            let name: StrDeserializer<'_, FieldError> = text(name)?.into_deserializer();
            return seed.deserialize(name).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, FieldError> {
        seed.deserialize(Field(self.value.take().unwrap_or(&ValueRef::Nil)))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::http::LearnRequest;
    use crate::{AttributeValue, ConceptId, Timestamp};

    fn read<T: DeserializeOwned>(map: ValueRef<'_>) -> Result<T, String> {
        fields(&map, "").map_err(|error| error.message)
    }

    fn map<'a, const N: usize>(entries: [(&'a str, ValueRef<'a>); N]) -> ValueRef<'a> {
        ValueRef::Map(entries.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    #[test]
    fn ids_and_times_are_text_and_nil_is_missing() {
        #[derive(Deserialize, Default, PartialEq, Debug)]
        #[serde(default)]
        struct Both {
            id: ConceptId,
            at: Timestamp,
            limit: u32,
        }
        let id = ConceptId::from_u128(7).to_string();
        let read: Both = read(map([
            ("id", id.as_str().into()),
            ("at", "1970-01-01T00:00:01Z".into()),
            ("limit", ValueRef::Nil),
            ("other", 1.into()),
        ]))
        .unwrap();
        assert_eq!(read, Both { id: ConceptId::from_u128(7), at: Timestamp::from_micros(1_000_000), limit: 0 });
    }

    #[test]
    fn errors_name_the_path() {
        let association = map([("target_key", "a".into()), ("confidence", ValueRef::F64(f64::NAN))]);
        let bad = map([("content", "x".into()), ("associations", ValueRef::Array(vec![association]))]);
        assert_eq!(read::<LearnRequest>(bad).unwrap_err(), "associations[0].confidence is NaN; a number must be finite");
        let bad = map([("content", 5.into())]);
        assert_eq!(read::<LearnRequest>(bad).unwrap_err(), "content is integer `5`; expected a string");
        let bad = map([("type", "colour".into())]);
        assert!(read::<LearnRequest>(bad).unwrap_err().starts_with("type is the text \"colour\"; expected one of entity, event"));
        let bad = map([("vector", ValueRef::Array(vec![ValueRef::F64(1e300)]))]);
        assert!(read::<LearnRequest>(bad).unwrap_err().starts_with("vector[0] is 1"));
        let bad = map([("valid_from", "yesterday".into())]);
        assert!(read::<LearnRequest>(bad).unwrap_err().starts_with("valid_from is refused: a time is RFC 3339"));
    }

    #[test]
    fn positional_arrays_and_odd_keys_are_refused() {
        let bad = ValueRef::Array(vec!["content".into()]);
        assert_eq!(read::<LearnRequest>(bad).unwrap_err(), "fields is a list; expected a map of fields");
        let bad = ValueRef::Map(vec![(1.into(), "x".into())]);
        assert_eq!(read::<LearnRequest>(bad).unwrap_err(), "fields has a key that is a number; expected text");
        let long = "x".repeat(100_000);
        let bad = map([("confidence", long.as_str().into())]);
        assert!(read::<LearnRequest>(bad).unwrap_err().len() < 200);
    }

    #[test]
    fn short_floats_keep_the_number_that_was_meant() {
        let attributes = map([("dose", ValueRef::F32(0.1))]);
        let learn: LearnRequest = read(map([
            ("confidence", ValueRef::F32(0.9)),
            ("attributes", attributes),
            ("vector", ValueRef::Array(vec![1.into()])),
        ]))
        .unwrap();
        assert_eq!(learn.confidence, Some(0.9));
        assert_eq!(learn.attributes["dose"], AttributeValue::Float(0.1));
        assert_eq!(learn.vector, Some(vec![1.0]));
    }
}
