//! The locks of the hand-offs between threads, in one place so that the model checker's can stand in for them.

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
