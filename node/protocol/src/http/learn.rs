//! `POST /v1/learn`, `/v1/learn/batch`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::EvidenceView;
use crate::command::LogIndex;
use crate::concept::{self, Attributes, Source};
use crate::error::ApiError;
use crate::id::ConceptId;
use crate::limits::{self, Violation};
use crate::namespace::Namespace;
use crate::time::Timestamp;
use crate::vocabulary::{AssociationType, SemanticType};

/// A piece of knowledge to learn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct LearnRequest {
    /// The text: 1 byte to 10 MiB of UTF-8. Surrounding white space is dropped, Unicode is brought to form C.
    #[schema(required, min_length = 1)]
    pub content: String,
    /// The caller's own id for it (MRN, LEI, QID): 1 to 512 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Default: `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// Other names: at most 100.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "super::bounded::or_null::<{ limits::ALIASES }, _, _>")]
    pub aliases: Vec<String>,
    /// Default: `entity`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub semantic_type: Option<SemanticType>,
    /// How sure the teacher is, 0 to 1. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub confidence: Option<f64>,
    /// How strongly it is held, 0 to 1. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub strength: Option<f64>,
    /// Typed properties: at most 100.
    #[serde(
        skip_serializing_if = "Attributes::is_empty",
        deserialize_with = "super::bounded::or_null::<{ limits::ATTRIBUTES }, _, _>"
    )]
    #[schema(schema_with = concept::attributes_schema)]
    pub attributes: Attributes,
    /// Its embedding: 1 to 4096 finite numbers, as many as every other vector of the namespace has.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "super::bounded::optional::<{ limits::VECTOR_DIMENSIONS }, _, _>"
    )]
    pub vector: Option<Vec<f32>>,
    /// When it begins to hold in the world.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// When it ceases to hold; after `valid_from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Timestamp>,
    /// Where it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Associations from it; it is their evidence.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "super::bounded::or_null::<{ limits::ASSOCIATIONS }, _, _>"
    )]
    pub associations: Vec<LearnAssociation>,
    /// Entities that the text names; each becomes a `semantic` association labelled `mentions`.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "super::bounded::or_null::<{ limits::ASSOCIATIONS }, _, _>"
    )]
    pub mentions: Vec<Mention>,
    /// What to do if the key already names another content, or the concept exists. Default: refuse the first; merge the second,
    /// unless it was learned from another source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_conflict: Option<OnConflict>,
    /// Stages of the learning pipeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<LearnOptions>,
}

/// An association of a learn request. Exactly one of `target`, `target_key` and `target_content` names its target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct LearnAssociation {
    /// A concept's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<ConceptId>,
    /// A concept's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_key: Option<String>,
    /// A concept's content or alias; a concept with this content is created if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_content: Option<String>,
    /// Default: `semantic`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<AssociationType>,
    /// Its name, at most 512 bytes. Default: empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// 0 to 1. Default: the concept's confidence in this request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub confidence: Option<f64>,
    /// 0 to 1. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub strength: Option<f64>,
    /// When it begins to hold in the world.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// When it ceases to hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Timestamp>,
}

/// A part of the content that names an entity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Mention {
    /// First character of the name, counted in Unicode code points of `content` as sent.
    #[schema(required)]
    pub start: u64,
    /// One past its last character.
    #[schema(required)]
    pub end: u64,
    /// The entity's key, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The entity's type, if it is new.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub semantic_type: Option<SemanticType>,
}

/// What happens to knowledge that is already there under the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnConflict {
    /// The request is refused with `conflict`.
    Error,
    /// What is stored stays and is complemented; another content under the same key becomes an alias.
    Merge,
    /// What is stored gives way; another content under the same key is retracted.
    Replace,
}

/// Stages of the learning pipeline, and their bounds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct LearnOptions {
    /// Whether to embed the content. `true` needs a node with an embedder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embed: Option<bool>,
    /// Whether to find out the content's type. `true` needs a node that can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classify: Option<bool>,
    /// Whether to find associations in the content. `true` needs a node that can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extract: Option<bool>,
    /// Most associations to extract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_associations: Option<u32>,
    /// Least confidence of an extracted association, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub min_confidence: Option<f64>,
}

