//! The documents that fit a clause.

use super::Source;
use super::cursor::Cursor;
use super::phrase::Phrase;
use super::union::Union;
use crate::error::Damaged;

/// Stands at a document that fits a clause, or at the end.
pub(super) enum Matcher<'a, S: Source> {
    Word(Cursor<'a, S>),
    Phrase(Phrase<'a, S>),
    Union(Union<'a, S>),
}

impl<S: Source> Matcher<'_, S> {
    /// The document it stands at; none at the end.
    #[inline]
    pub(super) fn slot(&self) -> Option<u32> {
        match self {
            Self::Word(cursor) => cursor.slot(),
            Self::Phrase(phrase) => phrase.slot(),
            Self::Union(union) => union.slot(),
        }
    }

    /// No document adds more than this.
    pub(super) fn bound(&self) -> f64 {
        match self {
            Self::Word(cursor) => cursor.bound(),
            Self::Phrase(phrase) => phrase.bound(),
            Self::Union(union) => union.bound(),
        }
    }

    /// No document from here to the slot that is told adds more than this.
    pub(super) fn bound_here(&self) -> (f64, u32) {
        match self {
            Self::Word(cursor) => cursor.bound_here(),
            Self::Phrase(_) | Self::Union(_) if self.slot().is_none() => (0.0, u32::MAX),
            Self::Phrase(_) | Self::Union(_) => (self.bound(), u32::MAX),
        }
    }

    /// What the document it stands at adds to its score.
    #[inline]
    pub(super) fn score(&self) -> Result<f64, Damaged> {
        match self {
            Self::Word(cursor) => cursor.score(),
            Self::Phrase(phrase) => phrase.score(),
            Self::Union(union) => Ok(union.score()),
        }
    }

    /// Goes to the first document at `target` or after it, if it isn't there or beyond.
    #[inline]
    pub(super) fn seek(&mut self, target: u32) -> Result<(), Damaged> {
        match self {
            Self::Word(cursor) => cursor.seek(target),
            Self::Phrase(phrase) => phrase.seek(target),
            Self::Union(union) => union.seek(target),
        }
    }
}
