//! Concept ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use unicode_normalization::UnicodeNormalization;

use crate::namespace::Namespace;

/// The 128-bit name of a concept.
///
/// It is derived, never assigned: the first 16 bytes of BLAKE3 over the namespace, a zero byte, the content after Unicode
/// normalisation form C and trimming, and, if the concept has a key, another zero byte and the key. The same knowledge taught
/// twice, or to two grids, has the same id.
///
/// Written as 32 lowercase hexadecimal digits everywhere; any other spelling is an error, never a guess.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ConceptId(u128);

/// Why a text is not a [`ConceptId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a concept id is 32 lowercase hexadecimal digits, not {found}")]
pub struct InvalidConceptId {
    found: String,
}

impl ConceptId {
    /// Derives the id of `content` (with `key`, if it has one) in `namespace`.
    pub fn derive(namespace: &Namespace, content: &str, key: Option<&str>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(namespace.as_str().as_bytes());
        hasher.update(&[0]);
        hasher.update(normal_content(content).as_bytes());
        if let Some(key) = key {
            hasher.update(&[0]);
            hasher.update(key.as_bytes());
        }
        let mut first = [0; 16];
        first.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(u128::from_be_bytes(first))
    }

    /// The id as an integer, in the order of its hexadecimal spelling.
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// The id with this integer value.
    pub const fn from_u128(value: u128) -> Self {
        Self(value)
    }
}

/// `content` in the form that is stored and hashed: Unicode NFC, without surrounding white space.
pub fn normal_content(content: &str) -> String {
    let trimmed = content.trim();
    // Which leaves ASCII as it is.
    if trimmed.is_ascii() { trimmed.into() } else { trimmed.nfc().collect() }
}

impl fmt::Display for ConceptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for ConceptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConceptId({self})")
    }
}

impl FromStr for ConceptId {
    type Err = InvalidConceptId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match u128::from_str_radix(text, 16) {
            Ok(value) if digits => Ok(Self(value)),
            _ => Err(InvalidConceptId { found: crate::limits::excerpt(text) }),
        }
    }
}

impl Serialize for ConceptId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_bytes(&self.0.to_be_bytes())
        }
    }
}

impl<'de> Deserialize<'de> for ConceptId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = ConceptId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a concept id of 32 lowercase hexadecimal digits")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ConceptId, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<ConceptId, E> {
                let bytes: [u8; 16] = bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))?;
                Ok(ConceptId(u128::from_be_bytes(bytes)))
            }
        }

        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Visitor)
        } else {
            deserializer.deserialize_bytes(Visitor)
        }
    }
}

impl utoipa::PartialSchema for ConceptId {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^[0-9a-f]{32}$"))
            .description(Some("A concept id: 32 lowercase hexadecimal digits."))
            .into()
    }
}

impl utoipa::ToSchema for ConceptId {}

#[cfg(test)]
mod tests {
    use super::*;

    fn default_namespace() -> Namespace {
        Namespace::default()
    }

    #[test]
    fn the_id_is_blake3_over_namespace_content_and_key() {
        let by_hand = blake3::hash(b"default\0aspirin\0RXCUI:1191");
        let id = ConceptId::derive(&default_namespace(), "  aspirin\n", Some("RXCUI:1191"));
        assert_eq!(id.to_string(), by_hand.to_hex()[..32]);
    }

    #[test]
    fn composed_and_decomposed_content_have_one_id() {
        let ns = default_namespace();
        assert_eq!(ConceptId::derive(&ns, "Sjo\u{308}gren", None), ConceptId::derive(&ns, "Sj\u{f6}gren", None));
    }

    #[test]
    fn other_spellings_are_refused() {
        for bad in [
            "",
            "abc",
            "0123456789ABCDEF0123456789ABCDEF",
            "+123456789abcdef0123456789abcdef",
            "0123456789abcdef0123456789abcdeg",
        ] {
            assert!(bad.parse::<ConceptId>().is_err(), "{bad:?}");
        }
        let id = ConceptId::from_u128(7);
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn json_holds_hex_and_messagepack_holds_bytes() {
        let id = ConceptId::derive(&default_namespace(), "aspirin", None);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!("\"{id}\""));
        assert_eq!(serde_json::from_str::<ConceptId>(&json).unwrap(), id);
        let packed = rmp_serde::to_vec(&id).unwrap();
        assert_eq!(packed.len(), 18);
        assert_eq!(rmp_serde::from_slice::<ConceptId>(&packed).unwrap(), id);
    }
}
