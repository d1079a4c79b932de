//! Commands: what a log holds and a state machine applies.
//!
//! A command is complete. Names are resolved to ids, vectors are computed and the time is set before it is proposed, so that
//! applying it gives the same state on every replica and at every replay. It is stored as MessagePack maps; a field may be added
//! with a default, never renamed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::association::{AssociationKey, Evidence};
use crate::concept::{AttributeValue, Attributes, Concept, Source};
use crate::effects::{Delivery, Ghost, Taken};
use crate::error::ApiError;
use crate::http::{NamespaceSettings, OnConflict};
use crate::id::ConceptId;
use crate::namespace::Namespace;
use crate::placement::PlacementKey;
use crate::time::{Timestamp, Validity};
use crate::vocabulary::SemanticType;

/// Position in a shard's log, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogIndex(pub u64);

/// What one write request does. Its operations stand or fall each on its own, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Whose graph.
    pub namespace: Namespace,
    /// Who asks for it.
    pub asserted_by: Arc<str>,
    /// Set when the caller may repeat the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestKey>,
    /// What to do.
    pub operations: Vec<Operation>,
    /// What the operations have to know of concepts that other shards keep, as whoever planned them saw it; in the order of the ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<Ghost>,
}

/// Recognises the repetition of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestKey {
    /// The caller's `Idempotency-Key`, at most 255 bytes.
    pub key: String,
    /// First 16 bytes of BLAKE3 over method, path and body: the same key with another request is an error.
    pub digest: u128,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Operation {
    /// Teach a concept and associations that rest on it.
    Learn(Box<Learn>),
    /// Teach an association between concepts that exist.
    Associate(NewAssociation),
    /// Retract an association, whatever its evidence.
    Dissociate(AssociationKey),
    /// Change a concept in place.
    Amend(Box<Amend>),
    /// Retract a concept and what rests on it alone; what it said stays in the history.
    Retract(ConceptId),
    /// Retract a concept if it is alive, and remove for ever what its id ever held: its versions, its names, its vectors, and the
    /// associations that end at it. What rested on it alone goes with it.
    Erase(ConceptId),
    /// Create the namespace, or change its settings.
    SetNamespace(NamespaceSettings),
    /// Remove the namespace with everything in it.
    DropNamespace,
    /// Change nothing: an item of a batch that was refused before it could become an operation. Where the batch may be repeated
    /// it stands in the log, so that the repetition is answered as the first time; its outcome is [`Rejection::Refused`].
    Refuse(Box<ApiError>),
    /// Fix the dimension of the namespace's vectors, which its first one does where there is one shard.
    FixDimension(u32),
    /// Remember that this was asked for, and have the shard do it whose it is.
    Forward(Box<Operation>),
    /// Take what operations of another shard change here.
    Take(Box<Delivery>),
    /// Every shard has taken the effects up to this number.
    Delivered(u64),
}

impl Operation {
    /// The place whose shard decides about it; `None`: any shard does.
    pub fn place(&self, namespace: &Namespace) -> Option<PlacementKey> {
        match self {
            Self::Learn(learn) => Some(match &learn.concept.key {
                Some(key) => PlacementKey::of_key(namespace, key),
                None => PlacementKey::of_concept(learn.concept.id),
            }),
            Self::Associate(association) => Some(PlacementKey::of_concept(association.key.source)),
            Self::Dissociate(key) => Some(PlacementKey::of_concept(key.source)),
            Self::Amend(amend) => Some(PlacementKey::of_concept(amend.id)),
            Self::Retract(id) | Self::Erase(id) => Some(PlacementKey::of_concept(*id)),
            Self::SetNamespace(_) | Self::DropNamespace | Self::FixDimension(_) => Some(PlacementKey::of_namespace(namespace)),
            Self::Refuse(_) | Self::Forward(_) | Self::Take(_) | Self::Delivered(_) => None,
        }
    }

