//! A node that is to begin anew with an empty volume, because somebody asks for it by an annotation: once.
//!
//! ```text
//!  annotation ─▶ the claim that is to go is written down ─▶ all others have everything ─▶ that claim is deleted
//!    ─▶ as any lost volume: its pod is deleted, a node of the grid gives its successor new replicas ─▶ the annotation is taken away
//! ```

use crate::desired::{Desired, Wanted};
use crate::observed::{Membership, Observed, Pod, Volume, VolumeOwner};
use crate::plan::{Plan, copies, founding, pods, size};
use crate::step::{Action, Stall};

/// Why it can't be, if it can't.
pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) -> Option<Stall> {
    let Some(name) = &desired.replace else {
        if let Some(begun) = &observed.replacing {
            plan.step(Action::EndReplacement { node: begun.node.clone() }, "nobody asks for it any more");
        }
        return None;
    };
    if desired.wanted != Wanted::Running || !founding::made(observed) {
        return None;
    }
    if size::in_force(desired, observed) < 2 {
        return refuse("NodeNeeded", format!("{name} is a node alone: nobody else has its data"));
    }
    // Nobody told who belongs to the grid.
    let membership = if observed.members.is_empty() { return None } else { observed.members.get(name) };
    let ordinal = size::ordinal(desired, name).filter(|ordinal| *ordinal < desired.nodes);
    let (Some(membership), Some(ordinal)) = (membership, ordinal) else {
        let names = observed.members.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        return refuse("NoSuchNode", format!("{name} is none of the nodes that the grid has and keeps: {names}"));
    };
    let volume = observed.volumes.iter().find(|volume| volume.ordinal == ordinal && volume.owner == VolumeOwner::Ours);
    let pod = observed.pods.iter().find(|pod| pod.ordinal == ordinal);
    let begun = observed.replacing.as_ref().filter(|begun| begun.node == *name);
    match (begun, volume, pod) {
        (None, Some(volume), _) if *membership == Membership::Member => {
            let action = Action::BeginReplacement { node: name.clone(), volume: volume.uid.clone() };
            plan.step(action, "an annotation of the cluster asks for it");
        }
        (Some(begun), Some(volume), Some(pod)) if begun.volume == volume.uid && !volume.leaving => {
            return give_up(desired, observed, (pod, volume), plan);
        }
        (Some(begun), Some(volume), Some(pod)) if begun.volume != volume.uid && has_come(observed, *membership, pod) => {
            plan.step(Action::EndReplacement { node: name.clone() }, "it serves with a new volume, and has everything");
        }
        _ => plan.wait("NodeReplacing", format!("{name} begins anew with an empty volume")),
    }
    None
}

fn has_come(observed: &Observed, membership: Membership, pod: &Pod) -> bool {
    membership == Membership::Member && pods::serves(observed, pod) && pods::caught_up(observed, pod)
}

/// The claim goes, if the others can do without the node.
fn give_up(desired: &Desired, observed: &Observed, (pod, volume): (&Pod, &Volume), plan: &mut Plan) -> Option<Stall> {
    let name = &pod.name;
    // One after the other: a pod that this plan takes away is not there when the claim goes.
    let taken = plan.steps.iter().any(|step| matches!(step.action, Action::DeletePod { .. }));
    if !taken && pods::can_do_without(desired, observed, pod) {
        let action = Action::DeleteVolume { volume: volume.name.clone(), uid: volume.uid.clone() };
        plan.step(action, format!("{name} is to begin anew, and the other nodes have what is on it"));
        return None;
    }
    let resting = copies::resting_on(desired, observed, pod);
    if let (Some(shard), Some(1)) = (resting.first(), observed.grid_replicas) {
        let message = format!("{name} holds the only copy of shard {shard}: with spec.replicationFactor 3 it could be replaced");
        return refuse("NodeNeeded", message);
    }
    plan.wait("NodeReplacing", format!("{name} begins anew as soon as all others serve and have what is on it"));
    None
}

fn refuse(reason: &'static str, message: String) -> Option<Stall> {
    let message = format!("the annotation sutra.dev/replace-node can't be carried out: {message}; correct it, or take it away");
    Some(Stall { reason, message })
}
