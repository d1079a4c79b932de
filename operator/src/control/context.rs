//! What reconcile is given.

use kube::Client;

use super::caches::Caches;
use super::machines::Machines;
use crate::config::Config;
use crate::events::Events;
use crate::lease::Leadership;
use crate::metrics::Metrics;

/// What reconcile is given besides the cluster.
pub struct Context {
    /// Fenced: it writes only while the lease is held.
    pub client: Client,
    /// Whether that is now, for what does not go through the client.
    pub leadership: Leadership,
    /// What is known of the API server's objects; complete before the first reconciliation begins.
    pub caches: Caches,
    /// In which zones machines are, as far as the operator asked.
    pub machines: Machines,
    /// How the operator was told to run.
    pub config: Config,
    /// What is counted.
    pub metrics: Metrics,
    /// Kubernetes events.
    pub events: Events,
    /// Asks nodes over plain HTTP; with time-outs, without a proxy and without following redirections.
    pub probe: reqwest::Client,
}

impl Context {
    /// Whether Kubernetes knows `PodMonitor`s. It does not change while this context lives.
    #[must_use]
    pub fn has_pod_monitors(&self) -> bool {
        self.caches.pod_monitors.is_some()
    }
}
