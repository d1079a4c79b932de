//! Whole interfaces over real sockets and a real store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of tests fails the test")]

mod grid;
mod http;
