//! How long a cluster whose reconciliation failed waits: 5 s, then twice as long each time, up to 5 min; from the start again after one
//! that did not fail.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kube::runtime::reflector::ObjectRef;
use sutra_crds::SutraCluster;

/// Shortest wait. Also the shortest time between a failure and whatever makes the cluster looked at again, so that a reconciliation
/// which writes before it fails, and is woken by what it wrote, does not spin.
pub const FIRST: Duration = Duration::from_secs(5);
/// Longest wait.
pub const LONGEST: Duration = Duration::from_secs(300);

/// What failed, by cluster.
#[derive(Debug, Default)]
pub struct Backoff {
    failed: Mutex<HashMap<ObjectRef<SutraCluster>, Failed>>,
}

#[derive(Clone, Copy, Debug)]
struct Failed {
    at: Instant,
    /// Of the spec that it failed with. With another one it is tried at once.
    generation: Option<i64>,
    wait: Duration,
}

impl Backoff {
    /// A reconciliation failed at `now`: how long to wait.
    pub fn failed(&self, cluster: ObjectRef<SutraCluster>, generation: Option<i64>, now: Instant) -> Duration {
        let mut failed = self.failures();
        let known = failed.get(&cluster).filter(|known| known.generation == generation);
        let wait = known.map_or(FIRST, |known| (known.wait * 2).min(LONGEST));
        failed.insert(cluster, Failed { at: now, generation, wait });
        wait
    }

    /// How long yet a cluster must not be looked at.
    pub fn rests(&self, cluster: &ObjectRef<SutraCluster>, generation: Option<i64>, now: Instant) -> Option<Duration> {
        let failed = *self.failures().get(cluster)?;
        let left = (failed.at + FIRST).saturating_duration_since(now);
        (failed.generation == generation && !left.is_zero()).then_some(left)
    }

    /// A reconciliation did not fail, or the cluster is gone.
    pub fn forget(&self, cluster: &ObjectRef<SutraCluster>) {
        self.failures().remove(cluster);
    }

    fn failures(&self) -> MutexGuard<'_, HashMap<ObjectRef<SutraCluster>, Failed>> {
        // Each change is a single insertion or removal: what a panicking thread left is whole.
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> ObjectRef<SutraCluster> {
        ObjectRef::new("demo").within("team")
    }

    #[test]
    fn the_wait_doubles_up_to_five_minutes() {
        let (backoff, now) = (Backoff::default(), Instant::now());
        let waits = (0..9).map(|_| backoff.failed(cluster(), Some(1), now).as_secs()).collect::<Vec<_>>();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    }

    #[test]
    fn a_success_or_another_spec_starts_it_anew() {
        let (backoff, now) = (Backoff::default(), Instant::now());
        backoff.failed(cluster(), Some(1), now);
        backoff.failed(cluster(), Some(1), now);
        assert_eq!(backoff.failed(cluster(), Some(2), now), FIRST);
        backoff.failed(cluster(), Some(2), now);
        backoff.forget(&cluster());
        assert_eq!(backoff.failed(cluster(), Some(2), now), FIRST);
    }

    #[test]
    fn each_cluster_waits_for_itself() {
        let (backoff, now) = (Backoff::default(), Instant::now());
        backoff.failed(cluster(), Some(1), now);
        assert_eq!(backoff.failed(ObjectRef::new("other").within("team"), Some(1), now), FIRST);
    }

    #[test]
    fn who_just_failed_rests_unless_its_spec_changed() {
        let (backoff, now) = (Backoff::default(), Instant::now());
        assert_eq!(backoff.rests(&cluster(), Some(1), now), None);
        backoff.failed(cluster(), Some(1), now);
        let later = now + Duration::from_secs(2);
        assert_eq!(backoff.rests(&cluster(), Some(1), later), Some(Duration::from_secs(3)));
        assert_eq!(backoff.rests(&cluster(), Some(2), later), None);
        assert_eq!(backoff.rests(&cluster(), Some(1), now + FIRST), None);
    }
}
