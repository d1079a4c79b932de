//! Bodies in which an object is an object. Derived types also take a list of a struct's fields, in their order, and `{"name": null}`
//! for a name; a caller who sends either has made a mistake.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};

/// Passes everything on, at every depth, but asks for an object where a struct is wanted, and for a string where one of several
/// names is. Enums whose variants hold something can't be read through it.
#[derive(Debug)]
pub struct Strict<D>(D);

impl<D> Strict<D> {
    /// Wraps the deserializer of a format that describes itself.
    pub fn new(deserializer: D) -> Self {
        Self(deserializer)
    }
}

macro_rules! pass_on {
    ($($method:ident)*) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(visitor)
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<D> {
    type Error = D::Error;

    // None of these holds a struct.
    pass_on! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64 deserialize_char
        deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_identifier
        deserialize_ignored_any
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(Within::any(visitor))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_option(Within::any(visitor))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, Within::any(visitor))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_seq(Within::any(visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(len, Within::any(visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, name: &'static str, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple_struct(name, len, Within::any(visitor))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Within::any(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Within { visitor, expected: Some("an object") })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_str(Name { visitor, names })
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// What a visitor is given, with everything inside wrapped again.
struct Within<V> {
    visitor: V,
    /// What is expected, if that is not what the visitor says.
    expected: Option<&'static str>,
}

impl<V> Within<V> {
    fn any(visitor: V) -> Self {
        Self { visitor, expected: None }
    }
}

macro_rules! visit_on {
    ($($method:ident($kind:ty))*) => {
        $(#[inline]
        fn $method<E: Error>(self, value: $kind) -> Result<V::Value, E> {
            self.visitor.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Within<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.expected {
            Some(expected) => f.write_str(expected),
            None => self.visitor.expecting(f),
        }
    }

    visit_on! {
        visit_bool(bool) visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128) visit_u8(u8) visit_u16(u16)
        visit_u32(u32) visit_u64(u64) visit_u128(u128) visit_f32(f32) visit_f64(f64) visit_char(char) visit_str(&str)
        visit_borrowed_str(&'de str) visit_string(String) visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8])
        visit_byte_buf(Vec<u8>)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Strict(deserializer))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Strict(deserializer))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_seq(Strict(entries))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(Strict(entries))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Strict<A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Strict<A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Strict<S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Strict(deserializer))
    }
}

/// Reads an enum from its variant's name.
struct Name<V> {
    visitor: V,
    names: &'static [&'static str],
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Name<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {}", self.names.join(", "))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<V::Value, E> {
        self.visitor.visit_enum(IntoDeserializer::<E>::into_deserializer(name))
    }
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::http::{AssociateRequest, LearnBatchRequest, LearnRequest, NamespaceSettings, PathRequest, SearchRequest};

    fn read<T: DeserializeOwned>(json: &str) -> Result<T, serde_json::Error> {
        T::deserialize(Strict::new(&mut serde_json::Deserializer::from_str(json)))
    }

    fn refused<T: DeserializeOwned>(json: &str) -> String {
        read::<T>(json).err().unwrap_or_else(|| panic!("{json} was taken")).to_string()
    }

    #[test]
    fn a_list_is_no_object_at_any_depth() {
        let sequence = "invalid type: sequence, expected an object";
        for json in [
            r#"["hello", "pk1"]"#,
            r#"{"content": "a", "source": ["u", "t"]}"#,
            r#"{"content": "a", "options": []}"#,
            r#"{"content": "a", "associations": [["00000000000000000000000000000007"]]}"#,
            r#"{"content": "a", "mentions": [[0, 1]]}"#,
            r#"{"content": "a", "mentions": [{"start": 0, "end": 1}, []]}"#,
        ] {
            assert!(refused::<LearnRequest>(json).starts_with(sequence), "{json}");
        }
        assert!(refused::<LearnRequest>(r#"{"content": "a", "attributes": [["b", 1]]}"#).contains("expected an object"));
        assert!(refused::<LearnBatchRequest>(r#"[[["x"]]]"#).starts_with(sequence));
        assert!(refused::<LearnBatchRequest>(r#"{"items": [["x"]]}"#).starts_with(sequence));
        assert!(refused::<NamespaceSettings>("[7]").starts_with(sequence));
    }

    #[test]
    fn names_and_filters_are_no_lists() {
        for json in [r#"{"source": [["k"]], "target": {"key": "k"}}"#, r#"{"source": ["k"], "target": {"key": "k"}}"#] {
            assert!(refused::<AssociateRequest>(json).contains("expected the name of a concept"));
        }
        assert!(refused::<PathRequest>(r#"{"start": {"key": ["k"]}, "end": {"key": "k"}}"#).contains("expected a string"));
        for filter in [r#"["a"]"#, r#"{"not": [[]]}"#, r#"{"all": [[null, null, null, "key", "x"]]}"#] {
            let json = format!(r#"{{"query": "a", "filter": {filter}}}"#);
            assert!(refused::<SearchRequest>(&json).contains("sequence"), "{json}");
        }
    }

    #[test]
    fn an_enum_is_its_name() {
        let learned: LearnRequest = read(r#"{"content": "a", "type": "rule", "on_conflict": null}"#).unwrap();
        assert_eq!(learned.semantic_type, Some(crate::SemanticType::Rule));
        assert!(refused::<LearnRequest>(r#"{"content": "a", "type": {"rule": null}}"#).contains("map, expected one of"));
        assert!(refused::<LearnRequest>(r#"{"content": "a", "type": "rool"}"#).contains("unknown variant `rool`"));
    }

    #[test]
    fn what_is_right_is_read_as_ever() {
        let json = r#"{"content":"a","key":null,"aliases":["b"],"attributes":{"c":1,"d":"e"},"vector":[0.5,1],
            "source":{"uri":"u","page":2},"associations":[{"target_key":"k","type":"causal"}],"options":{"embed":false}}"#;
        assert_eq!(read::<LearnRequest>(json).unwrap(), serde_json::from_str(json).unwrap());
        let json = r#"{"query":"a","filter":{"all":[{"field":"key","in":["a",1,true]},{"not":{"field":"key","exists":true}}]}}"#;
        assert_eq!(read::<SearchRequest>(json).unwrap(), serde_json::from_str(json).unwrap());
    }
}
