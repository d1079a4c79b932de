//! The log over real files, faulty disks, and a model checker's threads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of tests fails the test")]

mod fixture;
mod reopening;