    /// About its size in bytes.
    pub fn weight(&self) -> usize {
        match self {
            Self::Learn(learn) => learn.weight(),
            Self::Associate(association) => association.weight(),
            Self::Amend(amend) => {
                512 + attributes_weight(amend.attributes.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))))
            }
            Self::Forward(operation) => operation.weight(),
            _ => 256,
        }
    }

    /// The concepts that its associations mention, and those that it needs: another shard may keep them than the one that decides.
    pub fn mentions(&self) -> Vec<ConceptId> {
        let of = |association: &NewAssociation| {
            let AssociationKey { source, target, .. } = association.key;
            association.evidence.iter().copied().chain([source, target]).collect::<Vec<_>>()
        };
        match self {
            Self::Learn(learn) => {
                learn.associations.iter().flat_map(of).chain(learn.targets.iter().map(|target| target.id)).collect()
            }
            Self::Associate(association) => of(association),
            Self::Forward(operation) => operation.mentions(),
            _ => Vec::new(),
        }
    }
}

/// Teaches a concept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Learn {
    /// The concept.
    pub concept: NewConcept,
    /// What to do if its key already names another content, or its id already exists. `None`: refuse the first, merge the second
    /// unless it comes from another source.
    #[serde(default)]
    pub on_conflict: Option<OnConflict>,
    /// Concepts to create, where they do not exist, because an association needs them.
    #[serde(default)]
    pub targets: Vec<NewConcept>,
    /// Associations whose evidence is this concept. They end at living concepts or at `targets`.
    #[serde(default)]
    pub associations: Vec<NewAssociation>,
}

/// What is taught of a concept. Where it exists already, a field that is `None` or empty leaves what is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewConcept {
    /// Derived from namespace, content and key.
    pub id: ConceptId,
    /// The caller's own id for it.
    #[serde(default)]
    pub key: Option<Arc<str>>,
    /// The text, in normal form.
    pub content: Arc<str>,
    /// Other names.
    #[serde(default)]
    pub aliases: Vec<Arc<str>>,
    /// Default: entity.
    #[serde(default)]
    pub semantic_type: Option<SemanticType>,
    /// Default: 1.
    #[serde(default)]
    pub confidence: Option<f64>,
    /// Default: 1.
    #[serde(default)]
    pub strength: Option<f64>,
    /// Typed properties.
    #[serde(default)]
    pub attributes: Attributes,
    /// Embedding.
    #[serde(default)]
    pub vector: Option<Arc<[f32]>>,
    /// Where it was read.
    #[serde(default)]
    pub source: Option<Source>,
    /// Default: always.
    #[serde(default)]
    pub validity: Option<Validity>,
}

impl Learn {
    /// About its size in bytes.
    pub fn weight(&self) -> usize {
        let associations = self.associations.iter().map(NewAssociation::weight).sum::<usize>();
        self.concept.weight() + self.targets.iter().map(NewConcept::weight).sum::<usize>() + associations
    }
}

impl NewAssociation {
    fn weight(&self) -> usize {
        200 + self.key.label.as_str().len() + 24 * self.evidence.len()
    }
}

fn attributes_weight<'a>(attributes: impl Iterator<Item = (&'a String, &'a AttributeValue)>) -> usize {
    let text = |value: &AttributeValue| if let AttributeValue::Text(text) = value { text.len() } else { 9 };
    attributes.map(|(name, value)| name.len() + text(value) + 16).sum()
}

impl NewConcept {
    /// About its size in bytes.
    pub fn weight(&self) -> usize {
        let source =
            self.source.as_ref().map_or(0, |source| source.uri.len() + source.title.as_ref().map_or(0, String::len) + 64);
        let aliases = self.aliases.iter().map(|alias| alias.len() + 8).sum::<usize>();
        let vector = self.vector.as_ref().map_or(0, |vector| 5 * vector.len());
        256 + self.content.len() + aliases + attributes_weight(self.attributes.iter()) + vector + source
    }

    /// A concept of which only the content (in any form) and the key are known.
    pub fn bare(namespace: &Namespace, content: &str, key: Option<&str>) -> Self {
        Self {
            id: ConceptId::derive(namespace, content, key),
            key: key.map(Arc::from),
            content: crate::id::normal_content(content).into(),
            aliases: Vec::new(),
            semantic_type: None,
            confidence: None,
            strength: None,
            attributes: Attributes::new(),
            vector: None,
            source: None,
            validity: None,
        }
    }
}

