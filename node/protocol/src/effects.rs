//! Effects: what an operation that one shard has decided changes on others.
//!
//! A concept is kept by one shard, and an association by the shard of its source. Whatever mentions a concept of another shard has a
//! *ghost* of it: as much as it takes to tell whether an association is alive, and how sure it is. So a shard answers for its own
//! concepts alone, without asking others.
//!
//! ```text
//!   command ─→ log of its shard ─ applied ─→ effects, numbered ─→ log of each other shard ─ applied ─→ delivered
//! ```
//!
//! Effects are decided where the command is applied, and stay in that shard's state until every shard that they are for has taken
//! them. They are taken in the order of their numbers, and each once: a shard remembers the last number of every other one.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::association::{AssociationKey, Ground};
use crate::command::{Learn, LogIndex, NewConcept, Operation, Outcome, Rejection};
use crate::concept::{Concept, Source};
use crate::http::NamespaceSettings;
use crate::id::ConceptId;
use crate::namespace::Namespace;
use crate::placement::{KeyRange, PlacementKey};
use crate::time::{Timestamp, Validity};

/// What a ghost shows of a version of a concept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shade {
    /// See [`Concept::incarnation`].
    pub incarnation: u64,
    /// See [`Concept::key`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Arc<str>>,
    /// See [`Concept::validity`].
    #[serde(default, skip_serializing_if = "is_always")]
    pub validity: Validity,
    /// See [`Concept::confidence`].
    pub confidence: f64,
    /// The document that it was read in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// See [`Concept::asserted_by`].
    pub asserted_by: Arc<str>,
}

fn is_always(validity: &Validity) -> bool {
    *validity == Validity::ALWAYS
}

impl From<&Concept> for Shade {
    fn from(concept: &Concept) -> Self {
        Self {
            incarnation: concept.incarnation,
            key: concept.key.clone(),
            validity: concept.validity,
            confidence: concept.confidence,
            uri: concept.source.as_ref().map(|source| source.uri.clone()),
            asserted_by: Arc::clone(&concept.asserted_by),
        }
    }
}

impl Shade {
    /// About its size in bytes.
    fn weight(&self) -> usize {
        let texts = [self.key.as_deref(), self.uri.as_deref(), Some(&*self.asserted_by)];
        144 + texts.into_iter().flatten().map(str::len).sum::<usize>()
    }

    /// The concept that a ghost's row holds: one without content, which no concept that was taught is.
    pub fn concept(&self, namespace: &Namespace, id: ConceptId, recorded_at: Timestamp) -> Concept {
        Concept {
            id,
            namespace: namespace.clone(),
            incarnation: self.incarnation,
            key: self.key.clone(),
            content: Arc::from(""),
            aliases: Vec::new(),
            semantic_type: Default::default(),
            confidence: self.confidence,
            strength: 1.0,
            attributes: Default::default(),
            vector: None,
            source: self.uri.clone().map(|uri| Source { uri, title: None, page: None, offset: None }),
            validity: self.validity,
            asserted_by: Arc::clone(&self.asserted_by),
            created_at: recorded_at,
            updated_at: recorded_at,
        }
    }
}

/// A concept as other shards have it: its history, as far as it shows, or the newest part of a long one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ghost {
    /// The concept.
    pub id: ConceptId,
    /// By record time, ascending; no two in a row show the same. `None`: retracted then.
    pub versions: Vec<(Timestamp, Option<Shade>)>,
    /// The greatest incarnation that was erased or forgotten; 0: none was.
    #[serde(default)]
    pub erased_incarnation: u64,
    /// Whether there were versions before these. Whoever was told of them still knows them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub continues: bool,
}

impl Ghost {
    /// What it shows now, and since when; `None`: it is not alive.
    pub fn living(&self) -> Option<(Timestamp, &Shade)> {
        let (since, shade) = self.versions.last()?;
        Some((*since, shade.as_ref()?))
    }

    /// About its size in bytes.
    fn weight(&self) -> usize {
        64 + self.versions.iter().map(|(_, shade)| 16 + shade.as_ref().map_or(0, Shade::weight)).sum::<usize>()
    }

