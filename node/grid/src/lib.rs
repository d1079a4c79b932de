//! The grid: which nodes there are, who keeps what, and the way from any node to the replica that can answer.
//!
//! ```text
//!   api ─→ Router ─┬─→ the node's own replica ─→ Store
//!                  └─→ the shard's leader ─ peer port ─→ its Store
//!   map ←─ meta (group 0: every change is a compare-and-swap on the epoch)
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | `map` | nodes, shards, replicas, and their changes: pure |
//! | `meta` | the group that keeps the map |
//! | `grid` | a node of a grid: start, hand over, stop |
//! | `hosted` | the replicas of shards that it keeps |
//! | `answers`, `asking` | what it answers to the others; changes of the map, proposed to meta |
//! | `route` | where a request goes |
//! | `view` | a namespace over all shards |
//! | `perform` | a command over several shards |
//! | `to_leader` | a command to its shard's leader, and what is tried again |
//! | `deliver` | what a shard's commands change on others, to those |
//! | `founding`, `beginning` | how nodes become a grid, and its groups begin |
//! | `converge`, `replace` | groups become what the map says; a node takes the place of a lost one |
//! | `spread` | each shard is led by whom the map prefers |
//! | `numbers` | what an operator watches |
//! | `door` | who answers at the peer port |
//! | `messages`, `words` | what nodes ask of each other, and how it lies on the wire |
//!
//! A node keeps as many replicas as the map gives it, but requests are taken in this version only where every node keeps one of every
//! shard: it reads its own, and writes go through each shard's leader.

mod answers;
mod asking;
mod beginning;
mod converge;
mod deliver;
mod door;
mod founding;
mod grid;
mod hosted;
mod map;
mod messages;
mod meta;
mod numbers;
mod perform;
mod replace;
mod route;
mod spread;
mod to_leader;
mod view;
mod words;

pub use door::Door;
pub use founding::{FoundingError, Waiting, found_here, secret_of};
pub use grid::{Grid, GridError, GridSetup};
pub use hosted::HostedShard;
pub use map::{Change, ChangeRefusal, Epoch, GridMap, META_VOTERS, ProposedChange, ReplicaRecord, ShardId, ShardRecord};
pub use messages::{NodeStatus, ReplicaStatus};
pub use meta::MetaFileError;
pub use numbers::{NodeNumbers, ReplicaNumbers};
pub use perform::{Done, Performed};
pub use route::{Repeat, RouteError, Router};
pub use view::View;
