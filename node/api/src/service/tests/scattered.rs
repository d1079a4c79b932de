//! Over four shards, most of them on other nodes.

mod fixture {
    pub(super) use super::super::fixture::{scattered as node, *};
}

#[path = "idempotency.rs"]
mod idempotency;
#[path = "reads.rs"]
mod reads;
#[path = "transfer.rs"]
mod transfer;
#[path = "writes.rs"]
mod writes;
