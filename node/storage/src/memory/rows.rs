//! Rows with their history.
//!
//! A row is never overwritten: a change adds a version with its record time, so that a reader of the past finds what was there. A
//! retraction is a version too. An association has no row for "dead because an end was retracted": its evidence remembers the
//! incarnations that it was taught with, and counts only while those are the living ones.

use std::sync::Arc;

use sutra_protocol::{Concept, Ground, Timestamp};

/// Everything ever known of one concept id.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConceptRow {
    /// By record time, ascending; never empty once the row is stored.
    versions: Vec<ConceptVersion>,
}

#[derive(Clone, Debug)]
struct ConceptVersion {
    recorded_at: Timestamp,
    /// `None`: retracted then.
    concept: Option<Arc<Concept>>,
}

impl ConceptRow {
    /// The concept as recorded at `known_at`; `None` for the newest.
    pub(crate) fn at(&self, known_at: Option<Timestamp>) -> Option<&Arc<Concept>> {
        let version = match known_at {
            None => self.versions.last(),
            Some(time) => self.versions.iter().rev().find(|version| version.recorded_at <= time),
        };
        version.and_then(|version| version.concept.as_ref())
    }

    /// When what was known at `known_at` was retracted, if it has been since.
    pub(crate) fn retracted_after(&self, known_at: Timestamp) -> Option<Timestamp> {
        let later = self.versions.iter().filter(|version| version.recorded_at > known_at);
        later.into_iter().find(|version| version.concept.is_none()).map(|version| version.recorded_at)
    }

    /// How often the id has been taught anew; 0 for never.
    pub(crate) fn incarnation(&self) -> u64 {
        self.versions.iter().rev().find_map(|version| version.concept.as_ref()).map_or(0, |concept| concept.incarnation)
    }

    pub(crate) fn push(&mut self, recorded_at: Timestamp, concept: Option<Arc<Concept>>) {
        self.versions.reserve_exact(1);
        self.versions.push(ConceptVersion { recorded_at, concept });
    }

    /// Drops versions that no reader of `horizon` or later can see.
    pub(crate) fn forget_before(&mut self, horizon: Timestamp) {
        let visible = self.versions.iter().rposition(|version| version.recorded_at <= horizon).unwrap_or(0);
        self.versions.drain(..visible);
    }
}

/// Everything ever known of one association.
#[derive(Clone, Debug, Default)]
pub(crate) struct AssociationRow {
    /// By record time, ascending.
    pub(crate) evidence: Vec<EvidenceVersion>,
}

/// A piece of evidence, from its teaching to its retraction.
#[derive(Clone, Debug)]
pub(crate) struct EvidenceVersion {
    pub(crate) ground: Ground,
    pub(crate) confidence: f64,
    pub(crate) strength: f64,
    /// Of the association's source when this was taught.
    pub(crate) source_incarnation: u64,
    /// Of its target.
    pub(crate) target_incarnation: u64,
    /// Of the statement; 0 for somebody's word.
    pub(crate) ground_incarnation: u64,
    pub(crate) recorded_at: Timestamp,
    pub(crate) retracted_at: Option<Timestamp>,
}

impl EvidenceVersion {
    /// Whether it stood at `known_at`, as far as it can tell by itself.
    pub(crate) fn stood(&self, known_at: Option<Timestamp>) -> bool {
        match known_at {
            None => self.retracted_at.is_none(),
            Some(time) => self.recorded_at <= time && self.retracted_at.is_none_or(|retracted| time < retracted),
        }
    }
}

impl AssociationRow {
    /// Drops evidence that no reader of `horizon` or later can see.
    pub(crate) fn forget_before(&mut self, horizon: Timestamp) {
        self.evidence.retain(|piece| piece.retracted_at.is_none_or(|retracted| retracted > horizon));
    }
}
