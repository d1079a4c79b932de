//! `LearnConceptV2`, `LearnBatch`, `LearnConcept`, `LearnWithEmbedding`.

use rmpv::ValueRef;
use serde::{Deserialize, Serialize};

use super::value;
use crate::command::LogIndex;
use crate::concept::{AttributeValue, Attributes};
use crate::error::{ApiError, ErrorCode};
use crate::http::{LearnBatchRequest, LearnOptions, LearnRequest};
use crate::id::ConceptId;
use crate::limits;

/// The options of the original protocol that `/v1/learn` does not have. `generate_embedding`, `embedding_model`,
/// `extract_associations` and `analyze_semantics` mean "run the stage if the node has it", for original clients send them always:
/// they are not read by a node that has none, and [`LearnConceptV2Ok::embedded`] says what came of it. The options of `/v1/learn`
/// of that kind (`embed`, `classify`, `extract`), which TCP knows too, are refused by a node that lacks the stage.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct OriginalOptions {
    min_association_confidence: Option<f64>,
    max_associations_per_concept: Option<u32>,
    strength: Option<f64>,
    confidence: Option<f64>,
}

/// Fields of `LearnConceptV2Ok`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LearnConceptV2Ok {
    /// The concept.
    pub concept_id: ConceptId,
    /// The shard that holds it.
    pub shard: u64,
    /// The position of the write in that shard's log.
    pub index: LogIndex,
    /// Whether it did not exist before.
    pub created: bool,
    /// Whether it has an embedding from this request: `generate_embedding` asks for one where the node has an embedder, and
    /// a node without one says so here.
    pub embedded: bool,
}

/// Fields of `LearnBatchOk`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LearnBatchOk {
    /// One for each item, in order; `nil` for one that failed.
    pub concept_ids: Vec<Option<ConceptId>>,
    /// Whether each has an embedding from this request, in order; false for one that failed.
    pub embedded: Vec<bool>,
    /// Those that failed.
    pub errors: Vec<BatchError>,
}

/// An item of a batch that failed; nothing of it is stored.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BatchError {
    /// Its position, from 0.
    pub at: usize,
    /// What went wrong.
    pub code: ErrorCode,
    /// A sentence.
    pub message: String,
}

/// Fields of `LearnConceptOk`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LearnConceptOk {
    /// The position of the write in the shard's log.
    pub sequence: LogIndex,
    /// Whether it has an embedding from this request.
    pub embedded: bool,
}

/// Fields of `LearnAssociationOk`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SequenceOk {
    /// The position of the write in the shard's log.
    pub sequence: LogIndex,
}

/// Fields of `LearnWithEmbeddingOk`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConceptIdOk {
    /// The concept.
    pub concept_id: ConceptId,
    /// Whether it has an embedding from this request.
    pub embedded: bool,
}

/// Reads `LearnConceptV2`, or an item of `LearnBatch`: the fields of `/v1/learn`, and the original options among `options`.
pub(super) fn learn_concept_v2(fields: &ValueRef<'_>, within: &str) -> Result<LearnRequest, ApiError> {
    let mut learn: LearnRequest = value::fields(fields, within)?;
    if let Some(options) = value::entry(fields, "options") {
        apply(&mut learn, original_options(options, within)?);
    }
    Ok(learn)
}

fn original_options(options: &ValueRef<'_>, within: &str) -> Result<OriginalOptions, ApiError> {
    let path = if within.is_empty() { "options".into() } else { format!("{within}.options") };
    value::fields(options, &path)
}

fn apply(learn: &mut LearnRequest, original: OriginalOptions) {
    learn.confidence = learn.confidence.or(original.confidence);
    learn.strength = learn.strength.or(original.strength);
    complement(learn.options.get_or_insert_default(), &original);
}

fn complement(options: &mut LearnOptions, original: &OriginalOptions) {
    options.max_associations = options.max_associations.or(original.max_associations_per_concept);
    options.min_confidence = options.min_confidence.or(original.min_association_confidence);
}

/// Reads `LearnBatch`: `contents` or `items`, with the batch's options for those that have none.
pub(super) fn learn_batch(fields: &ValueRef<'_>) -> Result<LearnBatchRequest, ApiError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Batch {
        contents: Vec<String>,
        namespace: Option<crate::Namespace>,
        options: Option<LearnOptions>,
    }
    let batch: Batch = value::fields(fields, "")?;
    let original = value::entry(fields, "options").map(|options| original_options(options, "")).transpose()?;
    let mut items = match value::entry(fields, "items") {
        None => Vec::new(),
        Some(ValueRef::Array(_)) if !batch.contents.is_empty() => {
            return Err(ApiError::invalid("items", "contents and items are both given; give one of them"));
        }
        Some(ValueRef::Array(items)) => {
            limits::at_most("items", items.len(), limits::BATCH_ITEMS, "entries")?;
            let read = |(at, item)| learn_concept_v2(item, &format!("items[{at}]"));
            items.iter().enumerate().map(read).collect::<Result<_, _>>()?
        }
        Some(other) => return Err(ApiError::invalid("items", format!("items is {}; expected a list", value::kind(other)))),
    };
    limits::at_most("contents", batch.contents.len(), limits::BATCH_ITEMS, "entries")?;
    items.extend(batch.contents.into_iter().map(|content| LearnRequest { content, ..LearnRequest::default() }));
    let mut options = batch.options;
    if let Some(original) = original {
        complement(options.get_or_insert_default(), &original);
        for item in &mut items {
            item.confidence = item.confidence.or(original.confidence);
            item.strength = item.strength.or(original.strength);
        }
    }
    Ok(LearnBatchRequest { items, namespace: batch.namespace, options })
}

/// Reads `LearnConcept`, whose `concept_id` is the concept's key.
pub(super) fn learn_concept(fields: &ValueRef<'_>) -> Result<LearnRequest, ApiError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct LearnConcept {
        concept_id: Option<String>,
        content: String,
        embedding: Vec<f32>,
        strength: Option<f64>,
        confidence: Option<f64>,
        namespace: Option<crate::Namespace>,
    }
    let LearnConcept { concept_id, content, embedding, strength, confidence, namespace } = value::fields(fields, "")?;
    let vector = Some(embedding).filter(|embedding| !embedding.is_empty());
    Ok(LearnRequest { content, key: concept_id, vector, strength, confidence, namespace, ..LearnRequest::default() })
}

/// Reads `LearnWithEmbedding`, whose `id` is the concept's key, whose `metadata` are its attributes and whose `timestamp` becomes
/// one of them; when it was recorded is the store's to say.
pub(super) fn learn_with_embedding(fields: &ValueRef<'_>) -> Result<LearnRequest, ApiError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct LearnWithEmbedding {
        id: Option<String>,
        namespace: Option<crate::Namespace>,
        content: String,
        embedding: Vec<f32>,
        metadata: Attributes,
        timestamp: Option<AttributeValue>,
    }
    let LearnWithEmbedding { id, namespace, content, embedding, metadata, timestamp } = value::fields(fields, "")?;
    let mut attributes = metadata;
    if let Some(timestamp) = timestamp {
        attributes.entry("timestamp".into()).or_insert(timestamp);
    }
    let vector = Some(embedding).filter(|embedding| !embedding.is_empty());
    Ok(LearnRequest { content, key: id, vector, attributes, namespace, ..LearnRequest::default() })
}