/// What is taught of an association.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewAssociation {
    /// Its identity.
    pub key: AssociationKey,
    /// How strongly this evidence speaks for it, 0 to 1.
    pub confidence: f64,
    /// How strongly it is held, 0 to 1.
    pub strength: f64,
    /// The statements it rests on; none: the word of the command's `asserted_by`.
    #[serde(default)]
    pub evidence: Vec<ConceptId>,
}

/// Changes a concept in place; what is `None` stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Amend {
    /// The concept.
    pub id: ConceptId,
    /// The version that the caller saw (`If-Match`): refused unless it is still the newest.
    #[serde(default)]
    pub expected: Option<Timestamp>,
    /// The new aliases, all of them.
    #[serde(default)]
    pub aliases: Option<Vec<Arc<str>>>,
    /// Attributes to set, and, with `None`, to remove.
    #[serde(default)]
    pub attributes: std::collections::BTreeMap<String, Option<crate::concept::AttributeValue>>,
    /// The new confidence.
    #[serde(default)]
    pub confidence: Option<f64>,
    /// The start of its validity.
    #[serde(default)]
    pub valid_from: Edit<Timestamp>,
    /// The end of its validity.
    #[serde(default)]
    pub valid_to: Edit<Timestamp>,
}

/// What becomes of an optional field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Edit<T> {
    /// It stays.
    #[default]
    Keep,
    /// It becomes absent.
    Clear,
    /// It becomes this.
    Set(T),
}

/// What a command came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// Where in the log it stands.
    pub index: LogIndex,
    /// Its record time.
    pub recorded_at: Timestamp,
    /// Whether this is the remembered answer of an earlier, equal request.
    pub repeated: bool,
    /// One for each operation, in order.
    pub outcomes: Vec<Result<Outcome, Rejection>>,
    /// The number of its effects on other shards; `None`: it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<u64>,
}

/// What one operation did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// Of [`Operation::Learn`].
    Learned {
        /// The concept that now holds the content (another than the one taught after `on_conflict: merge` by key).
        id: ConceptId,
        /// Whether it did not exist before.
        created: bool,
        /// Its type.
        semantic_type: SemanticType,
        /// Its associations from this request, as they are now.
        associations: Vec<LearnedAssociation>,
    },
    /// Of [`Operation::Associate`].
    Associated {
        /// Whether no such association was alive before.
        created: bool,
        /// What its confidence is now.
        confidence: f64,
    },
    /// Of [`Operation::Dissociate`].
    Dissociated {
        /// Whether such an association was alive.
        deleted: bool,
    },
    /// Of [`Operation::Amend`]: the new version.
    Amended(Arc<Concept>),
    /// Of [`Operation::Retract`].
    Retracted {
        /// How many associations went with it.
        associations: u64,
    },
    /// Of [`Operation::Erase`]: no view shows any of it any more, whatever time it is of.
    Erased {
        /// How many living associations went with it.
        associations: u64,
    },
    /// Of [`Operation::SetNamespace`].
    NamespaceSet {
        /// Whether it did not exist before.
        created: bool,
    },
    /// Of [`Operation::DropNamespace`].
    NamespaceDropped {
        /// How many living concepts it held.
        concepts: u64,
    },
    /// The shard that this place is in does it: what came of it is told where the effects that were sent are taken.
    Forwarded(PlacementKey),
    /// Of [`Operation::FixDimension`].
    DimensionFixed,
    /// Of [`Operation::Take`].
    Taken(Box<Taken>),
    /// Of [`Operation::Delivered`].
    Noted,
}

/// An association as a learn request left it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearnedAssociation {
    /// Its identity.
    pub key: AssociationKey,
    /// The target's content; empty where it is long, or another shard's.
    pub target_content: Arc<str>,
    /// Its confidence now.
    pub confidence: f64,
    /// What it rests on now.
    pub evidence: Vec<Evidence>,
}

