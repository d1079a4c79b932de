//! A concept as it is stored.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

use crate::id::ConceptId;
use crate::limits::{self, Violation};
use crate::namespace::Namespace;
use crate::time::{Timestamp, Validity};
use crate::vocabulary::SemanticType;

/// Where a piece of knowledge was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Source {
    /// The document: a URL, a DOI, a file name; at most 4 KiB.
    pub uri: String,
    /// The document's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub page: Option<u32>,
    /// The position in the document, in bytes from its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

impl Source {
    /// Checks the lengths of `uri` and `title`, and that `page` is one.
    ///
    /// # Errors
    /// A [`Violation`] naming the field.
    pub fn validate(&self) -> Result<(), Violation> {
        limits::text("uri", &self.uri, limits::SOURCE_BYTES)?;
        if self.page == Some(0) {
            return Err(Violation::invalid("page", "is 0", "pages are counted from 1"));
        }
        self.title.as_ref().map_or(Ok(()), |title| limits::at_most("title", title.len(), limits::SOURCE_BYTES, "bytes"))
    }
}

/// The value of an attribute. Times are text in RFC 3339.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    /// True or false.
    Bool(bool),
    /// A whole number of 64 bits.
    Integer(i64),
    /// Any other finite number.
    Float(f64),
    /// Text of at most 64 KiB.
    Text(String),
}

/// Attributes by name, in the order of the names.
pub type Attributes = BTreeMap<String, AttributeValue>;

/// Checks the number of attributes and each one's name and value.
///
/// # Errors
/// A [`Violation`] naming the attribute.
pub fn validate_attributes(attributes: &Attributes) -> Result<(), Violation> {
    limits::at_most("attributes", attributes.len(), limits::ATTRIBUTES, "entries")?;
    for (name, value) in attributes {
        limits::text("attributes", name, limits::ATTRIBUTE_NAME_BYTES)?;
        let field = || format!("attributes.{name}");
        match value {
            AttributeValue::Text(text) => limits::at_most(&field(), text.len(), limits::ATTRIBUTE_VALUE_BYTES, "bytes")?,
            AttributeValue::Float(number) if !number.is_finite() => {
                return Err(Violation::invalid(field(), format!("is {number}"), "a number must be finite"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Checks the number of aliases and each one's length.
///
/// # Errors
/// A [`Violation`] naming the alias.
pub fn validate_aliases(aliases: &[String]) -> Result<(), Violation> {
    limits::at_most("aliases", aliases.len(), limits::ALIASES, "entries")?;
    aliases.iter().enumerate().try_for_each(|(at, alias)| limits::text(&format!("aliases[{at}]"), alias, limits::ALIAS_BYTES))
}

/// Checks a vector's dimensions and that each number is finite.
///
/// # Errors
/// A [`Violation`] naming `vector`.
pub fn validate_vector(vector: &[f32]) -> Result<(), Violation> {
    if vector.is_empty() || vector.len() > limits::VECTOR_DIMENSIONS {
        let bound = format!("1 to {} are allowed", limits::VECTOR_DIMENSIONS);
        return Err(Violation::invalid("vector", format!("has {} dimensions", vector.len()), bound));
    }
    match vector.iter().position(|number| !number.is_finite()) {
        Some(at) => Err(Violation::invalid(format!("vector[{at}]"), format!("is {}", vector[at]), "every number must be finite")),
        None => Ok(()),
    }
}

/// A version of a concept: what a namespace holds about one id at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Concept {
    /// Its id.
    pub id: ConceptId,
    /// Its namespace.
    pub namespace: Namespace,
    /// How often the id was taught anew after a retraction, from 1. An association is alive only while both its ends still have
    /// the incarnation that it was taught with.
    pub incarnation: u64,
    /// The caller's own id for it.
    pub key: Option<Arc<str>>,
    /// The text, in normal form.
    pub content: Arc<str>,
    /// Other names of it.
    pub aliases: Vec<Arc<str>>,
    /// What kind of knowledge it is.
    pub semantic_type: SemanticType,
    /// How sure its teacher is, 0 to 1.
    pub confidence: f64,
    /// How strongly it is held, 0 to 1.
    pub strength: f64,
    /// Typed properties.
    pub attributes: Attributes,
    /// Its embedding, as given.
    pub vector: Option<Arc<[f32]>>,
    /// Where it was read.
    pub source: Option<Source>,
    /// When it holds in the world.
    pub validity: Validity,
    /// Who taught it.
    pub asserted_by: Arc<str>,
    /// When this incarnation was first recorded.
    pub created_at: Timestamp,
    /// When this version was recorded.
    pub updated_at: Timestamp,
}

impl Concept {
    /// Whether it is a ghost: what a shard knows of another one's concept. It has no content, which what was taught always has.
    pub fn is_ghost(&self) -> bool {
        self.content.is_empty()
    }
}

impl Serialize for AttributeValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Integer(value) => serializer.serialize_i64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
        }
    }
}

impl<'de> Deserialize<'de> for AttributeValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = AttributeValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an attribute: text, a number, true or false")
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<AttributeValue, E> {
                Ok(AttributeValue::Bool(value))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<AttributeValue, E> {
                Ok(AttributeValue::Integer(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<AttributeValue, E> {
                // Rounding it to a float would store another number than the one taught.
                i64::try_from(value)
                    .map(AttributeValue::Integer)
                    .map_err(|_| E::custom(format!("the whole number {value} is above {}", i64::MAX)))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<AttributeValue, E> {
                Ok(AttributeValue::Float(value))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<AttributeValue, E> {
                Ok(AttributeValue::Text(value.into()))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl utoipa::PartialSchema for AttributeValue {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        value_schema([Type::String, Type::Number, Type::Boolean]).into()
    }
}

impl ToSchema for AttributeValue {}

/// The OpenAPI schema of [`Attributes`].
pub(crate) fn attributes_schema() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .max_properties(Some(limits::ATTRIBUTES))
        .additional_properties(Some(value_schema([Type::String, Type::Number, Type::Boolean])))
}

/// The OpenAPI schema of a change to [`Attributes`]: `null` removes one.
pub(crate) fn attribute_edits_schema() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .max_properties(Some(limits::ATTRIBUTES))
        .additional_properties(Some(value_schema([Type::String, Type::Number, Type::Boolean, Type::Null])))
}

fn value_schema(types: impl IntoIterator<Item = Type>) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter(types))
        .description(Some("Text of at most 64 KiB (times are text in RFC 3339), a finite number, true or false."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_values_keep_their_kind() {
        let json = r#"{"active":true,"dose":500,"half_life_h":3.5,"route":"oral"}"#;
        let attributes: Attributes = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&attributes).unwrap(), json);
        let packed = rmp_serde::to_vec_named(&attributes).unwrap();
        assert_eq!(rmp_serde::from_slice::<Attributes>(&packed).unwrap(), attributes);
    }

    #[test]
    fn a_whole_number_is_never_rounded() {
        let message = serde_json::from_str::<AttributeValue>("9223372036854775808").unwrap_err().to_string();
        assert!(message.contains("9223372036854775807"), "{message}");
    }

    #[test]
    fn a_vector_names_its_bad_number() {
        assert_eq!(validate_vector(&[0.5, f32::NAN]).unwrap_err().to_string(), "vector[1] is NaN; every number must be finite");
        assert!(validate_vector(&[]).is_err());
        assert!(validate_vector(&vec![0.0; 4097]).is_err());
        assert!(validate_vector(&vec![0.0; 4096]).is_ok());
    }
}
