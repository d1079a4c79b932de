//! Why nothing may be changed.

use crate::desired::Desired;
use crate::observed::{Observed, Seen, VolumeOwner};
use crate::plan::volumes::may_use;
use crate::plan::{Plan, replacing, size};
use crate::step::Stall;

/// The first reason to leave everything as it is.
pub(super) fn first(desired: &Desired, observed: &Observed) -> Option<Stall> {
    impossible(desired)
        .or_else(|| foreign_volumes(desired, observed))
        .or_else(|| other_size(desired, observed))
        .or_else(|| leaving_volumes(desired, observed))
        .or_else(|| taken_names(desired, observed))
}

fn impossible(desired: &Desired) -> Option<Stall> {
    let first = desired.impossible.first()?;
    let message = desired.impossible.iter().map(|one| one.message.as_str()).collect::<Vec<_>>().join("; ");
    Some(Stall { reason: first.reason, message })
}

/// A stateful set takes every claim that has the right name, whatever it holds.
fn foreign_volumes(desired: &Desired, observed: &Observed) -> Option<Stall> {
    let foreign: Vec<(&str, &str)> = observed
        .volumes
        .iter()
        .filter_map(|volume| match &volume.owner {
            VolumeOwner::Other(grid) if !may_use(desired, observed, grid) => Some((volume.name.as_str(), grid.as_str())),
            _ => None,
        })
        .collect();
    let (_, grid) = foreign.first()?;
    let names = foreign.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    Some(Stall {
        reason: "VolumesOfAnotherGrid",
        message: format!(
            "the volume claims {names} hold data of another grid, {grid}; to take it over set spec.storage.adopt to that id, \
             to begin empty delete the claims"
        ),
    })
}

/// A node alone is no grid that others could join, and a grid does not become one.
fn other_size(desired: &Desired, observed: &Observed) -> Option<Stall> {
    let (asked, nodes) = (desired.nodes, size::in_force(desired, observed));
    if asked != nodes && (asked == 1 || nodes == 1) {
        let message = if nodes == 1 {
            format!(
                "spec.nodes is {asked}, and this cluster is one node alone, which can't become a grid of several in this release; set \
                 spec.nodes back to 1"
            )
        } else {
            "spec.nodes is 1, and this cluster is a grid of several nodes, which can't become one node alone in this release; set \
             spec.nodes back to 3 or 5"
                .to_owned()
        };
        return Some(Stall { reason: "ScalingUnavailable", message });
    }
    // The schema refuses it; it may be an older one.
    let copies = desired.replication_factor;
    (asked < copies).then(|| Stall {
        reason: "TooFewNodes",
        message: format!(
            "spec.nodes is {asked} and spec.replicationFactor {copies}: two copies of a shard on one node are one; set spec.nodes to {copies} \
             or more"
        ),
    })
}

/// A claim that somebody deleted lives as long as its pod: nothing may take that away now, unless other nodes have the same data.
fn leaving_volumes(desired: &Desired, observed: &Observed) -> Option<Stall> {
    if replacing::makes_up_for(desired, observed) {
        return None;
    }
    let leaving: Vec<&str> = observed
        .volumes
        .iter()
        .filter(|volume| volume.leaving && volume.owner == VolumeOwner::Ours)
        .map(|volume| volume.name.as_str())
        .collect();
    (!leaving.is_empty()).then(|| Stall {
        reason: "VolumeLeaving",
        message: format!(
            "somebody deleted the volume claims {}; their data goes when their pods stop, so nothing is changed: save the data \
             (`sutra export`), then delete the pods",
            leaving.join(", ")
        ),
    })
}

fn taken_names(desired: &Desired, observed: &Observed) -> Option<Stall> {
    let objects = observed
        .objects
        .iter()
        .filter(|(object, _)| desired.objects.contains(object))
        .map(|(object, seen)| (object.to_string(), seen));
    let stateful_set = observed.stateful_set.iter().map(|set| ("StatefulSet".to_owned(), &set.seen));
    objects.chain(stateful_set).find_map(|(kind, seen)| match seen {
        Seen::Foreign(owner) => Some(Stall {
            reason: "NameTaken",
            message: format!("a {kind} with the name that this cluster needs exists and belongs to {owner}; rename one of them"),
        }),
        _ => None,
    })
}

/// A step of this plan that the API server refused the last time. It is tried again, because what it objects to may be mended elsewhere.
pub(super) fn refused(observed: &Observed, plan: &Plan) -> Option<Stall> {
    plan.steps.iter().find_map(|step| {
        let message = observed.refusals.get(step.action.name())?;
        let reason = if step.action.name() == "GrowVolume" { "VolumeExpansionRefused" } else { "RequestRefused" };
        Some(Stall { reason, message: format!("the API server refuses {}: {message}", step.action.name()) })
    })
}
