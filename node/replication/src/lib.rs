//! The replicas of a shard: one Raft group each, over the node's write-ahead log and its storage.
//!
//! ```text
//!   Store ─ propose ─→ Group ─→ openraft ─┬─ LogStore ─→ sutra-wal (one log for all groups of a node)
//!     ↑                                   ├─ Link ─→ Transport ─→ the other replicas
//!     └──────────── apply ── Driven ←─────┘
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | `group` | a replica of a group: start, propose, read index, stop |
//! | `status` | how a replica is |
//! | `hand_over` | a leader that leaves lets another lead |
//! | `shard` | the group of a shard, whose state machine is a store |
//! | `patience` | when a replica stands for election |
//! | `timing` | when a leader is given up |
//! | `types`, `words` | openraft's values: what they are, how they lie in the log and on the wire |
//! | `log_store`, `syncer` | the log, and who waits until it is durable |
//! | `held` | what the log may give up |
//! | `machine`, `files` | the state machine, its snapshots |
//! | `network`, `receive` | sending to other replicas; taking in their snapshots |
//! | `signs` | leaders' signs of life, those of all groups together |
//! | `calm` | the consensus of a group in which nothing happens is spared most of them |
//! | `contact` | when a leader was last answered, and by whom |
//! | `silence` | a leader that nobody answers makes way |
//! | `service` | what replicas ask of each other |
//! | `transport` | how messages travel |
//!
//! The consensus is [openraft](https://docs.rs/openraft/0.9); its types do not leave this crate. An entry is acknowledged once it is
//! fsynced on a quorum and applied by the leader.

mod calm;
mod contact;
mod files;
mod group;
mod hand_over;
mod held;
mod log_store;
mod machine;
mod network;
mod patience;
mod receive;
mod service;
mod shard;
mod signs;
mod silence;
mod status;
#[cfg(test)]
mod suite;
mod syncer;
mod timing;
mod transport;
mod types;
mod words;

pub use group::{Group, GroupSetup, Node, ProposeError, ReadError};
pub use machine::{Doing, Machine};
pub use service::{FIRST_OTHER, Groups};
pub use shard::{Shard, StartError};
pub use status::{GroupStatus, Role};
pub use syncer::Syncer;
pub use timing::Timing;
pub use transport::{Call, PeerPool, Reply, Transport};
pub use types::{Member, Members, ReplicaId};
