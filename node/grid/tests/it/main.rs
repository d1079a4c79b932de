//! Grids of several shards, all nodes in one process, over real sockets and files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that can't go on has failed"
)]

mod addressing;
mod cluster;
mod elsewhere;
mod erasing;
mod healing;
mod leading;
mod resizing;
mod returning;
mod simulation;
