//! The grid of a new cluster of several nodes, once.
//!
//! How many nodes it has is written on the volumes first; nothing else is remembered. A node that was asked finishes by itself and refuses to be asked again; whoever belongs to a grid says so;
//! and the volumes of one that was founded name it.

use crate::desired::{Desired, Wanted};
use crate::observed::{Answer, Observed, Pod, Volume, VolumeOwner};
use crate::plan::{Plan, size};
use crate::step::Action;

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    // Once it is written down how many, it is those, whatever the spec asks for meanwhile.
    let nodes = size::in_force(desired, observed);
    let pods: Vec<&Pod> = observed.pods.iter().filter(|pod| pod.ordinal < nodes).collect();
    let waits = |pod: &&&Pod| observed.answers.get(&pod.name) == Some(&Answer::Waiting);
    if desired.wanted != Wanted::Running || nodes < 2 || made(observed) {
        return;
    }
    if !pods.iter().any(|pod| waits(&pod)) {
        return;
    }
    let (waiting, all) = (pods.iter().filter(waits).count(), nodes as usize);
    let changing = pods.iter().any(|pod| pod.leaving || pod.revision.as_deref() != Some(desired.revision.as_str()));
    let first = pods.first().filter(|pod| pod.ordinal == 0);
    let written: Vec<&Volume> = ours(nodes, observed).filter(|volume| volume.grid_nodes == Some(nodes)).collect();
    match first {
        Some(_) if waiting == all && !changing && !founded(observed) && written.len() < all => {
            let unwritten = ours(nodes, observed).filter(|volume| volume.grid_nodes != Some(nodes));
            for volume in unwritten {
                let action = Action::RecordSize { volume: volume.name.clone(), nodes };
                plan.step(action, format!("a grid of {all} nodes is about to be founded"));
            }
            plan.wait("GridFounding", format!("all {all} nodes wait for the grid"));
        }
        Some(first) if waiting == all && !changing && !founded(observed) => {
            let action = Action::FoundGrid {
                pod: first.name.clone(),
                uid: first.uid.clone(),
                nodes,
                replicas: desired.replication_factor.min(nodes),
            };
            plan.step(action, format!("all {all} nodes wait for a grid and none belongs to one"));
        }
        _ => plan.wait("GridFounding", format!("{waiting} of {all} nodes wait for the grid")),
    }
}

/// The volumes of the nodes.
fn ours(nodes: u32, observed: &Observed) -> impl Iterator<Item = &Volume> {
    observed.volumes.iter().filter(move |volume| volume.owner == VolumeOwner::Ours && volume.ordinal < nodes)
}

/// Whether there is, or was, a grid.
pub(crate) fn founded(observed: &Observed) -> bool {
    observed.known_grid.is_some()
        || observed.volumes.iter().any(|volume| volume.owner == VolumeOwner::Ours && volume.grid.is_some())
        || observed.answers.values().any(|answer| matches!(answer, Answer::Serving(_)))
}

/// Whether a grid's groups are at work: the founder calls them into being when all nodes have joined.
pub(super) fn made(observed: &Observed) -> bool {
    observed.answers.values().any(|answer| match answer {
        Answer::Serving(report) => report.shards.iter().any(|shard| shard.leader.is_some()),
        Answer::Waiting | Answer::Silent(_) => false,
    })
}
