//! What learning and reasoning may ask of stored knowledge.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::association::{Association, AssociationKey, Label};
use crate::concept::Concept;
use crate::id::ConceptId;
use crate::vocabulary::{AssociationType, Direction};

/// One namespace as it is known, and valid, at one time.
///
/// A value of this trait is a pinned view: everything it answers belongs to one state, however long it is held. A frontier is
/// asked for at once, so that a sharded implementation needs one request a shard and hop.
pub trait Knowledge {
    /// The concept, if it is alive.
    fn concept(&self, id: ConceptId) -> Option<Arc<Concept>>;

    /// The living concept whose key this is.
    fn keyed(&self, key: &str) -> Option<ConceptId>;

    /// Every living concept that is called `name`: by its content, the words before its first colon or comma, or an alias, all
    /// compared by [`normal_name`](crate::name::normal_name). In the order of the ids.
    fn named(&self, name: &str) -> Vec<ConceptId>;

    /// For each concept of the frontier, in its order, the living associations that leave it in `direction` and pass `filter`,
    /// ordered by type, label and neighbour; outgoing before incoming.
    fn expand(&self, frontier: &[ConceptId], direction: Direction, filter: &AssociationFilter) -> Vec<Vec<Step>>;

    /// The association with its evidence, if it is alive.
    fn association(&self, key: &AssociationKey) -> Option<Association>;

    /// Whether some of it is kept elsewhere, so that it pays to [`Knowledge::prepare`].
    fn is_elsewhere(&self) -> bool {
        false
    }

    /// Says what will be asked for next, one by one: where it is kept elsewhere, it is fetched at once. No answer depends on it.
    fn prepare(&self, _wanted: &Wanted) {}
}

/// What somebody is about to ask for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// By [`Knowledge::concept`].
    pub concepts: Vec<ConceptId>,
    /// By [`Knowledge::association`].
    pub associations: Vec<AssociationKey>,
    /// By [`Knowledge::keyed`].
    pub keys: Vec<String>,
    /// By [`Knowledge::named`].
    pub names: Vec<String>,
}

/// Which associations a walk may use. An empty list stands for all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AssociationFilter {
    /// Allowed types.
    pub types: Vec<AssociationType>,
    /// Allowed labels.
    pub labels: Vec<Label>,
    /// Least confidence.
    pub min_confidence: f64,
}

impl AssociationFilter {
    /// Whether an association passes.
    pub fn allows(&self, kind: AssociationType, label: &Label, confidence: f64) -> bool {
        self.allows_name(kind, label) && confidence >= self.min_confidence
    }

    /// Whether an association of this type and label may pass, whatever its confidence.
    pub fn allows_name(&self, kind: AssociationType, label: &Label) -> bool {
        (self.types.is_empty() || self.types.contains(&kind)) && (self.labels.is_empty() || self.labels.contains(label))
    }
}

/// An association as a walk crosses it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The association.
    pub key: AssociationKey,
    /// Its confidence.
    pub confidence: f64,
    /// Its strength.
    pub strength: f64,
    /// Whether it is crossed from its target to its source.
    pub reversed: bool,
}

impl Step {
    /// Where the walk comes from.
    pub fn from(&self) -> ConceptId {
        if self.reversed { self.key.target } else { self.key.source }
    }

    /// Where the walk arrives.
    pub fn to(&self) -> ConceptId {
        if self.reversed { self.key.source } else { self.key.target }
    }
}
