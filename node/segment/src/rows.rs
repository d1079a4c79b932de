//! Rows with their history.
//!
//! A row is never overwritten: a change adds a version with its record time, so that a reader of the past finds what was there. A
//! retraction is a version too. An association has no row for "dead because an end was retracted": its evidence remembers the
//! incarnations that it was taught with, and counts only while those are the living ones.

use std::sync::Arc;

use sutra_protocol::{Concept, Ground, Timestamp};

/// Everything ever known of one concept id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConceptRow {
    /// By record time, ascending; empty only in a row that was erased.
    pub versions: Vec<ConceptVersion>,
    /// The greatest incarnation that was erased or forgotten; 0: none was. What is taught anew begins after it, so that nothing is resurrected.
    pub erased_incarnation: u64,
}

/// What was known of a concept from one record time on.
#[derive(Clone, Debug, PartialEq)]
pub struct ConceptVersion {
    /// From when on.
    pub recorded_at: Timestamp,
    /// `None`: retracted then.
    pub concept: Option<Arc<Concept>>,
}

impl ConceptRow {
    /// The concept as recorded at `known_at`; `None` for the newest.
    pub fn at(&self, known_at: Option<Timestamp>) -> Option<&Arc<Concept>> {
        let version = match known_at {
            None => self.versions.last(),
            Some(time) => self.versions.iter().rev().find(|version| version.recorded_at <= time),
        };
        version.and_then(|version| version.concept.as_ref())
    }

    /// When what was known at `known_at` was retracted, if it has been since.
    pub fn retracted_after(&self, known_at: Timestamp) -> Option<Timestamp> {
        let later = self.versions.iter().filter(|version| version.recorded_at > known_at);
        later.into_iter().find(|version| version.concept.is_none()).map(|version| version.recorded_at)
    }

    /// How often the id has been taught anew; 0 for never.
    pub fn incarnation(&self) -> u64 {
        self.versions
            .iter()
            .rev()
            .find_map(|version| version.concept.as_ref())
            .map_or(self.erased_incarnation, |concept| concept.incarnation)
    }

    /// Drops versions that no reader of `horizon` or later can see.
    pub fn forget_before(&mut self, horizon: Timestamp) {
        let visible = self.versions.iter().rposition(|version| version.recorded_at <= horizon).unwrap_or(0);
        let before = self.erased_incarnation;
        // A retraction alone does not tell which incarnation it ended, and what is taught anew must come after that one.
        self.erased_incarnation = self.erased_incarnation.max(self.incarnation());
        self.versions.drain(..visible);
        if self.versions.iter().any(|version| version.concept.is_some()) {
            self.erased_incarnation = before;
        }
    }
}

/// Everything ever known of one association.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AssociationRow {
    /// By record time, ascending.
    pub evidence: Vec<EvidenceVersion>,
}

/// A piece of evidence, from its teaching to its retraction.
#[derive(Clone, Debug, PartialEq)]
pub struct EvidenceVersion {
    /// What it is.
    pub ground: Ground,
    /// How strongly it speaks for the association, 0 to 1.
    pub confidence: f64,
    /// How strongly the association is held, 0 to 1.
    pub strength: f64,
    /// Of the association's source when this was taught.
    pub source_incarnation: u64,
    /// Of its target.
    pub target_incarnation: u64,
    /// Of the statement; 0 for somebody's word.
    pub ground_incarnation: u64,
    /// When it was taught.
    pub recorded_at: Timestamp,
    /// When it was retracted, if it was.
    pub retracted_at: Option<Timestamp>,
}

impl EvidenceVersion {
    /// Whether it stood at `known_at`, as far as it can tell by itself.
    pub fn stood(&self, known_at: Option<Timestamp>) -> bool {
        match known_at {
            None => self.retracted_at.is_none(),
            Some(time) => self.recorded_at <= time && self.retracted_at.is_none_or(|retracted| time < retracted),
        }
    }
}

impl AssociationRow {
    /// Drops evidence that no reader of `horizon` or later can see.
    pub fn forget_before(&mut self, horizon: Timestamp) {
        self.evidence.retain(|piece| piece.retracted_at.is_none_or(|retracted| retracted > horizon));
    }
}
