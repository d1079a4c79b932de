//! One kind of object: kept up to date in its cache; faults told once, and tried again.

use std::fmt::Debug;
use std::hash::Hash;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use kube::api::Api;
use kube::core::DeserializeGuard;
use kube::core::error_boundary::InvalidObject;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use sutra_crds::SutraCluster;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

use super::owner;
use crate::chain::chain;
use crate::health::Health;
use crate::metrics::Metrics;

/// How long the API server is asked to keep a watch open, in seconds: less than the silence that the client bears.
const OPEN: u32 = 240;
/// How many objects are asked for at a time: a page of pods is about a megabyte.
const PAGE: u32 = 100;
/// First wait after a fault; it doubles.
const FIRST: Duration = Duration::from_secs(1);
/// Longest wait after a fault.
const LONGEST: Duration = Duration::from_secs(30);
/// A watch that goes on after a fault says nothing until something changes. Every request fails within this time if it does.
const QUIET: Duration = Duration::from_secs(45);

/// What watches have in common.
#[derive(Clone)]
pub(super) struct Surroundings {
    /// Where clusters to be looked at are put.
    pub(super) queue: UnboundedSender<ObjectRef<SutraCluster>>,
    /// All clusters.
    pub(super) clusters: Store<SutraCluster>,
    /// Where it is told what is known.
    pub(super) health: Health,
    /// Where faults are counted.
    pub(super) metrics: Metrics,
}

/// The watch of one kind of object.
pub(super) struct Watch<K>
where
    K: Resource + Clone + 'static,
    K::DynamicType: Eq + Hash + Clone,
{
    /// The kind, in the plural, as the API server names it.
    pub(super) kind: &'static str,
    /// An object that cannot be read is left out, and stops no other.
    pub(super) api: Api<DeserializeGuard<K>>,
    pub(super) labels: Option<String>,
    pub(super) writer: Writer<K>,
    pub(super) cluster_of: fn(&K) -> Option<ObjectRef<SutraCluster>>,
}

impl<K> Watch<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    K::DynamicType: Eq + Hash + Clone + Send + Sync,
{
    /// A watch of what belongs to clusters.
    pub(super) fn owned(kind: &'static str, api: Api<DeserializeGuard<K>>, labels: String, writer: Writer<K>) -> Self {
        Self { kind, api, labels: Some(labels), writer, cluster_of: owner::of }
    }

    /// Watches for ever.
    pub(super) async fn run(self, surroundings: Surroundings) {
        let Self { kind, api, labels, mut writer, cluster_of } = self;
        let config = watcher::Config { label_selector: labels, page_size: Some(PAGE), timeout: Some(OPEN), ..Default::default() };
        let mut events = pin!(watcher(api, config));
        let mut faults = Faults::new(kind, surroundings.clone());
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                () = faults.outlasted() => {
                    faults.recovered();
                    continue;
                }
            };
            match event {
                Some(Ok(event)) => {
                    let Some(event) =
                        readable(kind, event.modify(|object| object.managed_fields_mut().clear()), &writer, &surroundings)
                    else {
                        continue;
                    };
                    writer.apply_watcher_event(&event);
                    match event {
                        Event::Apply(object) | Event::Delete(object) => {
                            faults.recovered();
                            surroundings.wake(cluster_of(&object));
                        }
                        // What was deleted while nobody watched is in no event.
                        Event::InitDone => {
                            faults.synced();
                            surroundings
                                .wake(surroundings.clusters.state().iter().map(|cluster| ObjectRef::from_obj(&**cluster)));
                        }
                        Event::Init | Event::InitApply(_) => {}
                    }
                }
                Some(Err(error)) => {
                    let wait = faults.happened(&error);
                    sleep(wait).await;
                }
                // It never ends by itself.
                None => return,
            }
        }
    }
}

/// The event without the guard. An object that this release cannot read, because a newer one wrote it, is as if it were not there: to go on
/// from what it was before would undo what was asked since.
fn readable<K>(kind: &str, event: Event<DeserializeGuard<K>>, writer: &Writer<K>, surroundings: &Surroundings) -> Option<Event<K>>
where
    K: Resource + Clone + 'static,
    K::DynamicType: Eq + Hash + Clone,
{
    let unreadable = |guarded: InvalidObject| {
        let metadata = guarded.metadata;
        let (name, namespace) = (metadata.name.unwrap_or_default(), metadata.namespace.unwrap_or_default());
        warn!(
            kind,
            name,
            namespace,
            fault = guarded.error,
            "an object cannot be read by this release of the operator and is left out"
        );
        surroundings.metrics.watch_failed(kind);
        let known = writer.as_reader().state().into_iter();
        known.into_iter().find(|known| known.name_any() == name && known.namespace().unwrap_or_default() == namespace)
    };
    Some(match event {
        Event::Init => Event::Init,
        Event::InitDone => Event::InitDone,
        Event::InitApply(DeserializeGuard(Ok(object))) => Event::InitApply(object),
        Event::Apply(DeserializeGuard(Ok(object))) => Event::Apply(object),
        Event::Delete(DeserializeGuard(Ok(object))) => Event::Delete(object),
        Event::InitApply(DeserializeGuard(Err(guarded))) => {
            unreadable(guarded);
            return None;
        }
        Event::Apply(DeserializeGuard(Err(guarded))) | Event::Delete(DeserializeGuard(Err(guarded))) => {
            Event::Delete((*unreadable(guarded)?).clone())
        }
    })
}

