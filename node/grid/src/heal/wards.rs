//! The replicas of a node that are in quarantine.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sutra_storage::{Placement, Quarantined};

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Ward {
    pub(crate) placement: Placement,
    pub(crate) reason: String,
}

/// By shard. Cheap to clone; all clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wards(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    wards: Mutex<BTreeMap<u64, Ward>>,
    admitted: AtomicU64,
    healed: AtomicU64,
}

impl Wards {
    pub(crate) fn admit(&self, placement: Placement, reason: String) {
        self.0.admitted.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(placement.shard, Ward { placement, reason });
    }

    pub(crate) fn has(&self, shard: u64) -> bool {
        self.lock().contains_key(&shard)
    }

    pub(crate) fn get(&self, shard: u64) -> Option<Ward> {
        self.lock().get(&shard).cloned()
    }

    /// It is what its group knows again.
    pub(crate) fn heal(&self, shard: u64) {
        self.0.healed.fetch_add(1, Ordering::Relaxed);
        self.release(shard);
    }

    /// It belongs to its group no more.
    pub(crate) fn release(&self, shard: u64) {
        self.lock().remove(&shard);
    }

    /// All that are there, by shard, and why.
    pub(crate) fn all(&self) -> BTreeMap<u64, Quarantined> {
        let of = |ward: &Ward| Quarantined { replica: ward.placement.replica, reason: ward.reason.clone() };
        self.lock().iter().map(|(shard, ward)| (*shard, of(ward))).collect()
    }

    /// How many came, and how many were healed, since the start.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.0.admitted.load(Ordering::Relaxed), self.0.healed.load(Ordering::Relaxed))
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Ward>> {
        self.0.wards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
