//! Over four shards, all on one node.

mod fixture {
    pub(super) use super::super::fixture::{over_four_shards as node, *};
}

#[path = "idempotency.rs"]
mod idempotency;
#[path = "pending.rs"]
mod pending;
#[path = "reads.rs"]
mod reads;
#[path = "transfer.rs"]
mod transfer;
#[path = "writes.rs"]
mod writes;
