//! Writes, one a function.
//!
//! ```text
//!  Action ──▶ apply / create / delete / patch ──▶ Done
//!                                            ├──▶ Refused: to repeat it changes nothing; the user has to
//!                                            └──▶ Err: try again later
//! ```
//!
//! Whoever calls counts. Fields that the operator writes are its own: a conflict with another field manager is forced, and a
//! field that is no longer sent goes, unless somebody else sends it too. Deletions carry the uid of what was observed: an
//! object that took its place is left alone.
//!
//! | module | responsibility |
//! |---|---|
//! | `outcome` | which answers of the API server are final |
//! | `objects` | server-side apply of what is rendered |
//! | `peer_secret` | made once, of random bytes |
//! | `founding` | the grid of several nodes, those that come and go, and a lost one's place, by asking nodes |
//! | `replacement` | the annotations by which a node begins anew |
//! | `deletion` | of what was observed, and of nothing else |
//! | `hold` | whether a deleted cluster is kept until its volumes are decided about |
//! | `volumes` | growth and marks of volume claims |
//! | `status` | what is reported |

mod deletion;
mod founding;
mod hold;
mod objects;
mod outcome;
mod peer_secret;
mod replacement;
mod status;
#[cfg(test)]
pub(crate) mod tests;
mod volumes;

pub use deletion::{Kind, delete, delete_pod};
pub use founding::{FoundingError, Nodes};
pub use hold::hold;
pub use objects::apply;
pub use outcome::Outcome;
pub use peer_secret::create_peer_secret;
pub use replacement::{begin_replacement, end_replacement};
pub use status::{cluster_status, shard_status};
pub use volumes::{Mark, VOLUMES_FIELD_MANAGER, grow_volume, mark_volume};
