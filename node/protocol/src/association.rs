//! An association as it is stored: its identity and its evidence.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::id::ConceptId;
use crate::time::Validity;
use crate::vocabulary::AssociationType;

/// The free name of an association ("hypernym", "treats"); may be empty. Cheap to clone and, between clones, to compare.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Label(Arc<str>);

impl Label {
    /// The label as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Label {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl Default for Label {
    /// The empty label, shared: ranges over associations begin with it.
    fn default() -> Self {
        static EMPTY: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from(""));
        Self(Arc::clone(&EMPTY))
    }
}

impl PartialOrd for Label {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Label {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// The identity of an association.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AssociationKey {
    /// Where it starts.
    pub source: ConceptId,
    /// Its type.
    pub kind: AssociationType,
    /// Its name.
    pub label: Label,
    /// Where it ends.
    pub target: ConceptId,
    /// When it holds in the world.
    pub validity: Validity,
}

/// What an association rests on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Ground {
    /// A statement, which can be quoted and retracted.
    Statement(ConceptId),
    /// The word of whoever taught it.
    AssertedBy(Arc<str>),
}

/// One piece of evidence that is alive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What it is.
    pub ground: Ground,
    /// How strongly it speaks for the association, 0 to 1; never above its statement's own confidence.
    pub confidence: f64,
}

/// A living association with all that it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Association {
    /// Its identity.
    pub key: AssociationKey,
    /// From its evidence: see [`confidence`].
    pub confidence: f64,
    /// As last given.
    pub strength: f64,
    /// At least one; statements first, in the order of their ids.
    pub evidence: Vec<Evidence>,
}

/// The confidence of an association from its evidence: noisy-or over independent sources (Pearl, "Probabilistic Reasoning in
/// Intelligent Systems", 1988), where what comes from one source counts once, with its strongest piece.
///
/// `evidence` yields (source, confidence) in statement order, so that every replica adds up the same floats in the same order.
pub fn confidence<S: PartialEq>(evidence: impl IntoIterator<Item = (S, f64)>) -> f64 {
    let mut strongest: Vec<(S, f64)> = Vec::new();
    for (source, confidence) in evidence {
        match strongest.iter_mut().find(|(known, _)| *known == source) {
            Some((_, held)) => *held = held.max(confidence),
            None => strongest.push((source, confidence)),
        }
    }
    match strongest.as_slice() {
        // One source is the usual case, and 1 − (1 − c) is not c in floats.
        [(_, only)] => *only,
        several => 1.0 - several.iter().map(|(_, confidence)| 1.0 - confidence).product::<f64>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn independent_sources_add_up_and_one_source_does_not() {
        assert_eq!(confidence([("label.pdf", 0.8)]), 0.8);
        assert_eq!(confidence([("label.pdf", 0.5), ("trial.pdf", 0.5)]), 0.75);
        assert_eq!(confidence([("label.pdf", 0.5), ("label.pdf", 0.25), ("label.pdf", 0.5)]), 0.5);
    }
}
