//! The loop: begins when the caches know everything, turns, begins anew when Kubernetes learns of pod monitors, stops.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, stream};
use kube::Client;
use kube::runtime::controller::{self, Action, Controller};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use sutra_crds::SutraCluster;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::attempt::{Failure, again, attempt};
use super::backoff::Backoff;
use super::caches::{self, Caches, Watched};
use super::context::Context;
use super::machines::Machines;
use super::pod_monitors;
use crate::config::Config;
use crate::events::Events;
use crate::health::Health;
use crate::lease::Leadership;
use crate::metrics::Metrics;

/// Clusters looked at at a time.
const CONCURRENCY: u16 = 4;
/// Changes that come within this time are looked at together: a write comes back as an event, and a pod that starts as several.
const DEBOUNCE: Duration = Duration::from_millis(200);
/// How often the loop says that it turns.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long reconciliations that run when the operator stops may go on.
pub const DRAIN: Duration = Duration::from_secs(20);

/// What a controller is made of.
#[derive(Clone)]
pub struct Shell {
    /// Fenced.
    pub client: Client,
    /// What the fence asks.
    pub leadership: Leadership,
    /// How the operator was told to run.
    pub config: Config,
    /// What is counted.
    pub metrics: Metrics,
    /// Kubernetes events.
    pub events: Events,
    /// Asks nodes.
    pub probe: reqwest::Client,
    /// Where it is told how it goes.
    pub health: Health,
}

/// Why control ended although nobody stopped it.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// A watch ended.
    #[error("a watch of the API server ended by itself")]
    WatchEnded,
    /// The queue ended.
    #[error("the queue of clusters ended by itself")]
    QueueEnded,
}

/// Why a round is over.
enum Over {
    Stopped,
    PodMonitorsChanged,
}

/// Controls clusters until `stop` is cancelled; what runs then is finished, within [`DRAIN`].
///
/// # Errors
/// If it ends without that.
pub async fn run<R, F, E>(shell: Shell, stop: CancellationToken, reconcile: R) -> Result<(), ControlError>
where
    R: Fn(Arc<SutraCluster>, Arc<Context>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Action, E>> + Send + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    loop {
        match round(&shell, &stop, reconcile.clone()).await? {
            Over::Stopped => return Ok(()),
            Over::PodMonitorsChanged => {
                info!("the API server began or ceased to know pod monitors: control begins anew");
            }
        }
    }
}

/// Controls with the same kinds of objects all the time.
async fn round<R, F, E>(shell: &Shell, stop: &CancellationToken, reconcile: R) -> Result<Over, ControlError>
where
    R: Fn(Arc<SutraCluster>, Arc<Context>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Action, E>> + Send + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    let Some(resource) = stop.run_until_cancelled(pod_monitors::discover(&shell.client, &shell.health)).await else {
        return Ok(Over::Stopped);
    };
    let Watched { caches, queue, mut watches } =
        caches::watch(&shell.client, &shell.config, resource.as_ref(), &shell.health, &shell.metrics);
    let context = Arc::new(Context {
        client: shell.client.clone(),
        leadership: shell.leadership.clone(),
        caches: caches.clone(),
        machines: Machines::default(),
        config: shell.config.clone(),
        metrics: shell.metrics.clone(),
        events: shell.events.clone(),
        probe: shell.probe.clone(),
    });
    // Not a child of `stop`: the results must not end by themselves because somebody stops, before this loop has seen that.
    let ending = CancellationToken::new();
    let mut beat = interval(HEARTBEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut changed = pin!(pod_monitors::until_changed(&shell.client, resource.is_some()));

    // A cluster must not be judged by half of what there is: objects not known yet would look like objects to be made.
    {
        let mut ready = pin!(caches.ready());
        loop {
            tokio::select! {
                known = &mut ready => {
                    known.map_err(|_| ControlError::WatchEnded)?;
                    break;
                }
                () = stop.cancelled() => return Ok(Over::Stopped),
                () = &mut changed => return Ok(Over::PodMonitorsChanged),
                _ = beat.tick() => shell.health.progress(),
            }
        }
    }
    info!(clusters = caches.clusters.len(), pod_monitors = resource.is_some(), "all objects are known: control begins");

    let backoff = Arc::new(Backoff::default());
    let mut results = pin!(controlled((&caches, queue), &ending, context, backoff.clone(), reconcile));
    loop {
        tokio::select! {
            result = results.next() => match result {
                Some(result) => handle(result, &backoff)?,
                None => return Err(ControlError::QueueEnded),
            },
            _ = watches.join_next() => return Err(ControlError::WatchEnded),
            () = stop.cancelled() => {
                ending.cancel();
                drain(results).await;
                return Ok(Over::Stopped);
            }
            () = &mut changed => {
                ending.cancel();
                drain(results).await;
                return Ok(Over::PodMonitorsChanged);
            }
            _ = beat.tick() => shell.health.progress(),
        }
    }
}

type Handled<E> = Result<(), controller::Error<Failure<E>, watcher::Error>>;

/// Reconciles the clusters of the queue until `ending` is cancelled; ends when what ran then has ended.
fn controlled<R, F, E>(
    watched: (&Caches, UnboundedReceiver<ObjectRef<SutraCluster>>),
    ending: &CancellationToken,
    context: Arc<Context>,
    backoff: Arc<Backoff>,
    reconcile: R,
) -> impl Stream<Item = Handled<E>> + use<R, F, E>
where
    R: Fn(Arc<SutraCluster>, Arc<Context>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Action, E>> + Send + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    let (caches, mut queue) = watched;
    let policy = backoff.clone();
    // The clusters' own changes come through the queue too: one way in.
    Controller::for_stream(stream::pending(), caches.clusters.clone())
        .reconcile_on(stream::poll_fn(move |task| queue.poll_recv(task)))
        .graceful_shutdown_on(ending.clone().cancelled_owned())
        .with_config(controller::Config::default().debounce(DEBOUNCE).concurrency(CONCURRENCY))
        .run(
            move |cluster, context| attempt(cluster, context, backoff.clone(), reconcile.clone()),
            move |cluster, failure, _| again(&cluster, failure, &policy),
            context,
        )
        .map(|result| result.map(drop))
}

/// What is left to do when a reconciliation has ended: those that failed were counted, told and put back already.
fn handle<E: std::error::Error + 'static>(result: Handled<E>, backoff: &Backoff) -> Result<(), ControlError> {
    match result {
        Ok(()) | Err(controller::Error::ReconcilerFailed(..)) => Ok(()),
        // It is gone, or never was cared for.
        Err(controller::Error::ObjectNotFound(cluster)) => {
            let namespace = cluster.namespace.as_deref().unwrap_or_default();
            backoff.forget(&ObjectRef::new(&cluster.name).within(namespace));
            Ok(())
        }
        Err(controller::Error::QueueError(_) | controller::Error::RunnerError(_)) => Err(ControlError::QueueEnded),
    }
}

/// Lets what runs end.
async fn drain<E: std::error::Error + 'static>(mut results: Pin<&mut impl Stream<Item = Handled<E>>>) {
    let finish = async { while results.next().await.is_some() {} };
    if timeout(DRAIN, finish).await.is_err() {
        warn!(limit = ?DRAIN, "reconciliations that did not end in time are given up; the next operator begins them anew");
    }
}
