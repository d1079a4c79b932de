//! The custom resources of `sutra.dev`: what a user writes, what the operator reports.
//!
//! ```text
//!  SutraCluster.spec ── what is wanted ──▶ operator ──▶ SutraCluster.status, SutraShard.status
//! ```
//!
//! Every rule that can be told from the object alone is in its schema: defaults, bounds, and CEL where a rule spans several fields or
//! compares with what was there before. The API server refuses what breaks one, so that nothing else has to.
//!
//! | module | responsibility |
//! |---|---|
//! | [`cluster`] | `SutraCluster`: spec, status |
//! | [`shard`] | `SutraShard`: a shard as the grid reports it |
//! | [`names`] | labels, annotations and names of what belongs to a cluster |
//! | `quantity` | amounts such as `10Gi`: schema and value |
//! | `yaml` | the definitions as the files that `crdgen` writes |
#![allow(unreachable_pub, reason = "the derives of kube write each type a second time, where nobody sees it")]
#![allow(clippy::duplicated_attributes, reason = "columns of a table have the same type more than once")]

pub mod cluster;
pub mod names;
pub mod shard;

mod quantity;
mod yaml;

pub use cluster::{SutraCluster, SutraClusterSpec, SutraClusterStatus};
pub use quantity::bytes;
pub use shard::{SutraShard, SutraShardSpec, SutraShardStatus};
pub use yaml::{Definition, definitions};
