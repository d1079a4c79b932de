//! `POST /v1/associate`, `/v1/associate/batch`, `DELETE /v1/associate`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ConceptRef;
use crate::command::LogIndex;
use crate::error::ApiError;
use crate::limits::{self, Violation};
use crate::namespace::Namespace;
use crate::time::Timestamp;
use crate::vocabulary::AssociationType;

/// An association to teach between concepts that exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssociateRequest {
    /// Where it starts: an id, `{"key": …}` or `{"content": …}`.
    pub source: ConceptRef,
    /// Where it ends.
    pub target: ConceptRef,
    /// Default: `semantic`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<AssociationType>,
    /// Its name, at most 512 bytes. Default: empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// How strongly this evidence speaks for it, 0 to 1. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub confidence: Option<f64>,
    /// 0 to 1. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub strength: Option<f64>,
    /// When it begins to hold in the world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// When it ceases to hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Timestamp>,
    /// The statements it rests on, at most 1000, each named as the ends are. None: it rests on the word of whoever asks.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "super::bounded::or_null::<{ limits::EVIDENCE }, _, _>"
    )]
    pub evidence: Vec<ConceptRef>,
    /// Default: `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
}

/// Where an association was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssociateResponse {
    /// The shard that holds it.
    pub shard: u64,
    /// The position of the write in that shard's log.
    #[schema(value_type = u64)]
    pub index: LogIndex,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Whether no such association was alive before.
    pub created: bool,
    /// Its confidence, from all its evidence.
    pub confidence: f64,
}

/// Several associations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssociateBatchRequest {
    /// At most 1000.
    #[serde(deserialize_with = "super::bounded::strict::<{ limits::BATCH_ITEMS }, _, _>")]
    #[schema(max_items = 1000)]
    pub items: Vec<AssociateRequest>,
    /// For the items that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
}

/// What became of each item of an associate batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssociateBatchResponse {
    /// In the order of the items.
    pub results: Vec<AssociateResult>,
}

/// What became of one item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum AssociateResult {
    /// It was refused; nothing of it is stored.
    Refused {
        /// Why.
        error: ApiError,
    },
    /// It was recorded.
    Associated(AssociateResponse),
}

/// The association to retract, by its identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DissociateRequest {
    /// Where it starts.
    pub source: ConceptRef,
    /// Where it ends.
    pub target: ConceptRef,
    /// Default: `semantic`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<AssociationType>,
    /// Default: empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// As it was taught.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// As it was taught.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Timestamp>,
    /// Default: `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
}

/// What became of a retracted association.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DissociateResponse {
    /// Whether such an association was alive.
    pub deleted: bool,
    /// The position of the write in the shard's log.
    #[schema(value_type = u64)]
    pub index: LogIndex,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl AssociateRequest {
    /// Checks every field against its bound.
    ///
    /// # Errors
    /// The first [`Violation`], naming its field.
    pub fn validate(&self) -> Result<(), Violation> {
        self.source.validate("source")?;
        self.target.validate("target")?;
        limits::at_most("label", self.label.as_ref().map_or(0, String::len), limits::LABEL_BYTES, "bytes")?;
        super::validate_weights(self.confidence, self.strength)?;
        super::validate_validity(self.valid_from, self.valid_to)?;
        limits::at_most("evidence", self.evidence.len(), limits::EVIDENCE, "entries")?;
        let named = self.evidence.iter().enumerate().filter(|(_, statement)| !matches!(statement, ConceptRef::Id(_)));
        named.into_iter().try_for_each(|(at, statement)| statement.validate(&format!("evidence[{at}]")))
    }
}

impl DissociateRequest {
    /// Checks every field against its bound.
    ///
    /// # Errors
    /// The first [`Violation`], naming its field.
    pub fn validate(&self) -> Result<(), Violation> {
        self.source.validate("source")?;
        self.target.validate("target")?;
        limits::at_most("label", self.label.as_ref().map_or(0, String::len), limits::LABEL_BYTES, "bytes")?;
        super::validate_validity(self.valid_from, self.valid_to)
    }
}
