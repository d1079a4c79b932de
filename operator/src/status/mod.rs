//! What is written to a status: the planner's report, with times, and only when it says something new.
//!
//! | module | responsibility |
//! |---|---|
//! | `cluster` | the status of a `SutraCluster` |
//! | `shard` | the status of a `SutraShard` |
//! | `news` | events for what changed |

mod cluster;
mod news;
mod shard;

pub use cluster::status;
pub use news::{News, news};
pub use shard::shard_status;
