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
//! | `map`, `change` | nodes, shards, replicas, and their changes: pure |
//! | `balance` | the next step to where replicas should be: pure |
//! | `meta` | the group that keeps the map |
//! | `grid` | a node of a grid: start, hand over, stop |
//! | `hosted`, `hosting` | the replicas of shards that it keeps, and how they follow the map |
//! | `answers`, `asking` | what it answers to the others; changes of the map, proposed to meta |
//! | `route` | where a request goes |
//! | `reach` | the shards, here or on the nodes that keep them, and who leads them |
//! | `view` | a namespace over all shards |
//! | `questions` | what is asked of a shard's view |
//! | `there`, `pins` | a view that another node has pinned: the asker's side, and the other |
//! | `follow` | what came of a command on the shards that it has effects on |
//! | `perform` | a command over several shards |
//! | `to_leader` | a command to its shard's leader, and what is tried again |
//! | `deliver` | what a shard's commands change on others, to those |
//! | `founding`, `beginning` | how nodes become a grid, and its groups begin |
//! | `converge`, `replace` | groups become what the map says; a node takes the place of a lost one |
//! | `check` | that the replicas of a shard know the same |
//! | `heal` | a replica that does not is made anew from the others |
//! | `rejoin` | a node whose log is damaged comes anew |
//! | `resize` | nodes come and go; what is under way |
//! | `spread` | each shard is led by whom the map prefers |
//! | `numbers` | what an operator watches |
//! | `door` | who answers at the peer port |
//! | `messages`, `words` | what nodes ask of each other, and how it lies on the wire |
//!
//! A node reads its own replicas, and asks other nodes about the shards that it has none of; writes go through each shard's leader.

mod answers;
mod asking;
mod balance;
mod beginning;
mod change;
mod check;
mod converge;
mod deliver;
mod door;
mod follow;
mod founding;
mod grid;
mod heal;
mod hosted;
mod hosting;
mod map;
mod messages;
mod meta;
mod numbers;
mod perform;
mod pins;
mod questions;
mod reach;
mod rejoin;
mod release;
mod replace;
mod resize;
mod route;
mod spread;
mod there;
mod to_leader;
mod view;
mod words;

pub use change::{Change, ChangeRefusal, ProposedChange};
pub use check::Outcome as CheckOutcome;
pub use converge::BEHIND;
pub use door::Door;
pub use founding::{FoundingError, Waiting, found_here, secret_of};
pub use grid::{Grid, GridError, GridSetup};
pub use hosted::HostedShard;
pub use map::{Epoch, GridMap, META_VOTERS, ReplicaRecord, ShardId, ShardRecord};
pub use messages::{NodeStatus, ReplicaStatus};
pub use meta::MetaFileError;
pub use numbers::{NodeNumbers, ReplicaNumbers};
pub use perform::{Done, Performed};
pub use resize::under_way;
pub use route::{Reading, Repeat, RouteError, Router};
pub use there::Missing;
pub use view::View;
