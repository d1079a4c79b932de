//! How many copies there are of each shard, and whether they suffice.
//!
//! The grid places and moves its replicas by itself; it is only told how many there are to be.

use crate::desired::{Desired, Wanted};
use crate::observed::{Answer, Membership, Observed, Pod, Replica, Role};
use crate::plan::{Plan, founding, pods, shards, size};
use crate::step::Action;

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    let (Some(nodes), Some(told)) = (observed.grid_nodes(), observed.grid_replicas) else { return };
    if desired.wanted != Wanted::Running || nodes < 2 || !founding::made(observed) {
        return;
    }
    for sentence in &observed.under_way {
        plan.wait("Rebalancing", sentence.clone());
    }
    let count = desired.replication_factor;
    let leaving = observed.members.values().filter(|member| **member == Membership::Leaving).count();
    if count == told {
        return;
    }
    if count as usize > nodes as usize - leaving {
        plan.wait("Rebalancing", format!("the grid is asked for {count} copies of each shard as soon as it has as many nodes"));
        return;
    }
    // The grid changes nothing of itself while its nodes are of two releases: to ask would fail, and hold up the rest.
    match asked(observed, None).filter(|_| is_of_one_release(observed)) {
        Some((asked, grid)) => {
            let action = Action::SetReplicas { asked, grid, count };
            plan.step(action, format!("the spec asks for {count} copies of each shard, and the grid has {told}"));
        }
        None => {
            let when = "as soon as a node serves and all are of one release";
            plan.wait("Rebalancing", format!("the grid is asked for {count} copies of each shard {when}"));
        }
    }
}

/// Whether all nodes that serve are of one release: else the grid changes nothing of itself. One whose pod is going is not asked any more,
/// and answers other nodes yet.
pub(super) fn is_of_one_release(observed: &Observed) -> bool {
    if observed.pods.iter().any(|pod| pod.leaving && size::is_member(observed, pod)) {
        return false;
    }
    let mut releases = observed.answers.values().filter_map(|answer| match answer {
        Answer::Serving(report) => Some(&report.version),
        Answer::Waiting | Answer::Silent(_) => None,
    });
    let first = releases.next();
    releases.all(|other| Some(other) == first)
}

/// A node that has everything of what it keeps, and can be asked for changes of its grid; and the grid. It is another than `but`.
pub(super) fn asked(observed: &Observed, but: Option<&str>) -> Option<(String, String)> {
    observed.pods.iter().filter(|pod| but != Some(&pod.name)).find_map(|pod| match observed.answers.get(&pod.name) {
        Some(Answer::Serving(report))
            if size::is_member(observed, pod) && pods::serves(observed, pod) && pods::caught_up(observed, pod) =>
        {
            Some((pod.name.clone(), report.grid.clone()))
        }
        _ => None,
    })
}

/// Whether each shard has a quorum of its copies, and `spare` more, on pods that pass.
pub(super) fn suffice(desired: &Desired, observed: &Observed, passes: &dyn Fn(&Pod) -> bool, spare: usize) -> bool {
    let well = |replica: &&Replica| {
        let pod = observed.pods.iter().find(|pod| pod.name == replica.node);
        replica.caught_up && pod.is_some_and(passes)
    };
    shards::known(observed).values().all(|report| {
        // Where some are silent, and nothing is written of them yet, there may be more than are seen.
        let copies = report.replicas.len().max(copies(desired, observed));
        report.replicas.iter().filter(well).count() >= copies / 2 + 1 + spare
    })
}

/// Shards that have a copy on a pod, and no quorum without it.
pub(super) fn resting_on(desired: &Desired, observed: &Observed, pod: &Pod) -> Vec<u64> {
    let others = |replica: &&Replica| {
        let other = observed.pods.iter().find(|other| other.name == replica.node && other.uid != pod.uid);
        // One that only listens is none of a quorum yet, and one in quarantine is not any more.
        replica.caught_up && replica.role != Role::Learner && other.is_some_and(|other| pods::serves(observed, other))
    };
    let rests = |(shard, report): (u64, crate::observed::ShardReport)| {
        let copies = report.replicas.len().max(copies(desired, observed));
        let is_here = report.replicas.iter().any(|replica| replica.node == pod.name);
        (is_here && report.replicas.iter().filter(others).count() < copies / 2 + 1).then_some(shard)
    };
    shards::known(observed).into_iter().filter_map(rests).collect()
}

fn copies(desired: &Desired, observed: &Observed) -> usize {
    let nodes = size::in_force(desired, observed);
    observed.grid_replicas.unwrap_or(desired.replication_factor).min(nodes) as usize
}
