//! The service over real stores in a temporary directory: each test over one shard, over several, and over several that other nodes keep.

use super::{Caller, NeighborsQuery, Read, Token};

#[allow(clippy::duplicate_mod, reason = "the same tests, over other stores")]
mod alone;
mod as_one;
mod fixture;
mod missing;
#[allow(clippy::duplicate_mod, reason = "the same tests, over other stores")]
mod over_four_shards;
#[allow(clippy::duplicate_mod, reason = "the same tests, over other stores")]
mod scattered;