/// Why an operation changed nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
pub enum Rejection {
    /// The key names another content.
    #[error("key {key:?} already names concept {holder} with another content; set on_conflict to merge or replace it")]
    KeyTaken {
        /// The key.
        key: Arc<str>,
        /// The concept that has it.
        holder: ConceptId,
    },
    /// `on_conflict: error`, and the concept is there.
    #[error("concept {id} exists already and on_conflict is error")]
    Exists {
        /// The concept.
        id: ConceptId,
    },
    /// The concept is there, from another source; taking the new one silently would lose the old citation.
    #[error(
        "concept {id} was learned from another source; set on_conflict to merge to keep that one, to replace to take the new one, \
         or give this one a key of its own to keep both"
    )]
    SourceDiffers {
        /// The concept.
        id: ConceptId,
    },
    /// A concept that the operation needs is not alive; where it is to be erased, nothing of it was ever kept.
    #[error("{role} {id} does not exist")]
    NoConcept {
        /// What the operation needs it for: "concept", "source", "target", "evidence".
        #[serde(deserialize_with = "known_text")]
        role: Known,
        /// The concept.
        id: ConceptId,
    },
    /// The namespace holds vectors of another dimension.
    #[error("vector has {found} dimensions; namespace holds vectors of {expected}")]
    Dimension {
        /// The namespace's.
        expected: u32,
        /// The vector's.
        found: u32,
    },
    /// A setting that the namespace's vectors depend on would change under them.
    #[error("{setting} is {found}; the namespace holds vectors with {stored}, and it can change only while there are none")]
    VectorsFixed {
        /// `vector_scalar` or `embedder`.
        #[serde(deserialize_with = "known_text")]
        setting: Known,
        /// What it would become.
        found: Box<str>,
        /// What the vectors have.
        stored: Box<str>,
    },
    /// A merge would exceed a bound.
    #[error("{field} would have {found} entries; at most {bound} are allowed")]
    TooMany {
        /// `aliases` or `attributes`.
        #[serde(deserialize_with = "known_text")]
        field: Known,
        /// After the merge.
        found: usize,
        /// The limit.
        bound: usize,
    },
    /// The validity would end before it begins.
    #[error("valid_to {to} is not after valid_from {from}")]
    EmptyValidity {
        /// The start it would have.
        from: Timestamp,
        /// The end it would have.
        to: Timestamp,
    },
    /// `If-Match` names an older version.
    #[error("concept {id} has changed since the version that If-Match names")]
    Changed {
        /// The concept.
        id: ConceptId,
    },
    /// The same `Idempotency-Key` came with another request.
    #[error("this Idempotency-Key was used for another request within the hour")]
    KeyReused,
    /// There is no such namespace.
    #[error("namespace {namespace} does not exist")]
    NoNamespace {
        /// Its name.
        namespace: Namespace,
    },
    /// Of [`Operation::Refuse`].
    #[error("{0}")]
    Refused(Box<ApiError>),
    /// Something else is taught with the key just now: whether it will have the key is decided soon.
    #[error("key {key:?} is about to name another concept")]
    KeyBusy {
        /// The key.
        key: Arc<str>,
    },
    /// Another shard decides about it.
    #[error("this shard does not keep what the operation is about")]
    NotHere,
    /// The dimension of the namespace's vectors has to be fixed first.
    #[error("the namespace has no vectors yet")]
    NoDimension,
    /// Effects that come before these have not been taken.
    #[error("effects up to {taken} of shard {origin} were taken; those after {after} can't come yet")]
    Gap {
        /// The shard that they come from.
        origin: u64,
        /// The number of the last ones that were taken.
        taken: u64,
        /// The number of the ones that have to be taken before.
        after: u64,
    },
}

impl Rejection {
    /// Whether it says only that nobody could say yet: tried again a little later, there is an answer.
    pub fn is_undecided(&self) -> bool {
        matches!(self, Self::KeyBusy { .. } | Self::NotHere | Self::NoDimension)
    }
}

/// One of the few texts that a rejection names a part of a request by.
type Known = &'static str;

/// Reads back one of the few texts that a rejection names a part of a request by.
fn known_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Known, D::Error> {
    const KNOWN: [&str; 8] = ["concept", "source", "target", "evidence", "aliases", "attributes", "vector_scalar", "embedder"];
    let text = String::deserialize(deserializer)?;
    let known = KNOWN.into_iter().find(|known| *known == text);
    known.ok_or_else(|| serde::de::Error::unknown_variant(&text, &KNOWN))
}
