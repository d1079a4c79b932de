//! Replicas that are not what their group knows, and what makes them so again. Nothing else of the node is disturbed by it.
//!
//! ```text
//!   found wrong, or damaged ─→ quarantine: closed, read by nobody, votes for nobody; a file says so, durably
//!                           ─→ a checkpoint of the shard's leader is fetched, every byte of it
//!                           ─→ it takes the place of all but the log and the vote ─→ opened, and catches up
//! ```
//!
//! A replica whose group has no quorum without it stays as it is, and one that is alone is never touched: whoever has the only copy of
//! something keeps it, however bad it is.
//!
//! | module | responsibility |
//! |---|---|
//! | `wards` | the replicas of a node that are in quarantine |
//! | `healing` | how they come there, and out again |
//! | `fetch` | a checkpoint that is fetched |
//! | `give` | checkpoints that are given |

mod fetch;
mod give;
mod healing;
mod wards;

pub(crate) use give::Giving;
pub(crate) use healing::{begin, can_do_without_one, is_of_its_state};
pub(crate) use wards::Wards;
