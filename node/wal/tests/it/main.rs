//! The log over real files, faulty disks, and a model checker's threads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of tests fails the test")]

mod damage;
mod faults;
mod fixture;
#[path = "../../src/group_commit.rs"]
mod group_commit;
mod hand_off;
mod histories;
mod model;
mod offline;
mod reopening;

/// The model checker's locks, in place of the crate's module of the same name.
mod sync {
    pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};
    pub(crate) use std::sync::PoisonError;
}
