//! Rows as the changes that made them.
//!
//! A row grows with its history. Were it stored whole each time, a concept that is amended all day, or an association with thousands
//! of statements behind it, would take memory with the square of its changes.

use std::borrow::Cow;
use std::sync::Arc;

use sutra_protocol::{Concept, Timestamp};
use sutra_segment::{AssociationRow, ConceptRow, ConceptVersion, EvidenceVersion, Standing};

use super::NONE;
use super::appended::Appended;

/// The changes of all rows of a kind.
pub(super) struct Changes<C>(Appended<Change<C>>);

pub(super) struct Change<C> {
    change: C,
    /// The one before of the same row.
    older: u32,
}

/// What is done to the row of a concept.
pub(crate) enum ConceptChange {
    /// It is this, whatever was before.
    Whole(Box<ConceptRow>),
    /// It has one more version.
    Version(ConceptVersion),
}

/// What is done to the row of an association.
pub(crate) enum AssociationChange {
    /// It is this, whatever was before.
    Whole(Box<AssociationRow>),
    /// It has one more piece of evidence.
    Added {
        /// Index of the piece that is retracted at the same time.
        replaced: Option<u32>,
        piece: EvidenceVersion,
    },
    /// Every piece that stands is retracted at this time.
    Retracted(Timestamp),
}

/// The row of a concept.
pub(crate) type RecentConcept<'a> = Recent<'a, ConceptChange>;

/// The row of an association.
pub(crate) type RecentAssociation<'a> = Recent<'a, AssociationChange>;

/// A row: its newest change that the reader sees, and all before.
pub(crate) struct Recent<'a, C> {
    changes: &'a Appended<Change<C>>,
    newest: &'a Change<C>,
}

impl<C> Changes<C> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// Adds a change to the row whose newest one is `older`, and tells its index.
    pub(super) fn push(&mut self, older: u32, change: C) -> u32 {
        self.0.push(Change { change, older })
    }

    /// The row whose newest change is `at`, as this clone sees it; `None` if all its changes came later.
    pub(super) fn newest(&self, mut at: u32) -> Option<Recent<'_, C>> {
        while at != NONE && at >= self.0.len() {
            at = self.0.any(at)?.older;
        }
        Some(Recent { changes: &self.0, newest: self.0.get(at)? })
    }
}

impl<'a, C> Recent<'a, C> {
    /// Its changes, the newest first.
    fn changes(self) -> impl Iterator<Item = &'a C> {
        let changes = self.changes;
        std::iter::successors(Some(self.newest), move |newer| changes.get(newer.older)).map(|change| &change.change)
    }
}

impl<'a> RecentConcept<'a> {
    /// The concept as recorded at `known_at`; `None` for the newest.
    pub(crate) fn concept(self, known_at: Option<Timestamp>) -> Option<&'a Arc<Concept>> {
        for change in self.changes() {
            match change {
                ConceptChange::Whole(row) => return row.at(known_at),
                ConceptChange::Version(version) if known_at.is_none_or(|time| version.recorded_at <= time) => {
                    return version.concept.as_ref();
                }
                ConceptChange::Version(_) => {}
            }
        }
        None
    }

    /// What liveness asks of it.
    pub(crate) fn standing(self, known_at: Option<Timestamp>) -> Option<Standing> {
        let concept = self.concept(known_at)?;
        Some(Standing { incarnation: concept.incarnation, validity: concept.validity, confidence: concept.confidence })
    }

    /// The whole row.
    pub(crate) fn row(self) -> Cow<'a, ConceptRow> {
        let mut later = Vec::new();
        let mut base = None;
        for change in self.changes() {
            match change {
                ConceptChange::Whole(row) => {
                    base = Some(row.as_ref());
                    break;
                }
                ConceptChange::Version(version) => later.push(version.clone()),
            }
        }
        match base {
            Some(row) if later.is_empty() => Cow::Borrowed(row),
            base => {
                let mut row = base.cloned().unwrap_or_default();
                row.versions.extend(later.into_iter().rev());
                Cow::Owned(row)
            }
        }
    }
}

impl<'a> RecentAssociation<'a> {
    /// Its only piece of evidence, if it is quickly told that it has one only.
    pub(crate) fn single(self) -> Option<&'a EvidenceVersion> {
        match &self.newest.change {
            AssociationChange::Added { piece, .. } if self.newest.older == NONE => Some(piece),
            AssociationChange::Whole(row) => match row.evidence.as_slice() {
                [only] => Some(only),
                _ => None,
            },
            AssociationChange::Added { .. } | AssociationChange::Retracted(_) => None,
        }
    }

    /// The whole row.
    pub(crate) fn row(self) -> Cow<'a, AssociationRow> {
        let mut later = Vec::new();
        let mut base = None;
        for change in self.changes() {
            match change {
                AssociationChange::Whole(row) => {
                    base = Some(row.as_ref());
                    break;
                }
                later_change => later.push(later_change),
            }
        }
        match base {
            Some(row) if later.is_empty() => Cow::Borrowed(row),
            base => {
                let mut row = AssociationRow { evidence: Vec::with_capacity(later.len()) };
                if let Some(base) = base {
                    row.clone_from(base);
                }
                later.into_iter().rev().for_each(|change| change.apply(&mut row));
                Cow::Owned(row)
            }
        }
    }
}

impl AssociationChange {
    fn apply(&self, row: &mut AssociationRow) {
        match self {
            Self::Whole(whole) => row.clone_from(whole),
            Self::Added { replaced, piece } => {
                if let Some(replaced) = replaced.and_then(|at| row.evidence.get_mut(at as usize)) {
                    replaced.retracted_at = Some(piece.recorded_at);
                }
                row.evidence.push(piece.clone());
            }
            Self::Retracted(at) => {
                let standing = row.evidence.iter_mut().filter(|piece| piece.retracted_at.is_none());
                standing.for_each(|piece| piece.retracted_at = Some(*at));
            }
        }
    }
}

impl<C> Clone for Changes<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C> Default for Changes<C> {
    fn default() -> Self {
        Self(Appended::default())
    }
}

impl<C> Clone for Recent<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Recent<'_, C> {}
