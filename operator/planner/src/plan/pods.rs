//! Outdated pods, one at a time.

use crate::desired::{Desired, Wanted};
use crate::observed::{Answer, Observed, Pod, Role};
use crate::plan::Plan;
use crate::step::Action;

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    let wanted = if desired.wanted == Wanted::Hibernated { 0 } else { desired.nodes };
    let pods: Vec<&Pod> = observed.pods.iter().filter(|pod| pod.ordinal < wanted).collect();
    let leaving: Vec<&str> = observed.pods.iter().filter(|pod| pod.leaving).map(|pod| pod.name.as_str()).collect();

    if observed.pods.iter().any(|pod| pod.ordinal >= wanted) {
        plan.wait("Hibernating", "the StatefulSet's controller is taking pods away");
    }
    if pods.len() < wanted as usize {
        plan.wait("NodesStarting", format!("{} of {wanted} pods exist", pods.len()));
    }
    if !leaving.is_empty() {
        plan.wait("PodLeaving", format!("{} is stopping", leaving.join(", ")));
    } else if let Some((pod, reason)) = next(desired, observed, &pods, wanted) {
        plan.step(Action::DeletePod { pod: pod.name.clone(), uid: pod.uid.clone() }, reason);
    } else if pods.iter().any(|pod| outdated(desired, pod)) {
        plan.wait("Rolling", "an outdated pod is replaced as soon as all others serve");
    }
    for pod in pods.iter().filter(|pod| !pod.leaving && !outdated(desired, pod) && !serves(observed, pod)) {
        plan.wait("NodesStarting", format!("{} does not serve yet", pod.name));
    }
}

/// The next pod to delete. One that does not serve goes first and without waiting for others: it has nothing to lose, and only a
/// new one can mend it. Of those that serve, the one that leads the fewest shards, and only while all others serve.
fn next<'a>(desired: &Desired, observed: &Observed, pods: &[&'a Pod], wanted: u32) -> Option<(&'a Pod, String)> {
    let mut old: Vec<&Pod> = pods.iter().copied().filter(|pod| outdated(desired, pod)).collect();
    if let Some(broken) = old.iter().find(|pod| !pod.ready) {
        return Some((broken, format!("pod {} is not ready and made from an older template", broken.name)));
    }
    old.sort_by_key(|pod| (leads(observed, pod), std::cmp::Reverse(pod.ordinal)));
    let first = old.first()?;
    let others_serve = pods.iter().filter(|pod| pod.uid != first.uid).all(|pod| serves(observed, pod));
    (pods.len() == wanted as usize && others_serve)
        .then(|| (*first, format!("pod {} is made from an older template", first.name)))
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
