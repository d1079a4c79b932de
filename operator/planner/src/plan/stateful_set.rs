//! The stateful set: made, changed, replaced.

use crate::desired::{Desired, Wanted};
use crate::observed::{Observed, Seen, StatefulSet};
use crate::plan::{Plan, size};
use crate::step::Action;

/// Whether a pod that is deleted now comes back as it shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    Yes,
    No,
}

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) -> Settled {
    let replicas = if desired.wanted == Wanted::Hibernated { 0 } else { size::pods(desired, observed) };
    let Some(set) = &observed.stateful_set else {
        if adopting(plan) {
            // Its controller would take the claims as they are; they are labelled first.
            plan.wait("VolumesAdopted", "volumes are being adopted");
        } else {
            plan.step(Action::ApplyStatefulSet { replicas }, "there is no StatefulSet");
        }
        return Settled::No;
    };
    match set.seen {
        Seen::Leaving => {
            plan.wait("StatefulSetLeaving", "the StatefulSet is being replaced");
            Settled::No
        }
        _ if set.left_behind => {
            plan.step(Action::OrphanStatefulSet, "a cluster of this name left it behind");
            Settled::No
        }
        Seen::Drifted => {
            plan.step(Action::ApplyStatefulSet { replicas }, "the StatefulSet is not as the spec says");
            Settled::No
        }
        Seen::Foreign(_) => Settled::No,
        Seen::InSync if set.replicas != replicas => {
            plan.step(
                Action::ApplyStatefulSet { replicas },
                format!("there are to be {replicas} pods, and it has {}", set.replicas),
            );
            Settled::No
        }
        Seen::InSync if !set.noticed => {
            plan.wait("StatefulSetChanging", "the StatefulSet's controller has not yet taken note of its change");
            Settled::No
        }
        Seen::InSync if claim_differs(desired, set) && volumes_are_asked_for(desired, observed) => {
            let reason = "its claim template is not as spec.storage says and can't be changed in place";
            plan.step(Action::OrphanStatefulSet, reason);
            Settled::No
        }
        Seen::InSync => Settled::Yes,
    }
}

fn adopting(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| matches!(step.action, Action::AdoptVolume { .. }))
}

fn claim_differs(desired: &Desired, set: &StatefulSet) -> bool {
    set.claim_bytes != desired.volume_bytes || set.claim_class != desired.storage_class
}

/// The claims that exist come first: if they can't grow, a new template would only hide that.
fn volumes_are_asked_for(desired: &Desired, observed: &Observed) -> bool {
    let used = observed.volumes.iter().filter(|volume| volume.ordinal < desired.nodes);
    used.into_iter().all(|volume| volume.requested >= desired.volume_bytes)
}
