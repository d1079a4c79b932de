//! Who fsyncs for whom.
//!
//! Whoever needs an fsync and finds none under way makes one, for all who have written before; the others wait for that. There is
//! no thread and no timer: a single caller pays for its own fsync only, and while one is under way the next gathers.

use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The hand-off. It knows positions only, and not what they are of.
#[derive(Debug, Default)]
pub(crate) struct GroupCommit {
    state: Mutex<State>,
    /// Whenever `state` has changed.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What was written up to here is durable. Never falls.
    durable: u64,
    /// Somebody fsyncs.
    leading: bool,
    /// An fsync has failed: nothing becomes durable any more.
    failed: bool,
}

/// Why what was waited for is not durable.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failed<E> {
    /// The caller's own fsync failed.
    Here(E),
    /// Another's did, now or earlier.
    Elsewhere,
}

impl GroupCommit {
    /// Returns when what was written up to `upto` is durable. `flush` makes durable all that is written when it begins, and says
    /// up to where that was; what the caller waits for is written already. It is called at most once, without a lock.
    pub(crate) fn wait<E>(&self, upto: u64, flush: impl FnOnce() -> Result<u64, E>) -> Result<(), Failed<E>> {
        let mut state = self.lock();
        loop {
            if state.durable >= upto {
                return Ok(());
            }
            if state.failed {
                return Err(Failed::Elsewhere);
            }
            if !state.leading {
                break;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.leading = true;
        drop(state);
        // A panic of `flush` is a failure to those who wait: they must not wait for ever.
        let mut lead = Lead { commit: self, reached: None };
        let reached = flush().map_err(Failed::Here)?;
        lead.reached = Some(reached);
        Ok(())
    }

    /// What was written up to `upto` has become durable by other means.
    pub(crate) fn raise(&self, upto: u64) {
        let mut state = self.lock();
        state.durable = state.durable.max(upto);
        drop(state);
        self.changed.notify_all();
    }

    /// Nothing becomes durable any more.
    pub(crate) fn fail(&self) {
        self.lock().failed = true;
        self.changed.notify_all();
    }

    /// No code panics while it holds the lock, so what a poisoned lock guards is whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An fsync under way; its end is told when this is dropped.
struct Lead<'a> {
    commit: &'a GroupCommit,
    /// `None`: it failed.
    reached: Option<u64>,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut state = self.commit.lock();
        state.leading = false;
        match self.reached {
            Some(reached) => state.durable = state.durable.max(reached),
            None => state.failed = true,
        }
        drop(state);
        self.commit.changed.notify_all();
    }
}
