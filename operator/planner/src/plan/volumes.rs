//! Volumes: adoption, growth, and whether they go with the cluster. A volume that shall go with its cluster becomes the
//! cluster's when that is being deleted, and Kubernetes takes it away. Not before, because what counts is the spec at that moment.

use crate::desired::{Desired, Retention};
use crate::observed::{Answer, Observed, Volume, VolumeOwner};
use crate::plan::{Plan, size};
use crate::step::Action;

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    for volume in observed.volumes.iter().filter(|volume| !volume.leaving) {
        if volume.owner == VolumeOwner::Ours {
            record(desired, observed, volume, plan);
            record_size(desired, observed, volume, plan);
        }
        if volume.ordinal >= size::pods(desired, observed) {
            // Of no node that there is to be.
            continue;
        }
        match &volume.owner {
            VolumeOwner::Ours => {
                stay(volume, plan);
                grow(desired, volume, plan);
            }
            VolumeOwner::Other(grid) if observed.known_grid.as_ref() == Some(grid) => {
                let action = Action::AdoptVolume { volume: volume.name.clone() };
                plan.step(action, format!("it holds this cluster's own grid {grid}"));
            }
            VolumeOwner::Other(grid) if desired.adopt.as_ref() == Some(grid) => {
                let action = Action::AdoptVolume { volume: volume.name.clone() };
                plan.step(action, format!("spec.storage.adopt names the grid {grid} of volume {}", volume.name));
            }
            VolumeOwner::Other(_) => {}
        }
    }
}

/// Whether the cluster may use a volume with the data of this grid: its own, or one that it was told to take over.
pub(super) fn may_use(desired: &Desired, observed: &Observed, grid: &str) -> bool {
    desired.adopt.as_deref() == Some(grid) || observed.known_grid.as_deref() == Some(grid)
}

/// A cluster whose volumes shall go with it is kept until that is arranged.
pub(super) fn hold(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    let hold = desired.retention == Retention::Delete;
    if observed.held != hold {
        let policy = if hold { "Delete" } else { "Retain" };
        plan.step(Action::HoldCluster { hold }, format!("persistentVolumeClaimRetentionPolicy.whenDeleted is {policy}"));
    }
}

/// The cluster is being deleted, and the spec says for the last time what becomes of its volumes.
pub(super) fn last_will(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    if !observed.held {
        return;
    }
    if desired.retention == Retention::Delete {
        let ours = observed.volumes.iter().filter(|volume| volume.owner == VolumeOwner::Ours && !volume.goes_with_cluster);
        for volume in ours {
            let action = Action::OwnVolume { volume: volume.name.clone(), goes_with_cluster: true };
            plan.step(action, "persistentVolumeClaimRetentionPolicy.whenDeleted is Delete");
        }
    }
    plan.step(Action::HoldCluster { hold: false }, "its volumes are decided about");
}

fn record(desired: &Desired, observed: &Observed, volume: &Volume, plan: &mut Plan) {
    let node = format!("{}-{}", desired.cluster, volume.ordinal);
    let (None, Some(Answer::Serving(report))) = (&volume.grid, observed.answers.get(&node)) else { return };
    // Another grid than the one that the cluster is known to be: an empty volume in the place of a lost one. That is told, not written down.
    if observed.known_grid.is_none() || may_use(desired, observed, &report.grid) {
        let action = Action::RecordGrid { volume: volume.name.clone(), grid: report.grid.clone() };
        plan.step(action, format!("node {node} has told whose data volume {} holds", volume.name));
    }
}

/// One that came in the place of a lost one says no less than that.
fn record_size(desired: &Desired, observed: &Observed, volume: &Volume, plan: &mut Plan) {
    let Some(nodes) = observed.grid_nodes().filter(|nodes| *nodes > 1) else { return };
    let node = format!("{}-{}", desired.cluster, volume.ordinal);
    if volume.grid.is_some() && observed.members.contains_key(&node) && volume.grid_nodes != Some(nodes) {
        let action = Action::RecordSize { volume: volume.name.clone(), nodes };
        plan.step(action, format!("the grid of volume {} has {nodes} nodes", volume.name));
    }
}

fn stay(volume: &Volume, plan: &mut Plan) {
    if volume.goes_with_cluster {
        let action = Action::OwnVolume { volume: volume.name.clone(), goes_with_cluster: false };
        plan.step(action, "it is decided when the cluster is deleted");
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
