//! A node whose volume is lost, in a grid whose other nodes have all that it had.
//!
//! ```text
//!  somebody deletes the claim ─▶ all others have everything ─▶ the pod is deleted, and with it goes the claim
//!  an empty volume under an old name ─▶ its node waits for a grid ─▶ a node of the grid is asked to give it new replicas
//! ```
//!
//! Nothing is remembered of it: the grid says which nodes it awaits.

use crate::desired::{Desired, Wanted};
use crate::observed::{Answer, Membership, NodeReport, Observed, Pod, Volume, VolumeOwner};
use crate::plan::{Plan, founding, pods, size};
use crate::step::Action;

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    let nodes = size::in_force(desired, observed);
    if desired.wanted != Wanted::Running || nodes < 2 || !founding::made(observed) {
        return;
    }
    let carrying: Vec<(&Pod, &NodeReport)> = observed.pods.iter().filter_map(|pod| belongs(observed, pod)).collect();
    let can_be_asked: Vec<&(&Pod, &NodeReport)> = carrying.iter().filter(|(pod, _)| pods::caught_up(observed, pod)).collect();
    let is_majority = size::majority(desired, observed, &|pod| belongs(observed, pod).is_some());
    for pod in observed.pods.iter().filter(|pod| !pod.leaving && lost(observed, pod)) {
        let name = &pod.name;
        if observed.members.get(name) == Some(&Membership::Joining) {
            plan.wait("NodeReplacing", format!("{name} is given new replicas"));
            continue;
        }
        // The grid takes nobody in of a release that can't be mixed with that of the node that is asked: one of the same is sure to.
        let of_its_release = can_be_asked.iter().find(|(other, _)| other.revision == pod.revision);
        let Some((asked, report)) = of_its_release.or(can_be_asked.first()).filter(|_| is_majority) else {
            plan.wait("NodeReplacing", format!("{name} gets new replicas as soon as a majority of the nodes serves"));
            continue;
        };
        let (asked, grid) = (asked.name.clone(), report.grid.clone());
        // From then on it holds what is to be known as the grid's, should it leave before anybody hears of it.
        let unmarked = |volume: &&Volume| volume.ordinal == pod.ordinal && volume.grid.is_none() && !volume.leaving;
        if let Some(volume) = observed.volumes.iter().find(unmarked) {
            let action = Action::RecordGrid { volume: volume.name.clone(), grid: grid.clone() };
            plan.step(action, format!("{name} is about to be given new replicas"));
        }
        let action = Action::ReplaceNode { pod: name.clone(), uid: pod.uid.clone(), asked, grid };
        plan.step(action, format!("{name} has an empty volume, and the others have what was on the lost one"));
    }
}

/// A node that answers as one of the grid, and what it says.
fn belongs<'a>(observed: &'a Observed, pod: &'a Pod) -> Option<(&'a Pod, &'a NodeReport)> {
    match observed.answers.get(&pod.name) {
        Some(Answer::Serving(report)) if !pod.leaving => Some((pod, report)),
        _ => None,
    }
}

/// Whether the claims that somebody deleted are for this plan to deal with: the grid has other nodes with the same data.
pub(super) fn makes_up_for(desired: &Desired, observed: &Observed) -> bool {
    desired.wanted == Wanted::Running && size::in_force(desired, observed) > 1 && founding::founded(observed)
}

/// Whether somebody deleted the claim that a pod uses: its data goes with the pod.
pub(super) fn is_doomed(observed: &Observed, pod: &Pod) -> bool {
    let gone = |volume: &&Volume| volume.leaving && volume.owner == VolumeOwner::Ours;
    observed.volumes.iter().filter(gone).any(|volume| volume.ordinal == pod.ordinal)
}

/// Whether a node waits for new replicas of a grid that is at work.
pub(super) fn is_next(observed: &Observed, pod: &Pod) -> bool {
    founding::made(observed) && lost(observed, pod)
}

/// Whether a node that waits for new replicas is to get them before its pod is replaced by one that is as the spec asks: the grid has invited
/// it already, or a node of its release can, and would perhaps not invite its successor. One of a release that no other has may wait in
/// vain, and its volume is empty.
pub(super) fn stays(observed: &Observed, pod: &Pod) -> bool {
    let of_its_release = |other: &Pod| other.revision == pod.revision && belongs(observed, other).is_some();
    observed.members.get(&pod.name) == Some(&Membership::Joining) || observed.pods.iter().any(of_its_release)
}

/// Whether a node waits for a grid that it belonged to: its volume was lost. As long as a grid is being founded nobody leads it.
pub(crate) fn lost(observed: &Observed, pod: &Pod) -> bool {
    let recorded = observed.volumes.iter().any(|volume| volume.ordinal == pod.ordinal && volume.grid.is_some());
    let nobody_serves = !observed.answers.values().any(|answer| matches!(answer, Answer::Serving(_)));
    observed.answers.get(&pod.name) == Some(&Answer::Waiting)
        && size::is_member(observed, pod)
        && (recorded || founding::made(observed) || nobody_serves && observed.known_grid.is_some())
}
