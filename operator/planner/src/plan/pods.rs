//! Outdated pods, one at a time.

use jiff::{SignedDuration, Timestamp};

use crate::desired::{Desired, Wanted};
use crate::observed::{Answer, Membership, Observed, Pod, Role};
use crate::plan::{Plan, copies, following, founding, replacing, size};
use crate::step::Action;

/// A pod that is not ready for so long does not only restart: it may be that just its template keeps it from coming back.
pub const LASTING: SignedDuration = SignedDuration::from_secs(60);

pub(super) fn plan(desired: &Desired, observed: &Observed, now: Timestamp, plan: &mut Plan) {
    let wanted = if desired.wanted == Wanted::Hibernated { 0 } else { size::pods(desired, observed) };
    let pods: Vec<&Pod> = observed.pods.iter().filter(|pod| pod.ordinal < wanted).collect();
    // One whose node has left, on a machine that is gone with it, leaves for ever; nothing rests on it.
    let goes = |pod: &&Pod| pod.leaving && !size::is_stranger(observed, pod);
    let leaving: Vec<&str> = observed.pods.iter().filter(goes).map(|pod| pod.name.as_str()).collect();

    if observed.pods.iter().any(|pod| pod.ordinal >= wanted) {
        let reason = if wanted == 0 { "Hibernating" } else { "PodLeaving" };
        plan.wait(reason, "the StatefulSet's controller is taking pods away");
    }
    if pods.len() < wanted as usize {
        plan.wait("NodesStarting", format!("{} of {wanted} pods exist", pods.len()));
    }
    if !leaving.is_empty() {
        plan.wait("PodLeaving", format!("{} is stopping", leaving.join(", ")));
    } else if let Some(pod) = doomed(desired, observed, &pods) {
        let reason = if size::is_stranger(observed, pod) {
            format!("the volume claim of pod {} is to go, and its node does not belong to the grid", pod.name)
        } else {
            format!("the volume claim of pod {} is to go, and the other nodes have what is on it", pod.name)
        };
        plan.step(Action::DeletePod { pod: pod.name.clone(), uid: pod.uid.clone() }, reason);
    } else if let Some((pod, reason)) = next(desired, observed, now, &pods) {
        plan.step(Action::DeletePod { pod: pod.name.clone(), uid: pod.uid.clone() }, reason);
    } else if let Some(pod) = pods.iter().find(|pod| replacing::is_doomed(observed, pod)) {
        let resting = copies::resting_on(desired, observed, pod);
        let message = match resting.first() {
            Some(shard) if observed.grid_replicas == Some(1) => {
                let name = &pod.name;
                format!(
                    "the volume claim of {name} is to go, and it holds the only copy of shard {shard}: with more copies of each it could"
                )
            }
            _ => format!("the volume claim of {} is to go, as soon as all others serve and have what is on it", pod.name),
        };
        plan.wait("NodeReplacing", message);
    } else if pods.iter().any(|pod| outdated(desired, pod)) {
        plan.wait("Rolling", "an outdated pod is replaced as soon as all others serve and have caught up");
    }
    // Of those that do not belong to the grid it is told elsewhere what they wait for.
    let starting = |pod: &&&Pod| !pod.leaving && !outdated(desired, pod) && !serves(observed, pod);
    for pod in pods.iter().filter(|pod| size::is_member(observed, pod)).filter(starting) {
        plan.wait("NodesStarting", format!("{} does not serve yet", pod.name));
    }
}

/// The next pod to delete. One that is not ready goes first, if it may go at all; of those that serve, the one that leads the fewest shards,
/// and only while all others serve.
fn next<'a>(desired: &Desired, observed: &Observed, now: Timestamp, pods: &[&'a Pod]) -> Option<(&'a Pod, String)> {
    let goes = |pod: &&Pod| !pod.leaving && outdated(desired, pod) && !replacing::is_doomed(observed, pod);
    let mut old: Vec<&Pod> = pods.iter().copied().filter(goes).collect();
    old.sort_by_key(|pod| (pod.ran, pod.started, leads(observed, pod), std::cmp::Reverse(pod.ordinal)));
    if let Some(broken) = old.iter().find(|pod| !pod.ready && gives_way(desired, observed, now, pod)) {
        return Some((broken, format!("pod {} is not ready and made from an older template", broken.name)));
    }
    // One that is leaving the grid is not replaced any more.
    let stays = |pod: &Pod| observed.members.get(&pod.name) != Some(&Membership::Leaving);
    let first = old.iter().find(|pod| pod.ready && stays(pod))?;
    others_carry_on(desired, observed, first).then(|| (*first, format!("pod {} is made from an older template", first.name)))
}

/// The next pod whose claim goes with it. Nothing rests on one whose node does not belong to the grid. One that is not ready keeps nothing that a majority of the others does not have; of those
/// that serve, the one that leads the fewest shards, and only while all others have everything.
fn doomed<'a>(desired: &Desired, observed: &Observed, pods: &[&'a Pod]) -> Option<&'a Pod> {
    let mut doomed: Vec<&Pod> = pods.iter().copied().filter(|pod| !pod.leaving && replacing::is_doomed(observed, pod)).collect();
    doomed
        .sort_by_key(|pod| (!size::is_stranger(observed, pod), pod.ready, leads(observed, pod), std::cmp::Reverse(pod.ordinal)));
    let first = doomed.first().copied()?;
    (size::is_stranger(observed, first) || can_do_without(desired, observed, first)).then_some(first)
}

