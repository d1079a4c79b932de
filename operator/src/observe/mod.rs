//! What is seen of a cluster: its objects from the caches, its nodes by asking them.
//!
//! | module | responsibility |
//! |---|---|
//! | `objects` | objects of which there is one, and the stateful set: as rendered, changed, or somebody else's |
//! | `pods` | pods, and what keeps them from running |
//! | `refused` | why a pod cannot be made |
//! | `volumes` | volume claims, and whose data they hold |
//! | `nodes` | what the nodes answer |
//! | `shards` | `SutraShard`s as they are |

mod nodes;
mod objects;
mod pods;
mod refused;
mod shards;
mod volumes;

use kube::ResourceExt as _;
use sutra_crds::{SutraCluster, names};
use sutra_planner::Observed;

use crate::control::Context;
use crate::reconcile::Rendered;

pub(crate) use objects::budget;

/// Looks at everything that belongs to a cluster.
///
/// # Errors
/// If the API server does not answer where the caches don't know.
pub async fn observe(cluster: &SutraCluster, rendered: &Rendered<'_>, context: &Context) -> Result<Observed, kube::Error> {
    let pods = pods::seen(cluster, context).await?;
    let (objects, stateful_set, volumes, answers, pod_refused) = tokio::join!(
        objects::seen(cluster, rendered, context),
        objects::stateful_set(cluster, rendered, context),
        volumes::seen(cluster, context),
        nodes::ask(&pods, cluster.spec.nodes, context),
        refused::pod(cluster, pods.len(), context),
    );
    let grid = nodes::grid(&pods, &answers, cluster.spec.nodes, context).await;
    Ok(Observed {
        objects: objects?,
        stateful_set: stateful_set?,
        pods: pods.into_iter().map(|pod| pod.seen).collect(),
        volumes: volumes?,
        answers,
        grid_nodes: grid.as_ref().and_then(|grid| u32::try_from(grid.nodes.len()).ok()),
        grid_replicas: grid.as_ref().and_then(|grid| grid.replication_factor),
        under_way: grid.map(|grid| grid.under_way).unwrap_or_default(),
        projections: shards::seen(cluster, context),
        known_grid: cluster.status.as_ref().and_then(|status| status.grid_id.clone()),
        held: cluster.finalizers().iter().any(|finalizer| finalizer == names::VOLUMES_FINALIZER),
        budget: objects::budget(cluster, context),
        pod_refused,
        failing: None,
        refusals: std::collections::BTreeMap::new(),
    })
}
