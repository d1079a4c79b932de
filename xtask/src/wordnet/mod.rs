//! WordNet 3.0 as lines of an import.
//!
//! ```text
//! data.noun, .verb, .adj, .adv ──database──▶ synsets ──selection──▶ ids ──line──▶ bodies of POST /v1/learn, one a line
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | `synset` | one line of a data file |
//! | `database` | all four files |
//! | `relation` | pointer symbols and the associations they become |
//! | `selection` | the demo's part of WordNet |
//! | `line` | one synset as a learn body |
//! | `download` | Debian's `wordnet-base`, without root |

pub(crate) mod database;
pub(crate) mod download;
pub(crate) mod line;
pub(crate) mod relation;
pub(crate) mod selection;
pub(crate) mod synset;
