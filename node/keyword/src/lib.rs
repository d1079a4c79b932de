//! The keyword index: from words to the documents that have them, ranked by BM25.
//!
//! It knows ordinals (a document is a number that its owner gives it), texts and bytes; not concepts, files or namespaces.
//!
//! ```text
//!                 ┌─ Recent   what was written since the last checkpoint, in memory ─┐
//!   texts ─ words ┤                                                                  ├─ statistics ─ sum ─→ search ─→ hits
//!                 └─ Builder ─→ bytes ─→ Part   what a segment holds, read in place ─┘        Query ─┘
//! ```
//!
//! A search has two rounds: every index tells its statistics for the query, and their sum goes into the search of each. So a document
//! has the same score, to the last bit, wherever it is stored and however the others are spread.
//!
//! | module | responsibility |
//! |---|---|
//! | `words` | what a word is, here and in queries |
//! | `query` | what is asked: words, phrases, prefixes, misspelt words |
//! | `statistics` | how common the words of a query are, over everything |
//! | `recent` | the index in memory: one writer, readers that see no later write |
//! | `part` | the index of a segment, and the specification of its bytes |
//! | `search` | the best documents of an index |
//! | `bm25` | the formula |
//! | `document` | the words of a document's texts |
//! | `growing`, `posting`, `varint` | lists of postings in memory, and how they are encoded |
//! | `error` | what can go wrong |

mod bm25;
mod document;
mod error;
mod growing;
mod part;
mod posting;
mod query;
mod recent;
mod search;
mod statistics;
mod varint;
mod words;

pub use error::{BuildError, Damaged};
pub use part::{Builder, Part};
pub use query::{MOST_WORDS, Query, QueryError};
pub use recent::Recent;
pub use search::Hit;
pub use statistics::{MOST_VARIANTS, Statistics};
pub use words::{Word, words};
