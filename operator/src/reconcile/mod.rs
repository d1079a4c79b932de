//! One round of work for one cluster.
//!
//! | module | responsibility |
//! |---|---|
//! | `rendered` | all objects of a cluster as they shall be |
//! | `cached` | objects of a cluster in the caches |
//! | `carry_out` | the steps of a plan, one write each |

pub(crate) mod cached;
mod carry_out;
pub(crate) mod rendered;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use sutra_crds::SutraCluster;
use sutra_planner::{Desired, Observed, Plan, Wanted, plan, report};
use tracing::info;

use crate::apply::{self, Outcome};
use crate::chain::chain;
use crate::control::Context;
use crate::desired::{Release, desired};
use crate::observe::observe;
use crate::status::{news, status};

pub use rendered::Rendered;

/// While something changes by itself, its nodes are asked this often; all else is told by watches.
const WHILE_CHANGING: Duration = Duration::from_secs(3);

/// Why a round of work did not end well. The next one comes after a while that grows with every failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server did not answer while the cluster was looked at.
    #[error("observe the cluster")]
    Observe(#[source] kube::Error),
    /// A step failed for a passing reason.
    #[error("{step}")]
    Step {
        /// The step.
        step: &'static str,
        /// What the API server, or the way to it, said.
        #[source]
        source: kube::Error,
    },
    /// The API server refuses a step.
    #[error("{step} is refused: {message}")]
    Refused {
        /// The step.
        step: &'static str,
        /// The API server's sentence.
        message: String,
    },
    /// The status could not be written.
    #[error("write the status")]
    Status(#[source] kube::Error),
}

/// Observes, plans, applies, reports.
///
/// # Errors
/// If the API server does not answer or refuses something; the status says so, if it can be written.
pub async fn reconcile(cluster: Arc<SutraCluster>, context: Arc<Context>) -> Result<Action, Error> {
    let release = Release::of(&cluster, rendered::recorded(&cluster, &context), &context.config.node_image);
    let rendered = Rendered::new(&cluster, &release, &context);
    let mut observed = observe(&cluster, &rendered, &context).await.map_err(Error::Observe)?;
    let desired = desired(&cluster, rendered.revision(), context.has_pod_monitors());

    let now = Timestamp::now();
    let planned = plan(&desired, &observed, now);
    let carried = carry_out::carry_out(&planned, &cluster, &rendered, &context).await;
    observed.refusals = carried.refusals;
    let failure = match carried.failure {
        None => Ok(()),
        Some(carry_out::Failure { step, source }) => {
            observed.failing = worth_telling(&source).map(|why| (step, why));
            Err(Error::Step { step, source })
        }
    };
    let told = tell(&cluster, &desired, &observed, &release, &context, now).await;
    failure.and(told)?;
    match observed.refusals.into_iter().next() {
        Some((step, message)) => Err(Error::Refused { step, message }),
        None => Ok(Action::requeue(next_look(&desired, &planned, &context))),
    }
}

/// A conflict passes by itself, and a server that is away takes no status either.
fn worth_telling(source: &kube::Error) -> Option<String> {
    match source {
        kube::Error::Api(answer) if answer.code >= 500 => Some(answer.message.clone()),
        kube::Error::Service(why) => why.downcast_ref::<apply::FoundingError>().map(|why| chain(why)),
        _ => None,
    }
}

/// Writes the status, if it says something new, and the events that belong to it.
async fn tell(
    cluster: &SutraCluster,
    desired: &Desired,
    observed: &Observed,
    release: &Release,
    context: &Context,
    now: Timestamp,
) -> Result<(), Error> {
    // Once more, because what the API server refused is known only now.
    let planned = plan(desired, observed, now);
    let after = status(cluster, &report(desired, observed, &planned), release, now);
    if cluster.status.as_ref() == Some(&after) {
        return Ok(());
    }
    context.metrics.wrote("SutraCluster", "status");
    if let Outcome::Refused(message) = apply::cluster_status(&context.client, cluster, &after).await.map_err(Error::Status)? {
        return Err(Error::Refused { step: "the status", message });
    }
    for news in news(cluster.status.as_ref(), &after) {
        info!(cluster = %cluster.name_any(), reason = news.reason, "{}", news.message);
        context.events.tell(cluster, news.warning, &news.reason, &news.message).await;
    }
    Ok(())
}

fn next_look(desired: &Desired, planned: &Plan, context: &Context) -> Duration {
    let steady = planned.stalled.is_some() || desired.wanted == Wanted::Paused || !planned.changes_cluster();
    if steady { context.config.poll } else { WHILE_CHANGING.min(context.config.poll) }
}
