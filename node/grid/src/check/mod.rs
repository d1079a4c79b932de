//! That the replicas of a shard know the same: each says so with the digest of what it has, as of one entry of the log.
//!
//! ```text
//!   leader ─ MARK to each: "take a digest when you come to mark m" ─→ registered
//!          ─ an entry without commands, of number m ─→ committed, applied by each: its state is pinned there
//!          ─ DIGEST to each, now and then ─→ not yet │ digest │ damaged
//!          ─ verdict ─ HEAL to whoever differs from most ─→ quarantine, and another's checkpoint
//! ```
//!
//! The mark changes nothing, so that a node of an earlier release applies it like any other entry; it refuses MARK, and counts as one that
//! did not answer.
//!
//! | module | responsibility |
//! |---|---|
//! | `verdict` | who is right: pure |
//! | `round` | the leader's side: one check of one shard |
//! | `taken` | the digests that a node was asked for |
//! | `schedule` | when shards are checked, and what came of it |

mod round;
mod schedule;
mod taken;
mod verdict;

pub(crate) use schedule::{Checks, keep};
pub use verdict::Outcome;
