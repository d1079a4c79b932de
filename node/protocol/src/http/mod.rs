//! Bodies of the HTTP interface. Each request knows its own bounds (`validate`); unknown fields are refused by the server.
//!
//! | module | paths |
//! |---|---|
//! | [`learn`] | `/v1/learn`, `/v1/learn/batch` |
//! | [`associate`] | `/v1/associate`, `/v1/associate/batch` |
//! | [`concept`] | `/v1/concept/{id}`, `/v1/concept/{id}/neighbors` |
//! | [`concepts`] | `/v1/concepts/get`, `/v1/concepts/query`, `/v1/concepts/count` |
//! | [`search`] | `/v1/search` |
//! | [`path`] | `/v1/path` |
//! | [`reason`] | `/v1/reason` |
//! | [`transfer`] | `/v1/import`, `/v1/export` |
//! | [`namespaces`] | `/v1/namespaces` |
//! | [`strict`] | (how all of them are read) |
//! | [`grid`] | `/v1/grid` |
//! | [`node`] | `/stats`, `/info`, `/health` |

use std::fmt;

use serde::de::{self, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::concept::Source;
use crate::id::ConceptId;
use crate::limits::{self, Violation};
use crate::time::Timestamp;

pub mod associate;
pub(crate) mod bounded;
pub mod concept;
pub mod concepts;
pub mod grid;
pub mod learn;
pub mod namespaces;
pub mod node;
pub mod path;
pub mod reason;
pub mod search;
pub mod strict;
pub mod transfer;

pub use associate::*;
pub use concept::*;
pub use concepts::*;
pub use grid::*;
pub use learn::*;
pub use namespaces::*;
pub use node::*;
pub use path::*;
pub use reason::*;
pub use search::*;
pub use transfer::*;

/// How a request names a concept: by its id, as text; by `{"key": …}`; or by `{"content": …}`, which also finds aliases and has
/// to be unambiguous.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum ConceptRef {
    /// By its id.
    Id(ConceptId),
    /// By its key.
    Key {
        /// The key.
        key: String,
    },
    /// By its content or an alias.
    Content {
        /// The content or alias.
        content: String,
    },
}

impl<'de> Deserialize<'de> for ConceptRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(field_identifier, rename_all = "lowercase")]
        enum NameField {
            Key,
            Content,
        }

        struct Named;

        impl<'de> Visitor<'de> for Named {
            type Value = ConceptRef;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a concept: its id (32 lowercase hexadecimal digits), {\"key\": …} or {\"content\": …}")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ConceptRef, E> {
                text.parse().map(ConceptRef::Id).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<ConceptRef, A::Error> {
                let mut named = None;
                while let Some(field) = fields.next_key::<NameField>()? {
                    let name = match field {
                        _ if named.is_some() => return Err(de::Error::custom("a concept has one name here, key or content")),
                        NameField::Key => ConceptRef::Key { key: fields.next_value()? },
                        NameField::Content => ConceptRef::Content { content: fields.next_value()? },
                    };
                    named = Some(name);
                }
                named.ok_or_else(|| de::Error::invalid_type(Unexpected::Map, &self))
            }
        }

        deserializer.deserialize_any(Named)
    }
}

impl ConceptRef {
    fn validate(&self, field: &str) -> Result<(), Violation> {
        match self {
            Self::Id(_) => Ok(()),
            Self::Key { key } => limits::text("key", key, limits::KEY_BYTES).map_err(|violation| violation.within(field)),
            Self::Content { content } => limits::content("content", content).map_err(|violation| violation.within(field)),
        }
    }
}

/// One thing that an association rests on: a statement, quoted, or somebody's word.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceView {
    /// The statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<ConceptId>,
    /// The statement's content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Where the statement was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Who says so, where there is no statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asserted_by: Option<String>,
    /// How strongly it speaks for the association, 0 to 1.
    pub confidence: f64,
}

fn validate_weights(confidence: Option<f64>, strength: Option<f64>) -> Result<(), Violation> {
    for (field, value) in [("confidence", confidence), ("strength", strength)] {
        if let Some(value) = value {
            limits::unit_interval(field, value)?;
        }
    }
    Ok(())
}

fn validate_validity(from: Option<Timestamp>, to: Option<Timestamp>) -> Result<(), Violation> {
    match (from, to) {
        (Some(from), Some(to)) if to <= from => {
            Err(Violation::invalid("valid_to", format!("is {to}"), format!("it must be after valid_from, {from}")))
        }
        _ => Ok(()),
    }
}
