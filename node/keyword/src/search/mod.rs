//! The best documents for a query.
//!
//! ```text
//!   Source ── a list of postings per word ─→ Cursor ─┐
//!   (Part, Recent)                           Phrase ─┼─→ top ─→ hits, best first
//!                                            Union  ─┘
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | `source` | what an index offers to a search |
//! | `cursor` | the documents with a word |
//! | `phrase` | those with words that follow each other |
//! | `union` | those with any of many words |
//! | `matcher` | one of the three |
//! | `top` | the best k, without looking at what can't be among them |

mod cursor;
mod matcher;
mod phrase;
mod source;
mod top;
mod union;

pub(crate) use source::{List, Source};
pub(crate) use top::search;

/// A document that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The document.
    pub ordinal: u32,
    /// Its BM25 score, above 0.
    pub score: f64,
}
