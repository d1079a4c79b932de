//! Over the one store of a node alone.

mod fixture {
    pub(super) use super::super::fixture::{alone as node, *};
}

#[path = "idempotency.rs"]
mod idempotency;
#[path = "reads.rs"]
mod reads;
#[path = "transfer.rs"]
mod transfer;
#[path = "writes.rs"]
mod writes;