impl Surroundings {
    fn wake(&self, clusters: impl IntoIterator<Item = ObjectRef<SutraCluster>>) {
        for cluster in clusters {
            // The other end is gone when the operator stops.
            let _ = self.queue.send(cluster);
        }
    }
}

/// Faults of one watch: each is said once, until there is another one or none.
struct Faults {
    kind: &'static str,
    surroundings: Surroundings,
    said: Option<String>,
    last: Option<Instant>,
    wait: Duration,
    synced: bool,
}

impl Faults {
    fn new(kind: &'static str, surroundings: Surroundings) -> Self {
        Self { kind, surroundings, said: None, last: None, wait: FIRST, synced: false }
    }

    /// How long to wait. `watcher` begins each attempt with an event that looks like a success, so that its own back-off would never grow.
    fn happened(&mut self, error: &watcher::Error) -> Duration {
        if is_routine(error) {
            debug!(kind = self.kind, %error, "the watch begins anew");
            return Duration::ZERO;
        }
        let reason = describe(self.kind, error);
        self.surroundings.metrics.watch_failed(self.kind);
        self.surroundings.health.failing(self.kind, reason.clone());
        if self.said.as_ref() != Some(&reason) {
            warn!(kind = self.kind, reason, "watching failed; trying again");
            self.said = Some(reason);
        }
        let wait = self.wait;
        self.wait = (wait * 2).min(LONGEST);
        self.last = Some(Instant::now());
        wait
    }

    /// Returns when no fault has come for so long that there is none any more.
    async fn outlasted(&self) {
        match self.last {
            Some(last) => tokio::time::sleep_until(last + self.wait + QUIET).await,
            None => std::future::pending().await,
        }
    }

    fn synced(&mut self) {
        self.synced = true;
        self.surroundings.health.synced(self.kind);
        self.recovered();
    }

    fn recovered(&mut self) {
        if self.last.take().is_none() {
            return;
        }
        self.wait = FIRST;
        match self.synced {
            true => self.surroundings.health.synced(self.kind),
            false => self.surroundings.health.syncing(self.kind),
        }
        if self.said.take().is_some() {
            info!(kind = self.kind, "watching goes on");
        }
    }
}

/// The API server keeps changes for some minutes only, and says so to those that come later: the watch begins with a list again.
fn is_routine(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchError(status) if status.code == 410)
}

fn describe(kind: &str, error: &watcher::Error) -> String {
    if let watcher::Error::InitialListFailed(kube::Error::SerdeError(fault))
    | watcher::Error::WatchFailed(kube::Error::SerdeError(fault)) = error
    {
        return format!("one of the {kind} is not of a form that this release of the operator knows: {fault}");
    }
    let answer = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => Some(status),
        watcher::Error::WatchError(status) => Some(status),
        _ => None,
    };
    // By the number: of a group that it does not know the API server says so in plain text, without a reason.
    match answer {
        Some(status) if status.code == 404 && kind.starts_with("sutra") => format!(
            "the API server does not know {kind}.sutra.dev: install the custom resource definitions, which `sutra-operator crd` prints"
        ),
        Some(status) if status.code == 404 => format!("the API server does not know {kind}"),
        Some(status) if status.code == 403 => {
            format!("the operator's service account may not list and watch {kind}: {}", status.message)
        }
        Some(status) => format!("the API server does not list {kind}: {}", status.message),
        None => format!("no answer about {kind}: {}", chain(error)),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn refused(code: u16, reason: &str) -> watcher::Error {
        let status = Status { code, reason: reason.into(), message: "a message".into(), ..Default::default() };
        watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status)))
    }

    #[test]
    fn a_missing_definition_is_said_with_what_to_do() {
        let text = describe("sutraclusters", &refused(404, "Failed to parse error data"));
        assert!(text.contains("does not know sutraclusters.sutra.dev") && text.contains("sutra-operator crd"), "{text}");
    }

    #[test]
    fn a_missing_right_is_said_with_the_api_servers_words() {
        let text = describe("pods", &refused(403, "Forbidden"));
        assert!(text.contains("may not list and watch pods: a message"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn waits_grow_until_the_watch_goes_on() {
        let (queue, _clusters) = tokio::sync::mpsc::unbounded_channel();
        let health = Health::new();
        let (clusters, _writer) = kube::runtime::reflector::store();
        let surroundings = Surroundings { queue, clusters, health: health.clone(), metrics: Metrics::new() };
        let mut faults = Faults::new("pods", surroundings);
        let waits = (0..7).map(|_| faults.happened(&refused(403, "Forbidden")).as_secs()).collect::<Vec<_>>();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        assert!(health.ready().is_err());
        faults.outlasted().await;
        faults.recovered();
        assert_eq!(health.ready().unwrap_err(), "pods: not all known yet");
        assert_eq!(faults.happened(&refused(403, "Forbidden")), FIRST);
        faults.synced();
        assert_eq!(health.ready(), Ok(()));
    }
}
