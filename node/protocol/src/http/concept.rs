//! `/v1/concept/{id}` and `/v1/concept/{id}/neighbors`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::EvidenceView;
use crate::command::LogIndex;
use crate::concept::{self, AttributeValue, Attributes, Source};
use crate::id::ConceptId;
use crate::limits::{self, Violation};
use crate::namespace::Namespace;
use crate::time::Timestamp;
use crate::vocabulary::{AssociationType, SemanticType};

/// A concept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConceptView {
    /// Its id.
    pub id: ConceptId,
    /// The caller's own id for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The text.
    pub content: String,
    /// Its namespace.
    pub namespace: Namespace,
    /// Its type.
    #[serde(rename = "type")]
    pub semantic_type: SemanticType,
    /// Other names.
    pub aliases: Vec<String>,
    /// 0 to 1.
    pub confidence: f64,
    /// 0 to 1.
    pub strength: f64,
    /// Typed properties.
    #[schema(schema_with = concept::attributes_schema)]
    pub attributes: Attributes,
    /// Where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// When it begins to hold in the world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// When it ceases to hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Timestamp>,
    /// When it was first recorded.
    pub created_at: Timestamp,
    /// When this version was recorded.
    pub updated_at: Timestamp,
    /// When it was retracted: set on what `known_at` before the retraction still shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retracted_at: Option<Timestamp>,
    /// Who taught it.
    pub asserted_by: String,
    /// How many living associations it has.
    pub degree: Degree,
}

/// Numbers of living associations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Degree {
    /// From the concept.
    pub out: u64,
    /// To the concept.
    #[serde(rename = "in")]
    pub into: u64,
}

/// A change of a concept. An absent field stays; `null` clears it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct PatchRequest {
    /// The new aliases, all of them: at most 100.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "super::bounded::optional::<{ limits::ALIASES }, _, _>")]
    pub aliases: Option<Vec<String>>,
    /// Attributes to set; one that is `null` is removed.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "super::bounded::strict::<{ limits::ATTRIBUTES }, _, _>"
    )]
    #[schema(schema_with = concept::attribute_edits_schema)]
    pub attributes: BTreeMap<String, Option<AttributeValue>>,
    /// The new confidence, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub confidence: Option<f64>,
    /// When it begins to hold in the world; `null`: it always did.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Timestamp>)]
    pub valid_from: Option<Option<Timestamp>>,
    /// When it ceases to hold; `null`: it still does.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Timestamp>)]
    pub valid_to: Option<Option<Timestamp>>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Timestamp>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl PatchRequest {
    /// Checks every field against its bound.
    ///
    /// # Errors
    /// The first [`Violation`], naming its field.
    pub fn validate(&self) -> Result<(), Violation> {
        concept::validate_aliases(self.aliases.as_deref().unwrap_or_default())?;
        let set = self.attributes.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?))).collect();
        limits::at_most("attributes", self.attributes.len(), limits::ATTRIBUTES, "entries")?;
        concept::validate_attributes(&set)?;
        super::validate_weights(self.confidence, None)?;
        super::validate_validity(self.valid_from.flatten(), self.valid_to.flatten())
    }
}

/// What became of a retracted or erased concept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeleteResponse {
    /// Always true: a concept that does not exist is `not_found`.
    pub deleted: bool,
    /// The position of the write in the shard's log.
    #[schema(value_type = u64)]
    pub index: LogIndex,
    /// When it was recorded: with `known_at` before it, a retracted concept is still seen; an erased one is not.
    pub recorded_at: Timestamp,
    /// How many associations went with it: its own, and those for which it was the only evidence.
    pub retracted: u64,
}

/// A page of neighbours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NeighborsResponse {
    /// By hop, then direction (out first), type, label and id.
    pub neighbors: Vec<NeighborView>,
    /// Where the next page begins; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A neighbour and the association that leads to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NeighborView {
    /// The neighbour.
    pub id: ConceptId,
    /// Its content.
    pub content: String,
    /// Its distance, 1 to 3.
    pub hop: u32,
    /// `out` or `in`: which way the association was followed.
    pub direction: crate::vocabulary::Direction,
    /// The association's type.
    #[serde(rename = "type")]
    pub kind: AssociationType,
    /// The association's name.
    pub label: String,
    /// The association's confidence.
    pub confidence: f64,
    /// The association's strength.
    pub strength: f64,
    /// What the association rests on.
    pub evidence: Vec<EvidenceView>,
}
