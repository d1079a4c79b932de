//! The digest of a replica: equal on two of them exactly if they know the same, wherever in their files it stands.
//!
//! ```text
//!   mark (an entry without commands) ─ applied ─→ the state, pinned ─→ its rows ─→ one hash each ─→ their sum
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | `set_hash` | a hash of a set, whatever the order of its items |
//! | `rows` | which bytes stand for a row |
//! | `survey` | the rows of a state |
//! | `taking` | a digest as of a mark in the log, taken in the background |

mod rows;
mod set_hash;
mod survey;
mod taking;

use serde::{Deserialize, Serialize};
use sutra_protocol::command::LogIndex;

pub use taking::{DigestError, mark_entry};

/// Which rows there are, and which bytes stand for them. Digests of two versions say nothing about each other: whoever changes
/// either raises it.
pub const DIGEST_VERSION: u32 = 1;

/// What a replica knows, as a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest {
    /// See [`DIGEST_VERSION`].
    pub version: u32,
    /// The last entry that is in it.
    pub applied: LogIndex,
    /// How many rows there are.
    pub rows: u64,
    /// The sum of their hashes.
    pub sum: [u64; 4],
}

/// The digest of a state, at once.
#[cfg(test)]
pub(crate) fn of(state: &crate::memory::State) -> Digest {
    survey::digest(state, &mut || std::ops::ControlFlow::Continue(())).expect("nobody breaks it off")
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d] = self.sum;
        write!(f, "{a:016x}{b:016x}{c:016x}{d:016x} over {} rows at entry {}", self.rows, self.applied.0)
    }
}
