//! Volumes: adoption, growth, and who deletes them. Nothing here ever deletes one.

use crate::desired::{Desired, Retention};
use crate::observed::{Answer, Observed, Volume, VolumeOwner};
use crate::plan::Plan;
use crate::step::Action;

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    for volume in observed.volumes.iter().filter(|volume| !volume.leaving) {
        match &volume.owner {
            VolumeOwner::Ours => {
                keep(desired, observed, volume, plan);
                grow(desired, volume, plan);
            }
            VolumeOwner::Other(grid) if desired.adopt.as_ref() == Some(grid) => {
                let action = Action::AdoptVolume { volume: volume.name.clone() };
                plan.step(action, format!("spec.storage.adopt names the grid {grid} of volume {}", volume.name));
            }
            VolumeOwner::Other(_) => {}
        }
    }
}

fn keep(desired: &Desired, observed: &Observed, volume: &Volume, plan: &mut Plan) {
    let node = format!("{}-{}", desired.cluster, volume.ordinal);
    if let (None, Some(Answer::Serving(report))) = (&volume.grid, observed.answers.get(&node)) {
        let action = Action::RecordGrid { volume: volume.name.clone(), grid: report.grid.clone() };
        plan.step(action, format!("node {node} has told whose data volume {} holds", volume.name));
    }
    let goes_with_cluster = desired.retention == Retention::Delete;
    if volume.goes_with_cluster != goes_with_cluster {
        let policy = if goes_with_cluster { "Delete" } else { "Retain" };
        let action = Action::OwnVolume { volume: volume.name.clone(), goes_with_cluster };
        plan.step(action, format!("persistentVolumeClaimRetentionPolicy.whenDeleted is {policy}"));
    }
}

fn grow(desired: &Desired, volume: &Volume, plan: &mut Plan) {
    if !volume.bound {
        // An unbound claim can't be changed; the scheduler binds it together with its pod.
        return;
    }
    if volume.requested < desired.volume_bytes {
        let action = Action::GrowVolume { volume: volume.name.clone(), size: desired.volume_size.clone() };
        plan.step(action, format!("storage.size is {}", desired.volume_size));
    } else if volume.capacity < desired.volume_bytes {
        plan.wait("VolumeGrowing", format!("volume {} is growing to {}", volume.name, desired.volume_size));
    }
}
