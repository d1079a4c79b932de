//! One reconciliation: counted, timed, bounded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use sutra_crds::SutraCluster;
use tokio::time::timeout;
use tracing::warn;

use super::backoff::Backoff;
use super::context::Context;
use crate::chain::chain;
use crate::metrics::Reconciled;

/// Longest time that a reconciliation may take. Its requests have shorter bounds each.
const LONGEST: Duration = Duration::from_secs(300);

/// Why a reconciliation failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure<E: std::error::Error + 'static> {
    /// It said so.
    #[error(transparent)]
    Said(E),
    /// It did not end.
    #[error("it took longer than {LONGEST:?} and was given up")]
    TimedOut,
}

/// Reconciles a cluster, unless it failed a moment ago.
pub(super) async fn attempt<F, E>(
    cluster: Arc<SutraCluster>,
    context: Arc<Context>,
    backoff: Arc<Backoff>,
    reconcile: impl FnOnce(Arc<SutraCluster>, Arc<Context>) -> F,
) -> Result<Action, Failure<E>>
where
    F: Future<Output = Result<Action, E>>,
    E: std::error::Error + 'static,
{
    let key = ObjectRef::from_obj(&*cluster);
    if let Some(left) = backoff.rests(&key, cluster.metadata.generation, Instant::now()) {
        return Ok(Action::requeue(left));
    }
    let begun = Instant::now();
    let result = match timeout(LONGEST, reconcile(cluster, context.clone())).await {
        Ok(result) => result.map_err(Failure::Said),
        Err(_) => Err(Failure::TimedOut),
    };
    let label = match &result {
        Ok(_) => Reconciled::Ok,
        Err(Failure::Said(_)) => Reconciled::Error,
        Err(Failure::TimedOut) => Reconciled::TimedOut,
    };
    context.metrics.reconciled(label, begun.elapsed());
    if result.is_ok() {
        backoff.forget(&key);
    }
    result
}

/// What to do after a reconciliation that failed.
pub(super) fn again<E: std::error::Error>(cluster: &SutraCluster, failure: &Failure<E>, backoff: &Backoff) -> Action {
    let wait = backoff.failed(ObjectRef::from_obj(cluster), cluster.metadata.generation, Instant::now());
    warn!(
        namespace = cluster.namespace().unwrap_or_default(),
        cluster = cluster.name_any(),
        error = chain(failure),
        again_in = ?wait,
        "reconciliation failed"
    );
    Action::requeue(wait)
}
