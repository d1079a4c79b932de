//! The storage of a node: nothing acknowledged is lost, and whoever wrote can read.
//!
//! ```text
//!   submit ─→ WriteLog ──→ Reconciler ──→ log entry ─ fsync ─→ apply ─→ snapshot ─→ answer
//!             (bounded)    packs what      sutra-wal           memory/   arc-swap
//!                          waits                                 │          └─→ View: Knowledge
//!                                                       Keeper ──┘
//!                                    delta ─→ segment ─ fsync ─→ manifest ─→ log purged
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | `store` | the facade: open, submit, view, checkpoint, close |
//! | `opening` | from a directory to a state |
//! | `write_log` | admission: bounded, the only place that turns a write away |
//! | `load` | when waiting for more commands pays, and how healthy the write path is |
//! | `reconciler` | the one thread that packs, writes, applies and answers |
//! | `proposals` | entries on their way to a quorum |
//! | `entry` | the log entry's bytes |
//! | `memory` | the state machine, deltas over segments, pinned views |
//! | `keeper` | checkpoints, compaction, graphs over vectors, scrubbing |
//! | `digest` | what a replica knows as a number, to compare it with others |
//! | `control` | what the keeper asks of the reconciler |
//! | `manifest` | what a start begins with |
//! | [`offline`] | verify, repair and read a directory that no process has open |
//! | `datadir` | the directory's lock and identity |
//! | `home` | where the files of one shard are in the directory |
//! | `placement` | which replica of which shard a store is |
//! | `directory` | an open directory whose log several replicas share |
//! | `quarantine` | a replica that is not what its group knows, and another one's checkpoint in its place |
//! | `foreign` | the checkpoint of another replica as this store's own |
//! | `parcel` | a manifest on its way to another replica |
//! | `tenants` | what the stores of one log ask of each other |
//! | `replica` | a store that is one of several replicas of a shard |
//! | `abroad` | effects of one shard's commands on the others |
//! | `clock` | record time |
//! | `stats` | numbers about a store |
//! | `sync` | the locks of the hand-offs |
//! | `error` | what can go wrong |

mod abroad;
mod clock;
mod control;
mod datadir;
mod digest;
mod directory;
mod entry;
mod error;
#[cfg(test)]
mod fixture;
mod foreign;
mod home;
mod keeper;
mod load;
mod manifest;
mod memory;
pub mod offline;
mod opening;
mod parcel;
mod placement;
mod proposals;
mod quarantine;
mod reconciler;
mod replica;
mod stats;
mod store;
mod sync;
mod tenants;
mod write_log;

pub use clock::WallClock;
pub use digest::{DIGEST_VERSION, Digest, DigestError, mark_entry};
pub use directory::{Directory, GRID_FILE};
pub use error::{KeepFailure, NotTaken, OpenError, SubmitError, ViewError};
pub use load::WriteLogHealth;
pub use manifest::{Configuration, ManifestError};
pub use memory::{Hit, NearestError, Page, View};
pub use parcel::{MANIFEST_BYTES, ManifestHead, ManifestParts};
pub use placement::Placement;
pub use quarantine::{HealError, Quarantined};
pub use replica::{
    Checkpoint, CheckpointFile, Committed, Consensus, Cut, Fate, HeldSegments, Incoming, IncomingFile, Progress, Proposal,
    blank_entry, checkpoint_of, configuration_entry, configuration_of,
};
pub use stats::StoreStats;
pub use store::{COMMAND_BYTES, OnFatal, REPLICA_COMMAND_BYTES, REPLICA_ENTRY_BYTES, SHARD, Store, StoreConfig};
pub use sutra_keyword::{Query as WordQuery, QueryError, Statistics as WordStatistics};
pub use sutra_segment::{Damage, SegmentError};
pub use sutra_wal::{Durability, WalError};
