//! In which zone each node is: the grid is told, and spreads the copies of each shard over them.
//!
//! A node whose zone Kubernetes does not tell is left in the one that the grid was told last.

use crate::desired::{Desired, Wanted};
use crate::observed::{Membership, Observed};
use crate::plan::{Plan, copies, founding};
use crate::step::Action;

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    let Some(known) = &observed.zones else { return };
    if desired.wanted != Wanted::Running || !founding::made(observed) {
        return;
    }
    for pod in observed.pods.iter().filter(|pod| observed.members.get(&pod.name) == Some(&Membership::Member)) {
        let Some(zone) = pod.zone.as_ref().filter(|zone| known.get(&pod.name) != Some(*zone)) else { continue };
        match copies::asked(observed, None).filter(|_| copies::is_of_one_release(observed)) {
            Some((asked, grid)) => {
                let reason = match known.get(&pod.name) {
                    Some(other) => format!("its pod runs there, and the grid knows it in {other}"),
                    None => "its pod runs there, and the grid does not know it".to_owned(),
                };
                let (node, zone) = (pod.name.clone(), zone.clone());
                plan.step(Action::SetZone { node, zone, asked, grid }, reason);
            }
            None => {
                let when = "as soon as a node serves and all are of one release";
                plan.wait("Rebalancing", format!("the grid is told that {} is in zone {zone} {when}", pod.name));
            }
        }
    }
}
