//! Outdated pods, one at a time.

use crate::desired::{Desired, Wanted};
use crate::observed::{Answer, Observed, Pod, Role};
use crate::plan::{Plan, copies, replacing, size};
use crate::step::Action;

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    let wanted = if desired.wanted == Wanted::Hibernated { 0 } else { desired.nodes };
    let pods: Vec<&Pod> = observed.pods.iter().filter(|pod| pod.ordinal < wanted).collect();
    let leaving: Vec<&str> = observed.pods.iter().filter(|pod| pod.leaving).map(|pod| pod.name.as_str()).collect();

    if observed.pods.iter().any(|pod| pod.ordinal >= wanted) {
        let reason = if wanted == 0 { "Hibernating" } else { "PodLeaving" };
        plan.wait(reason, "the StatefulSet's controller is taking pods away");
    }
    if pods.len() < wanted as usize {
        plan.wait("NodesStarting", format!("{} of {wanted} pods exist", pods.len()));
    }
    if !leaving.is_empty() {
        plan.wait("PodLeaving", format!("{} is stopping", leaving.join(", ")));
    } else if let Some(pod) = doomed(desired, observed, &pods, wanted) {
        let reason = format!("the volume claim of pod {} is to go, and the other nodes have what is on it", pod.name);
        plan.step(Action::DeletePod { pod: pod.name.clone(), uid: pod.uid.clone() }, reason);
    } else if let Some((pod, reason)) = next(desired, observed, &pods, wanted) {
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
    for pod in pods.iter().filter(|pod| !pod.leaving && !outdated(desired, pod) && !serves(observed, pod)) {
        plan.wait("NodesStarting", format!("{} does not serve yet", pod.name));
    }
}

/// The next pod to delete. One that was never ready goes first and without waiting for others: it has nothing to lose, and only a
/// new one can mend it. Then one that does not serve any more; of those that serve, the one that leads the fewest shards, and only while
/// all others serve.
fn next<'a>(desired: &Desired, observed: &Observed, pods: &[&'a Pod], wanted: u32) -> Option<(&'a Pod, String)> {
    let stays = |pod: &&Pod| outdated(desired, pod) && !replacing::is_doomed(observed, pod);
    let mut old: Vec<&Pod> = pods.iter().copied().filter(stays).collect();
    old.sort_by_key(|pod| (pod.started, leads(observed, pod), std::cmp::Reverse(pod.ordinal)));
    // One that is about to get new replicas gets them in the release that the others have.
    let stays = |pod: &Pod| is_needed(observed, pod, pods, wanted) || replacing::is_next(observed, pod);
    if let Some(broken) = old.iter().find(|pod| !pod.ready && !stays(pod)) {
        return Some((broken, format!("pod {} is not ready and made from an older template", broken.name)));
    }
    let first = old.iter().find(|pod| pod.ready)?;
    others_carry_on(observed, first, pods, wanted).then(|| (*first, format!("pod {} is made from an older template", first.name)))
}

/// The next pod whose claim goes with it. One that is not ready keeps nothing that a majority of the others does not have; of those
/// that serve, the one that leads the fewest shards, and only while all others have everything.
fn doomed<'a>(desired: &Desired, observed: &Observed, pods: &[&'a Pod], wanted: u32) -> Option<&'a Pod> {
    let mut doomed: Vec<&Pod> = pods.iter().copied().filter(|pod| replacing::is_doomed(observed, pod)).collect();
    doomed.sort_by_key(|pod| (pod.ready, leads(observed, pod), std::cmp::Reverse(pod.ordinal)));
    let first = doomed.first().copied().filter(|_| wanted > 1)?;
    if !copies::resting_on(desired, observed, first).is_empty() {
        return None;
    }
    let well = pods.iter().filter(|pod| serves(observed, pod) && caught_up(observed, pod)).count();
    let spared = !first.ready && well >= size::quorum(wanted) as usize;
    (spared || others_carry_on(observed, first, pods, wanted)).then_some(first)
}

fn others_carry_on(observed: &Observed, first: &Pod, pods: &[&Pod], wanted: u32) -> bool {
    let mut others = pods.iter().filter(|pod| pod.uid != first.uid);
    pods.len() == wanted as usize && others.all(|pod| serves(observed, pod) && caught_up(observed, pod))
}

/// Whether a pod that is not ready may be what the grid's quorum rests on: it answers, and the others would not suffice.
fn is_needed(observed: &Observed, pod: &Pod, pods: &[&Pod], wanted: u32) -> bool {
    let others = pods.iter().filter(|other| other.uid != pod.uid && serves(observed, other)).count();
    let answers = matches!(observed.answers.get(&pod.name), Some(Answer::Serving(_)));
    // A grid of one rests on nobody else, and gains nothing by waiting.
    wanted > 1 && pod.started && answers && others < size::quorum(wanted) as usize
}

/// Whether a node has all that its shards' leaders have, and there are leaders.
pub(super) fn caught_up(observed: &Observed, pod: &Pod) -> bool {
    match observed.answers.get(&pod.name) {
        Some(Answer::Serving(report)) => report.shards.iter().all(|shard| shard.caught_up && shard.leader.is_some()),
        _ => false,
    }
}

fn outdated(desired: &Desired, pod: &Pod) -> bool {
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
