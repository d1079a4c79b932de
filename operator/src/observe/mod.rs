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
use sutra_planner::{Observed, Replacing};

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
    let (stateful_set, volumes) = (stateful_set?, volumes?);
    let beyond = volumes.iter().any(|volume| i64::from(volume.ordinal) >= i64::from(cluster.spec.nodes));
    let replicas = stateful_set.as_ref().map(|set| set.replicas);
    let settled = !beyond && replicas == u32::try_from(cluster.spec.nodes).ok();
    let grid = nodes::grid(&pods, &answers, cluster.spec.nodes, settled, context).await;
    let placement = grid.as_ref().map(nodes::Told::placement).unwrap_or_default();
    let members = grid.as_ref().map(nodes::Told::members).unwrap_or_default();
    Ok(Observed {
        objects: objects?,
        stateful_set,
        pods: pods.into_iter().map(|pod| pod.seen).collect(),
        volumes,
        answers,
        members,
        placement,
        zones: grid.as_ref().and_then(nodes::Told::zones),
        voters: grid.as_ref().map(nodes::Told::voters).unwrap_or_default(),
        agreed: grid.as_ref().is_some_and(|grid| grid.agreed),
        epoch: grid.as_ref().map(|grid| grid.newest.epoch).filter(|epoch| *epoch > 0),
        grid_replicas: grid.as_ref().and_then(|grid| grid.newest.replication_factor),
        under_way: grid.map(|grid| grid.newest.under_way).unwrap_or_default(),
        projections: shards::seen(cluster, context),
        known_grid: cluster.status.as_ref().and_then(|status| status.grid_id.clone()),
        replacing: replacing(cluster),
        held: cluster.finalizers().iter().any(|finalizer| finalizer == names::VOLUMES_FINALIZER),
        budget: objects::budget(cluster, context),
        pod_refused,
        failing: None,
        refusals: std::collections::BTreeMap::new(),
    })
}

/// The replacement that the operator has begun, as it wrote it down.
fn replacing(cluster: &SutraCluster) -> Option<Replacing> {
    let (node, volume) = cluster.annotations().get(names::REPLACING_ANNOTATION)?.split_once('/')?;
    Some(Replacing { node: node.to_owned(), volume: volume.to_owned() })
}