/// What was learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LearnResponse {
    /// The concept.
    pub id: ConceptId,
    /// Whether it did not exist before.
    pub created: bool,
    /// The shard that holds it.
    pub shard: u64,
    /// The position of the write in that shard's log.
    #[schema(value_type = u64)]
    pub index: LogIndex,
    /// When it was recorded: the `known_at` from which it is seen.
    pub recorded_at: Timestamp,
    /// Its type.
    #[serde(rename = "type")]
    pub semantic_type: SemanticType,
    /// Its associations from this request.
    pub associations: Vec<LearnedAssociationView>,
}

/// An association as a learn request left it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LearnedAssociationView {
    /// Where it starts.
    pub source: ConceptId,
    /// The source's content.
    pub source_content: String,
    /// Where it ends.
    pub target: ConceptId,
    /// The target's content.
    pub target_content: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: AssociationType,
    /// Its name.
    pub label: String,
    /// Its confidence, from all its evidence.
    pub confidence: f64,
    /// What it rests on.
    pub evidence: Vec<EvidenceView>,
}

/// Several pieces of knowledge.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct LearnBatchRequest {
    /// At most 1000.
    #[serde(deserialize_with = "super::bounded::strict::<{ limits::BATCH_ITEMS }, _, _>")]
    #[schema(required, max_items = 1000)]
    pub items: Vec<LearnRequest>,
    /// For the items that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// For the items that have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<LearnOptions>,
}

/// What became of each item of a learn batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LearnBatchResponse {
    /// In the order of the items.
    pub results: Vec<LearnResult>,
}

/// What became of one item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum LearnResult {
    /// It was refused; nothing of it is stored.
    Refused {
        /// Why.
        error: ApiError,
    },
    /// It was learned.
    Learned(LearnResponse),
}

impl LearnRequest {
    /// Checks every field against its bound, but for what only the stored knowledge can tell.
    ///
    /// # Errors
    /// The first [`Violation`], naming its field.
    pub fn validate(&self) -> Result<(), Violation> {
        limits::content("content", &self.content)?;
        if let Some(key) = &self.key {
            limits::text("key", key, limits::KEY_BYTES)?;
        }
        concept::validate_aliases(&self.aliases)?;
        super::validate_weights(self.confidence, self.strength)?;
        concept::validate_attributes(&self.attributes)?;
        if let Some(vector) = &self.vector {
            concept::validate_vector(vector)?;
        }
        super::validate_validity(self.valid_from, self.valid_to)?;
        if let Some(source) = &self.source {
            source.validate().map_err(|violation| violation.within("source"))?;
        }
        limits::at_most("associations", self.associations.len(), limits::ASSOCIATIONS, "entries")?;
        for (at, association) in self.associations.iter().enumerate() {
            association.validate().map_err(|violation| violation.within(format_args!("associations[{at}]")))?;
        }
        limits::at_most("mentions", self.mentions.len(), limits::ASSOCIATIONS, "entries")?;
        if !self.mentions.is_empty() {
            let characters = self.content.chars().count() as u64;
            for (at, mention) in self.mentions.iter().enumerate() {
                mention.validate(characters).map_err(|violation| violation.within(format_args!("mentions[{at}]")))?;
            }
        }
        match self.options.as_ref().and_then(|options| options.min_confidence) {
            Some(least) => limits::unit_interval("options.min_confidence", least),
            None => Ok(()),
        }
    }
}

impl LearnAssociation {
    fn validate(&self) -> Result<(), Violation> {
        let named = [self.target.is_some(), self.target_key.is_some(), self.target_content.is_some()];
        if named.iter().filter(|given| **given).count() != 1 {
            let found = if named.contains(&true) { "is named more than once" } else { "is missing" };
            return Err(Violation::invalid("target", found, "give exactly one of target, target_key and target_content"));
        }
        if let Some(key) = &self.target_key {
            limits::text("target_key", key, limits::KEY_BYTES)?;
        }
        if let Some(content) = &self.target_content {
            limits::content("target_content", content)?;
        }
        limits::at_most("label", self.label.as_ref().map_or(0, String::len), limits::LABEL_BYTES, "bytes")?;
        super::validate_weights(self.confidence, self.strength)?;
        super::validate_validity(self.valid_from, self.valid_to)
    }
}

impl Mention {
    fn validate(&self, characters: u64) -> Result<(), Violation> {
        if self.start >= self.end || self.end > characters {
            let found = format!("is {}..{}", self.start, self.end);
            return Err(Violation::invalid(
                "start",
                found,
                format!("start < end <= {characters} (the content's characters) is needed"),
            ));
        }
        self.key.as_ref().map_or(Ok(()), |key| limits::text("key", key, limits::KEY_BYTES))
    }
}
