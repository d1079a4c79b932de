//! Whether the operator is ready, and whether it lives.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kube::runtime::reflector::Store;
use sutra_crds::SutraCluster;

/// How long the control loop may stand still. It says every ten seconds that it does not.
const STUCK: Duration = Duration::from_secs(180);

/// What the parts of an operator say of themselves. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    control: Control,
    watches: BTreeMap<&'static str, Watch>,
    clusters: Option<Store<SutraCluster>>,
}

#[derive(Debug, Default)]
enum Control {
    /// It waits for the lease: nothing has to be known.
    #[default]
    Standby,
    /// It controls; when its loop last went round.
    Running { progress: Instant },
    /// It finishes what it has begun.
    Stopping,
}

#[derive(Debug)]
enum Watch {
    Syncing,
    Synced,
    Failing(String),
}

impl Health {
    /// Waits for the lease.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins, or begins again, to control: these kinds of objects have to be known first.
    pub fn control_begins(&self, kinds: impl IntoIterator<Item = &'static str>, clusters: Store<SutraCluster>) {
        let mut state = self.state();
        state.control = Control::Running { progress: Instant::now() };
        state.watches = kinds.into_iter().map(|kind| (kind, Watch::Syncing)).collect();
        state.clusters = Some(clusters);
    }

    /// The control loop went round.
    pub fn progress(&self) {
        if let Control::Running { progress } = &mut self.state().control {
            *progress = Instant::now();
        }
    }

    /// No new work is begun.
    pub fn stops(&self) {
        self.state().control = Control::Stopping;
    }

    /// All objects of a kind are known.
    pub fn synced(&self, kind: &'static str) {
        self.state().watches.insert(kind, Watch::Synced);
    }

    /// The objects of a kind are not known any more, and why.
    pub fn failing(&self, kind: &'static str, reason: String) {
        self.state().watches.insert(kind, Watch::Failing(reason));
    }

    /// A watch does not fail any more, and has yet to tell what there is.
    pub fn syncing(&self, kind: &'static str) {
        self.state().watches.insert(kind, Watch::Syncing);
    }

    /// The clusters that are known; none while this operator does not lead.
    #[must_use]
    pub fn clusters(&self) -> Vec<Arc<SutraCluster>> {
        self.state().clusters.as_ref().map(Store::state).unwrap_or_default()
    }

    /// Why the operator is not ready.
    ///
    /// # Errors
    /// The reason, in a sentence.
    pub fn ready(&self) -> Result<(), String> {
        let state = self.state();
        if matches!(state.control, Control::Stopping) {
            return Err("it stops".into());
        }
        let reasons = state.watches.iter().filter_map(|(kind, watch)| match watch {
            Watch::Synced => None,
            Watch::Syncing => Some(format!("{kind}: not all known yet")),
            Watch::Failing(reason) => Some(reason.clone()),
        });
        let reasons = reasons.collect::<Vec<_>>();
        if reasons.is_empty() { Ok(()) } else { Err(reasons.join("; ")) }
    }

    /// Why the operator does not live.
    ///
    /// # Errors
    /// The reason, in a sentence.
    pub fn live(&self) -> Result<(), String> {
        self.live_at(Instant::now())
    }

    fn live_at(&self, now: Instant) -> Result<(), String> {
        match self.state().control {
            Control::Running { progress } if now.saturating_duration_since(progress) > STUCK => {
                Err(format!("the control loop has stood still for {} s", now.saturating_duration_since(progress).as_secs()))
            }
            _ => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is a single assignment: what a panicking thread left is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::reflector;

    use super::*;

    fn controlling() -> Health {
        let health = Health::new();
        health.control_begins(["sutraclusters", "pods"], reflector::store().0);
        health
    }

    #[test]
    fn one_that_waits_for_the_lease_is_ready() {
        assert_eq!(Health::new().ready(), Ok(()));
    }

    #[test]
    fn one_that_leads_is_ready_when_all_is_known() {
        let health = controlling();
        assert_eq!(health.ready().unwrap_err(), "pods: not all known yet; sutraclusters: not all known yet");
        health.synced("pods");
        health.failing("sutraclusters", "no such kind".into());
        assert_eq!(health.ready().unwrap_err(), "no such kind");
        health.synced("sutraclusters");
        assert_eq!(health.ready(), Ok(()));
        health.stops();
        assert!(health.ready().is_err());
    }

    #[test]
    fn a_control_loop_that_stands_still_is_not_alive() {
        let health = controlling();
        let now = Instant::now();
        assert_eq!(health.live_at(now + Duration::from_secs(170)), Ok(()));
        assert!(health.live_at(now + Duration::from_secs(200)).unwrap_err().contains("stood still for"));
        health.stops();
        assert_eq!(health.live_at(now + Duration::from_secs(200)), Ok(()));
    }
}
