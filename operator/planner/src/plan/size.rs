//! How many nodes a cluster has, whatever its spec asks for now: nodes can't join a grid or leave it yet.
//!
//! A grid of several tells it, and so do its volumes, on which it was written before the grid was founded. What says nothing of it is a node
//! alone, which is its own grid from its first start, or nothing yet.

use crate::desired::Desired;
use crate::observed::{Answer, Observed, Seen, Volume, VolumeOwner};
use crate::plan::volumes::may_use;

/// Nodes without which nothing is committed.
pub(crate) fn quorum(nodes: u32) -> u32 {
    nodes / 2 + 1
}

/// The nodes of the cluster: those of its grid. A cluster that has none is free to become as large as it likes.
pub(crate) fn in_force(desired: &Desired, observed: &Observed) -> u32 {
    let written = usable(desired, observed).filter_map(|volume| volume.grid_nodes).max();
    match observed.grid_nodes.or(written) {
        Some(known) => known,
        None if may_be_alone(desired, observed) => 1,
        None => desired.nodes,
    }
}

/// Whether there is a node alone, or may be one, as far as can be seen.
fn may_be_alone(desired: &Desired, observed: &Observed) -> bool {
    // A volume of a grid of several says so before it names the grid.
    if usable(desired, observed).any(|volume| volume.grid.is_some()) {
        return true;
    }
    let first = observed.pods.iter().find(|pod| pod.ordinal == 0);
    // A node of several waits; it has never been one alone.
    let waits = observed.answers.values().any(|answer| *answer == Answer::Waiting);
    let set = observed.stateful_set.as_ref().filter(|set| !matches!(set.seen, Seen::Foreign(_)) && set.replicas > 0);
    let one = set.map_or(observed.pods.len() <= 1, |set| set.replicas == 1);
    if one && !waits && observed.known_grid.is_some() && !observed.volumes.is_empty() {
        return true;
    }
    match first {
        Some(first) => one && first.ran && !waits,
        // Of a pod that is gone nobody knows whether it ran; one that never found a machine bound no volume.
        None => one && usable(desired, observed).filter(|volume| volume.bound).map(|volume| volume.ordinal).max() == Some(0),
    }
}

/// Volumes that the cluster uses or would use.
fn usable<'a>(desired: &'a Desired, observed: &'a Observed) -> impl Iterator<Item = &'a Volume> {
    observed.volumes.iter().filter(|volume| match &volume.owner {
        VolumeOwner::Ours => true,
        VolumeOwner::Other(grid) => may_use(desired, observed, grid),
    })
}
