//! Finding concepts by words, by vector and by filter, over all layers of a view.
//!
//! | module | responsibility |
//! |---|---|
//! | `keyword` | words, with statistics summed over the layers |
//! | `nearest` | vectors |
//! | `list` | filters and orders |
//! | `candidates` | what the attribute indices of segments say of a filter |

mod candidates;
mod keyword;
mod list;
mod nearest;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sutra_protocol::Concept;

pub use list::Page;
pub use nearest::NearestError;

/// A concept that a search found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hit {
    /// The concept.
    pub concept: Arc<Concept>,
    /// Its BM25 score or its cosine similarity; comparable within one search only.
    pub score: f64,
}

impl Hit {
    /// Leaves the best `k`: by score, then by id.
    pub fn best(hits: &mut Vec<Self>, k: usize) {
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.concept.id.cmp(&b.concept.id)));
        hits.truncate(k);
    }
}
