//! How many nodes a cluster has, whatever its spec asks for now, and how many pods it needs for those it has and shall have.
//!
//! A grid of several tells it, and so do its volumes, on which it was written before the grid was founded. What says nothing of it is a node
//! alone, which is its own grid from its first start, or nothing yet.

use crate::desired::Desired;
use crate::observed::{Answer, Observed, Pod, Seen, Volume, VolumeOwner};
use crate::plan::volumes::may_use;

/// Nodes without which nothing is committed.
pub(crate) fn quorum(nodes: u32) -> u32 {
    nodes / 2 + 1
}

/// The nodes of the cluster: those of its grid. A cluster that has none is free to become as large as it likes.
pub(crate) fn in_force(desired: &Desired, observed: &Observed) -> u32 {
    let written = usable(desired, observed).filter_map(|volume| volume.grid_nodes).max();
    match observed.grid_nodes().or(written) {
        Some(known) => known,
        None if may_be_alone(desired, observed) => 1,
        None => desired.nodes,
    }
}

/// The names of those nodes.
pub(crate) fn names(desired: &Desired, observed: &Observed) -> Vec<String> {
    if observed.members.is_empty() {
        (0..in_force(desired, observed)).map(|ordinal| format!("{}-{ordinal}", desired.cluster)).collect()
    } else {
        observed.members.keys().cloned().collect()
    }
}

/// Whether enough of the nodes that decide about the grid pass.
pub(super) fn majority(desired: &Desired, observed: &Observed, passes: &dyn Fn(&Pod) -> bool) -> bool {
    let voters = if observed.voters.is_empty() { names(desired, observed) } else { observed.voters.clone() };
    let passing = voters.iter().filter(|name| observed.pods.iter().any(|pod| pod.name == **name && passes(pod))).count();
    passing >= quorum(u32::try_from(voters.len()).unwrap_or(u32::MAX)) as usize
}

/// The number of a node, by its name.
pub(super) fn ordinal(desired: &Desired, node: &str) -> Option<u32> {
    node.strip_prefix(desired.cluster.as_str())?.strip_prefix('-')?.parse().ok()
}

/// How many pods there are to be while the cluster is awake: those of the nodes that the spec asks for, and of those that have still to
/// leave. A pod is not given up before it is sure that its node belongs to no grid.
pub(crate) fn pods(desired: &Desired, observed: &Observed) -> u32 {
    let nodes = in_force(desired, observed);
    if nodes < 2 {
        return desired.nodes;
    }
    let members = observed.members.keys().filter_map(|node| ordinal(desired, node)).max().map_or(nodes, |last| last + 1);
    let least = desired.nodes.max(members);
    if observed.agreed {
        return least;
    }
    let set = observed.stateful_set.as_ref().map(|set| set.replicas).filter(|replicas| *replicas > 0);
    let recorded = || usable(desired, observed).filter(|volume| is_marked(volume)).map(|volume| volume.ordinal + 1).max();
    least.max(set.or_else(recorded).unwrap_or(0))
}

/// Whether a volume's node was ever in a grid: before it was, that was written on its volume.
pub(super) fn is_marked(volume: &Volume) -> bool {
    volume.grid.is_some() || volume.grid_nodes.is_some()
}

/// Whether a pod's node belongs to the grid, as far as it is known.
pub(super) fn is_member(observed: &Observed, pod: &Pod) -> bool {
    observed.members.is_empty() || observed.members.contains_key(&pod.name)
}

/// Whether it is sure that a pod's node does not belong to the grid: nothing rests on it.
pub(super) fn is_stranger(observed: &Observed, pod: &Pod) -> bool {
    observed.agreed && !is_member(observed, pod)
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
