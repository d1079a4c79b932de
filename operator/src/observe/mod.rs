//! What is seen of a cluster: its objects from the caches, its nodes by asking them.
//!
//! | module | responsibility |
//! |---|---|
//! | `objects` | objects of which there is one, and the stateful set: as rendered, changed, or somebody else's |
//! | `pods` | pods, and what keeps them from running |
//! | `volumes` | volume claims, and whose data they hold |
//! | `nodes` | what the nodes answer |
//! | `shards` | `SutraShard`s as they are |

mod nodes;
mod objects;
mod pods;
mod shards;
mod volumes;

use sutra_crds::SutraCluster;
use sutra_planner::Observed;

use crate::control::Context;
use crate::reconcile::Rendered;

/// Looks at everything that belongs to a cluster.
///
/// # Errors
/// If the API server does not answer where the caches don't know.
pub async fn observe(cluster: &SutraCluster, rendered: &Rendered<'_>, context: &Context) -> Result<Observed, kube::Error> {
    let pods = pods::seen(cluster, context);
    let (objects, stateful_set, volumes, answers) = tokio::join!(
        objects::seen(cluster, rendered, context),
        objects::stateful_set(cluster, rendered, context),
        volumes::seen(cluster, context),
        nodes::ask(&pods, context),
    );
    Ok(Observed {
        objects: objects?,
        stateful_set: stateful_set?,
        pods: pods.into_iter().map(|pod| pod.seen).collect(),
        volumes: volumes?,
        answers,
        projections: shards::seen(cluster, context),
        refusals: std::collections::BTreeMap::new(),
    })
}
