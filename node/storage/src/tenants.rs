//! The stores that share a log. A file of it can go only when none of them needs it, whoever wants it gone.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use sutra_wal::{GroupId, Log, Need};

use crate::keeper::Work;
use crate::replica::Cut;
use crate::store::Shared;

/// Those of one log.
#[derive(Default)]
pub(crate) struct Tenants {
    stores: Mutex<BTreeMap<GroupId, Weak<Shared>>>,
    /// Whether the log's oldest files are being given up.
    relieving: AtomicBool,
}

impl std::fmt::Debug for Tenants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tenants").finish_non_exhaustive()
    }
}

impl Tenants {
    /// A store is one of them until it is closed.
    pub(crate) fn enter(&self, store: &Arc<Shared>) {
        self.lock().insert(store.group, Arc::downgrade(store));
    }

    /// Has those that keep the log's oldest files give up as many as it has above its budget, in bytes, unless that is under way.
    pub(crate) fn relieve(self: &Arc<Self>, log: &Log, budget: u64) {
        if log.bytes() <= budget || self.relieving.swap(true, Ordering::AcqRel) {
            return;
        }
        let (tenants, relieved, first) = (Arc::clone(self), log.clone(), log.first_file());
        let cut = Cut::new(move |cut| {
            tenants.relieving.store(false, Ordering::Release);
            match cut {
                // What was written meanwhile may have taken it there again.
                Ok(()) if relieved.first_file() > first => tenants.relieve(&relieved, budget),
                Ok(()) => {}
                Err(reason) => {
                    tracing::warn!(reason, "the log is over its budget, and its oldest files can't go yet; it is tried again");
                }
            }
        });
        self.leave_log(&log.needs_before(log.first_within(budget)), &cut);
        // All that is left to wait for are the others.
        cut.resolve(Ok(()));
    }

    /// Has all entries leave the files before this one, so that those go.
    pub(crate) fn leave_files(&self, log: &Log, file: u64) {
        let cut = Cut::new(|cut| {
            if let Err(reason) = cut {
                tracing::warn!(reason, "what a replica that was given up had in the log goes with later checkpoints");
            }
        });
        self.leave_log(&log.needs_before(file), &cut);
        // All that is left to wait for are the others.
        cut.resolve(Ok(()));
    }

    /// Has these groups' entries leave the log. A group without a store here keeps its log short itself.
    pub(crate) fn leave_log(&self, needs: &[Need], cut: &Cut) {
        for Need { group, upto } in needs {
            let store = self.lock().get(group).and_then(Weak::upgrade);
            if let Some(store) = store {
                store.keeper.ask(Work::LeaveLog(*upto, cut.another()));
            }
        }
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<GroupId, Weak<Shared>>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
