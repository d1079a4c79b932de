//! What is asked.
//!
//! | module | responsibility |
//! |---|---|
//! | `parse` | from text to clauses |
//! | `near` | words a few edits apart |

mod near;
mod parse;

pub(crate) use near::Near;

/// The most words of a query, those of phrases included.
pub const MOST_WORDS: usize = 64;

/// What is asked: documents that fit any of its clauses.
///
/// | written | fits | adds to the score |
/// |---|---|---|
/// | `aspirin` | documents with the word | the word's BM25 |
/// | `"heart attack"` | those where the words follow each other in one text | the BM25 of each distinct word of it |
/// | `ibu*` | those with a word that begins so | the BM25 of the one such word that adds most |
/// | `asprin~`, `~1`, `~2` | those with a word at most so many edits away | the same, divided by 1 + edits |
///
/// An edit is a letter more, less or other (Levenshtein). `~` alone allows one edit for a word of up to seven letters and two for
/// a longer one; a word of fewer than four letters is taken as it is. A prefix stands for the first 1,024 words that begin so, the
/// shortest first, then by the alphabet; a word with `~` for the first 1,024, the nearest first: an order that doesn't depend on
/// how the documents are spread over parts, so that neither do the scores.
///
/// Operators are taken as such only where they can be meant: `5" and 6" pipe`, `2*3` and `~/notes` are plain words. A clause that
/// is repeated counts once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub(crate) clauses: Vec<Clause>,
}

/// A part of a query; words are folded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Clause {
    Word(Box<str>),
    /// At least two words.
    Phrase(Vec<Box<str>>),
    Prefix(Box<str>),
    Fuzzy {
        word: Box<str>,
        /// 1 or 2.
        edits: u8,
    },
}

/// Why a query can't be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It has too many words.
    #[error("the query has {found} different words; at most {bound} can be asked at once")]
    TooManyWords {
        /// How many it has.
        found: usize,
        /// How many it may have.
        bound: usize,
    },
}

impl Query {
    /// Reads a query. A stray quote or operator is plain text.
    ///
    /// # Errors
    ///
    /// It has more than 64 words.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let clauses = parse::clauses(text);
        let found = clauses.iter().map(Clause::words).sum();
        if found > MOST_WORDS {
            return Err(QueryError::TooManyWords { found, bound: MOST_WORDS });
        }
        Ok(Self { clauses })
    }

    /// Whether it has no word, and so fits nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }
}

impl Clause {
    fn words(&self) -> usize {
        match self {
            Self::Phrase(words) => words.len(),
            Self::Word(_) | Self::Prefix(_) | Self::Fuzzy { .. } => 1,
        }
    }
}
