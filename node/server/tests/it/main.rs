//! A real `sutra-node` process, driven over real sockets, killed and started again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a fixture that fails is a test that fails")]

mod address;
mod client;
mod crash;
mod damage;
mod dev;
mod exports;
mod frames;
mod full;
mod grid;
mod node;
mod offline;
mod random;
mod requests;
mod start;
mod stop;