    /// The greatest incarnation that there was; 0: it never was taught.
    pub fn incarnation(&self) -> u64 {
        let living = self.versions.iter().rev().find_map(|(_, shade)| shade.as_ref());
        living.map_or(self.erased_incarnation, |shade| shade.incarnation)
    }
}

/// A piece of evidence, from its teaching to its retraction, as the shard of the association's source has decided it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    /// What it is.
    pub ground: Ground,
    /// How strongly it speaks for the association.
    pub confidence: f64,
    /// How strongly the association is held.
    pub strength: f64,
    /// Of the association's source, its target and the statement when this was taught; 0 for somebody's word.
    pub incarnations: [u64; 3],
    /// When it was taught.
    pub recorded_at: Timestamp,
    /// When it was retracted, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retracted_at: Option<Timestamp>,
}

impl Piece {
    /// About its size in bytes.
    fn weight(&self) -> usize {
        200 + if let Ground::AssertedBy(who) = &self.ground { who.len() } else { 0 }
    }
}

/// A living concept as the shard that mentions it knows it.
pub type Presumed = (ConceptId, Option<Shade>);

/// What becomes of a row, or has to be done, on another shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    /// A concept is like this now: by the shard that keeps it.
    Ghost(Box<Ghost>),
    /// A concept was like this when somebody mentioned it: it counts where nothing newer is known.
    Glimpse(Box<Ghost>),
    /// Nothing of a concept may be kept any more, as far as it was taught before it was erased.
    Forget {
        /// The concept.
        id: ConceptId,
        /// Its incarnations up to this one; what is known of a later one came after.
        upto: u64,
    },
    /// A concept is needed in this incarnation, unless it has had it already.
    Ensure {
        /// What it is taught as.
        concept: Box<NewConcept>,
        /// The incarnation.
        incarnation: u64,
    },
    /// Evidence for an association of another shard's concept with one of here, or by a statement of here.
    Evidence {
        /// The association.
        key: AssociationKey,
        /// What was added to it, or changed.
        pieces: Vec<Piece>,
        /// What its shard knows of those of its concepts that are kept elsewhere. Whoever keeps one answers where that is wrong.
        presumed: Vec<Presumed>,
    },
    /// A concept gives way to another that has its key, if it still has this incarnation.
    Retire {
        /// The concept.
        id: ConceptId,
        /// Its incarnation.
        incarnation: u64,
    },
    /// A concept is taught whose key belongs to it, as the key's shard has decided.
    Learn(Box<Keyed>),
    /// The key's shard need not wait any longer: what was taught with it is decided.
    Settled {
        /// The key.
        key: Arc<str>,
        /// The number of the effects that taught it.
        number: u64,
        /// The concept that gives way to it, and its incarnation, where one does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gives_way: Option<(ConceptId, u64)>,
    },
    /// Something that was asked of a shard which only remembers that it was asked.
    Do(Box<Operation>),
    /// The namespace has something in it.
    Inhabit,
    /// The namespace has these settings.
    Settings(Box<NamespaceSettings>),
    /// The namespace's vectors have this many dimensions.
    Dimension(u32),
    /// The namespace is removed with everything in it: its next era begins at the record time of this.
    Drop,
    /// A shard has removed all that it kept of the namespace: what is known here of its concepts counts no more.
    Vanish {
        /// The shard's.
        range: KeyRange,
        /// The incarnations that its concepts had are not above this, and all later ones are.
        upto: u64,
    },
}

/// Teaches a concept whose key belongs to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Keyed {
    /// What is taught.
    pub learn: Learn,
    /// The concept that holds it: another than the one taught after `on_conflict: merge`.
    pub subject: ConceptId,
    /// The concept that has to give way, and its incarnation.
    #[serde(default)]
    pub retire: Option<(ConceptId, u64)>,
    /// Which of the namespaces of this name it was decided in: see [`Effect::Drop`].
    #[serde(default)]
    pub era: Timestamp,
}

/// Whom an effect is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Audience {
    /// Every shard that one of these places is in.
    At(Vec<PlacementKey>),
    /// All other shards.
    All,
}

impl Audience {
    /// Whether it is for the shard with this range.
    pub fn is_in(&self, range: &KeyRange) -> bool {
        match self {
            Self::At(places) => places.iter().any(|place| range.holds(*place)),
            Self::All => true,
        }
    }
}

