//! Claims of nodes that have left: what is on them counts no more, and the next node of that name has to find an empty one.

use crate::desired::{Desired, Wanted};
use crate::observed::{Observed, VolumeOwner};
use crate::plan::{Plan, copies, founding, size};
use crate::step::Action;

/// Only where all nodes of the grid agree that there is no other, and after the pod: whoever changes their mind before keeps it.
pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    let (Some(set), Some((_, grid))) = (&observed.stateful_set, copies::asked(observed, None)) else { return };
    if desired.wanted != Wanted::Running || !observed.agreed || !founding::made(observed) {
        return;
    }
    let pods = size::pods(desired, observed).max(set.replicas);
    let beyond = observed.volumes.iter().filter(|volume| volume.ordinal >= pods && volume.owner == VolumeOwner::Ours);
    for volume in beyond.filter(|volume| observed.pods.iter().all(|pod| pod.ordinal != volume.ordinal)) {
        let node = format!("{}-{}", desired.cluster, volume.ordinal);
        let of_another = volume.grid.as_ref().is_some_and(|named| *named != grid);
        if observed.members.contains_key(&node) || of_another {
            continue;
        }
        if volume.leaving {
            plan.wait("VolumeLeaving", format!("volume claim {} is being deleted", volume.name));
        } else {
            let action = Action::DeleteVolume { volume: volume.name.clone(), uid: volume.uid.clone() };
            plan.step(action, format!("{node} has left the grid, and all its nodes say so"));
        }
    }
}