/// Whether a node and what is on its volume can go: the others have everything.
pub(super) fn can_do_without(desired: &Desired, observed: &Observed, pod: &Pod) -> bool {
    let nodes = size::in_force(desired, observed);
    if nodes < 2 || !copies::resting_on(desired, observed, pod).is_empty() {
        return false;
    }
    let well = |other: &Pod| other.uid != pod.uid && serves(observed, other) && caught_up(observed, other);
    let spared = !pod.ready && size::majority(desired, observed, &well);
    spared || others_carry_on(desired, observed, pod)
}

/// Whether all other nodes of the grid serve, and have everything.
fn others_carry_on(desired: &Desired, observed: &Observed, first: &Pod) -> bool {
    let well = |pod: &Pod| serves(observed, pod) && caught_up(observed, pod);
    let mut others = size::names(desired, observed).into_iter().filter(|name| *name != first.name);
    others.all(|name| observed.pods.iter().any(|pod| pod.name == name && well(pod)))
}

/// Whether an outdated pod that is not ready is replaced although others don't serve. One that never ran, or whose node waits with an empty
/// volume, has nothing to lose. Any other may only be restarting, and would come back with a template of which nobody knows whether it
/// works: it goes if all others serve, as one that serves does, or if it has been away for long, nothing rests on it, and what the spec asks
/// for now has not failed already.
fn gives_way(desired: &Desired, observed: &Observed, now: Timestamp, pod: &Pod) -> bool {
    if replacing::is_next(observed, pod) {
        return !replacing::stays(observed, pod);
    }
    let is_empty = !pod.ran || observed.answers.get(&pod.name) == Some(&Answer::Waiting);
    let is_away = pod.turned.is_some_and(|since| now.duration_since(since) >= LASTING);
    let others_make_up = || others_carry_on(desired, observed, pod);
    let is_spare = || is_away && !is_needed(desired, observed, pod) && !is_stuck(desired, observed, pod);
    is_empty || others_make_up() || is_spare()
}

/// Whether a pod that is not ready may be what a quorum rests on: it answers, the grid is at work, and without it the others would not
/// suffice, for the map or for a shard.
fn is_needed(desired: &Desired, observed: &Observed, pod: &Pod) -> bool {
    let nodes = size::in_force(desired, observed);
    let other = |other: &Pod| other.uid != pod.uid && serves(observed, other);
    let answers = matches!(observed.answers.get(&pod.name), Some(Answer::Serving(_)));
    let suffice = || size::majority(desired, observed, &other) && copies::resting_on(desired, observed, pod).is_empty();
    // A grid of one rests on nobody else, and gains nothing by waiting.
    nodes > 1 && answers && founding::made(observed) && !suffice()
}

/// Whether the pods that are as the spec asks fail themselves: one is in trouble, has not run yet, or was away before this one was. Then it
/// is left to its old template, with which it may come back.
fn is_stuck(desired: &Desired, observed: &Observed, pod: &Pod) -> bool {
    let waits = |new: &Pod| observed.answers.get(&new.name) == Some(&Answer::Waiting);
    let new = observed.pods.iter().filter(|new| !outdated(desired, new) && size::is_member(observed, new) && !waits(new));
    let fails = |new: &Pod| {
        let was_away_before = new.turned.is_some_and(|since| pod.turned.is_some_and(|turned| since < turned));
        new.trouble.is_some() || !new.ran || !serves(observed, new) && was_away_before
    };
    new.into_iter().any(fails)
}

/// Whether a node has all that its shards' leaders have, with a vote, and there are leaders.
pub(super) fn caught_up(observed: &Observed, pod: &Pod) -> bool {
    lacks_at_most(observed, pod, following::BEHIND)
}

/// The same, if so many entries don't count.
pub(super) fn lacks_at_most(observed: &Observed, pod: &Pod, entries: u64) -> bool {
    match observed.answers.get(&pod.name) {
        Some(Answer::Serving(report)) => report.shards.iter().all(|shard| {
            shard.role != Role::Learner && shard.leader.is_some() && following::keeps_up(observed, &pod.name, shard, entries)
        }),
        _ => false,
    }
}

pub(super) fn outdated(desired: &Desired, pod: &Pod) -> bool {
    pod.revision.as_deref() != Some(desired.revision.as_str())
}

pub(crate) fn serves(observed: &Observed, pod: &Pod) -> bool {
    pod.ready && !pod.leaving && matches!(observed.answers.get(&pod.name), Some(Answer::Serving(_)))
}

fn leads(observed: &Observed, pod: &Pod) -> usize {
    match observed.answers.get(&pod.name) {
        Some(Answer::Serving(report)) => report.shards.iter().filter(|shard| shard.role == Role::Leader).count(),
        _ => 0,
    }
}
