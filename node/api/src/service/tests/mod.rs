//! The service over real stores in a temporary directory: each test over one shard, and over several.

use super::{Caller, NeighborsQuery, Read, Token};

#[allow(clippy::duplicate_mod, reason = "the same tests, over other stores")]
mod alone;
mod fixture;
#[allow(clippy::duplicate_mod, reason = "the same tests, over other stores")]
mod over_four_shards;