/// The effects of one command, as its shard keeps them until they are delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effects {
    /// Counted by the shard, from 1.
    pub number: u64,
    /// Whose graph.
    pub namespace: Namespace,
    /// Who asked for the command.
    pub asserted_by: Arc<str>,
    /// The command's record time.
    pub recorded_at: Timestamp,
    /// Which of the namespaces of this name it was decided in: see [`Effect::Drop`].
    #[serde(default)]
    pub era: Timestamp,
    /// What operations that are yet to be done have to know of concepts of other shards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<Ghost>,
    /// In the order in which they are taken.
    pub effects: Vec<(Audience, Effect)>,
}

impl Effects {
    /// About their size in bytes.
    pub fn weight(&self) -> usize {
        let effects = self.effects.iter().map(|(audience, effect)| {
            let places = if let Audience::At(places) = audience { places.len() } else { 0 };
            16 * places + effect.weight()
        });
        effects.sum::<usize>() + self.foreign.iter().map(Ghost::weight).sum::<usize>() + 128
    }
}

impl Effect {
    /// About its size in bytes.
    pub fn weight(&self) -> usize {
        match self {
            Self::Ghost(ghost) | Self::Glimpse(ghost) => ghost.weight(),
            Self::Evidence { key, pieces, presumed } => {
                let presumed = presumed.iter().map(|(_, shade)| 64 + shade.as_ref().map_or(0, Shade::weight)).sum::<usize>();
                160 + key.label.as_str().len() + pieces.iter().map(Piece::weight).sum::<usize>() + presumed
            }
            Self::Ensure { concept, .. } => concept.weight(),
            Self::Learn(keyed) => 64 + keyed.learn.weight(),
            Self::Do(operation) => 64 + operation.weight(),
            _ => 128,
        }
    }

    /// Whether it says how a row is, so that taking it twice changes nothing.
    pub fn is_row(&self) -> bool {
        matches!(self, Self::Ghost(_) | Self::Glimpse(_) | Self::Ensure { .. } | Self::Evidence { .. })
    }

    /// Whether it tells of what was in the namespace when it was decided: in a later one of the same name there is nothing of it.
    pub fn is_of_its_era(&self) -> bool {
        match self {
            Self::Ghost(_)
            | Self::Glimpse(_)
            | Self::Ensure { .. }
            | Self::Evidence { .. }
            | Self::Retire { .. }
            | Self::Inhabit
            | Self::Settings(_)
            | Self::Dimension(_) => true,
            // What was asked for is answered, what is to be forgotten is, and a drop has an era of its own.
            Self::Forget { .. } | Self::Learn(_) | Self::Settled { .. } | Self::Do(_) | Self::Drop | Self::Vanish { .. } => false,
        }
    }

    /// Whether something is done because of it that somebody may wait for the outcome of, alone at its record time.
    pub fn stands_alone(&self) -> bool {
        matches!(self, Self::Do(_) | Self::Drop | Self::Retire { .. })
    }
}

/// The effects that a shard takes from another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// The shard that they come from.
    pub origin: u64,
    /// Their number there.
    pub number: u64,
    /// The number of the effects before them that were for the taking shard, as far as it may not have taken those; else 0.
    pub after: u64,
    /// The record time of the command that they follow from.
    pub recorded_at: Timestamp,
    /// Which of the namespaces of this name they were decided in: see [`Effect::Drop`].
    #[serde(default)]
    pub era: Timestamp,
    /// Whether these are only the first of them, which one delivery can't hold all: rows, which come again if this is lost. The number is
    /// taken with the rest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ahead: bool,
    /// Those that are for the taking shard.
    pub effects: Vec<Effect>,
}

/// What a shard made of a delivery.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// How many living associations of this shard died of it.
    pub died: u64,
    /// How many living concepts of this shard were removed with their namespace.
    pub dropped: u64,
    /// What became of the operations in it, in order.
    pub outcomes: Vec<Result<Outcome, Rejection>>,
    /// The numbers of the effects that these had in turn, and that somebody waits for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<u64>,
    /// The entry that took it, and its record time.
    pub at: (LogIndex, Timestamp),
}
