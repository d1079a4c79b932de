//! The locks that the hand-off between threads uses. Its model check compiles the same source with a model checker's.

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
