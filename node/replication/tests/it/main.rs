//! Replicas of a shard as the rest of a node uses them: several in one process, over a network whose weather the tests make.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that can't go on has failed"
)]

mod cluster;
mod crashes;
mod elections;
mod erasing;
mod full;
mod history;
mod large;
mod reads;
mod slow;
mod snapshots;
mod writes;
