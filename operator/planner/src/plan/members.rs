//! Nodes that the grid takes in, and nodes that leave it: one at a time, as the spec asks now.
//!
//! ```text
//!  a pod that waits ─▶ its volume names the grid ─▶ a node of the grid is asked to take it in ─▶ it has come, and is given replicas
//!  one too many, the last first ─▶ the grid is asked to let it leave ─▶ its replicas move ─▶ it has left ─▶ one pod less ─▶ its claim goes
//! ```
//!
//! Nothing is remembered: who belongs to the grid, and who leaves it, is what the grid says. To change one's mind is to change the spec; a
//! node that is leaving then stays, and one that has come for nothing leaves.

use jiff::{SignedDuration, Timestamp};

use crate::desired::{Desired, Wanted};
use crate::observed::{Answer, Membership, Observed, Pod, Volume, VolumeOwner};
use crate::plan::{Plan, copies, founding, pods, size};
use crate::step::Action;

/// A node that is to leave and has been away for so long is not waited for any more: the other pods' turn to be replaced would never come.
pub const AWAY: SignedDuration = SignedDuration::from_secs(120);

/// When a node leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Haste {
    /// When nothing else is going on.
    InTurn,
    /// It is away: what else is going on may wait for it.
    Now,
}

/// A node of the grid, with its number.
struct Node<'a> {
    name: &'a str,
    ordinal: u32,
    membership: Membership,
}

pub(super) fn plan(desired: &Desired, observed: &Observed, now: Timestamp, plan: &mut Plan) {
    if desired.wanted != Wanted::Running || observed.members.is_empty() || !founding::made(observed) {
        return;
    }
    let nodes: Vec<Node<'_>> = observed
        .members
        .iter()
        .filter_map(|(name, membership)| Some(Node { name, ordinal: size::ordinal(desired, name)?, membership: *membership }))
        .collect();
    let kept = nodes.iter().filter(|node| node.membership == Membership::Leaving && node.ordinal < desired.nodes);
    for node in kept {
        keep(desired, observed, node, plan);
    }
    let leavers = || nodes.iter().filter(|node| node.ordinal >= desired.nodes);
    // Who is away is in the way of all others that come or go, and of outdated pods, as long as the grid waits for it.
    let lost = leavers().filter(|node| node.membership == Membership::Member && is_lost(observed, now, node));
    let last = leavers().max_by_key(|node| node.ordinal);
    match (lost.max_by_key(|node| node.ordinal), last) {
        (Some(lost), _) => remove(desired, observed, &nodes, (lost, Haste::Now), plan),
        (None, Some(last)) => remove(desired, observed, &nodes, (last, Haste::InTurn), plan),
        (None, None) => add(desired, observed, &nodes, plan),
    }
}

/// Somebody has changed their mind before it was too late.
fn keep(desired: &Desired, observed: &Observed, node: &Node<'_>, plan: &mut Plan) {
    match copies::asked(observed, Some(node.name)) {
        Some((asked, grid)) => {
            let action = Action::KeepNode { node: node.name.to_owned(), asked, grid };
            plan.step(action, format!("spec.nodes is {}, and {} is leaving", desired.nodes, node.name));
        }
        None => plan.wait("NodeJoining", format!("{} stays, as soon as another node serves that can be asked", node.name)),
    }
}

fn remove(desired: &Desired, observed: &Observed, nodes: &[Node<'_>], (node, haste): (&Node<'_>, Haste), plan: &mut Plan) {
    let (name, asked_for) = (node.name, desired.nodes);
    let is_busy = |other: &&Node<'_>| match haste {
        Haste::InTurn => other.membership != Membership::Member,
        Haste::Now => other.membership == Membership::Joining,
    };
    let busy = nodes.iter().filter(|other| other.ordinal != node.ordinal).find(is_busy);
    let staying = observed.members.values().filter(|membership| **membership != Membership::Leaving).count();
    let copies = observed.grid_replicas.unwrap_or(desired.replication_factor) as usize;
    let message = match (node.membership, busy) {
        (Membership::Leaving, _) => format!("what {name} keeps moves to the other nodes, and then it leaves"),
        (_, Some(busy)) => format!("{name} leaves after {} has come or gone", busy.name),
        _ if staying <= copies => {
            format!("{name} can leave once the grid keeps fewer than {copies} copies of each shard")
        }
        // The grid lets nobody go who answers while its nodes are of two releases.
        _ if haste == Haste::InTurn && is_rolling(desired, observed) => format!("{name} leaves once no pod is outdated"),
        _ => match copies::asked(observed, Some(name)) {
            Some((asked, grid)) => {
                let action = Action::RemoveNode { node: name.to_owned(), asked, grid };
                let which = if haste == Haste::Now { "is away" } else { "is the last" };
                let reason = format!("spec.nodes is {asked_for}, and {name} {which} of {}", observed.members.len());
                return plan.step(action, reason);
            }
            None => format!("{name} leaves as soon as another node serves that can be asked"),
        },
    };
    plan.wait("NodeLeaving", message);
}

/// Whether a node of the grid has still to be replaced by one that is as the spec asks.
fn is_rolling(desired: &Desired, observed: &Observed) -> bool {
    observed.pods.iter().any(|pod| size::is_member(observed, pod) && pods::outdated(desired, pod))
}

/// Whether a node has been away for long.
fn is_lost(observed: &Observed, now: Timestamp, node: &Node<'_>) -> bool {
    let pod = observed.pods.iter().find(|pod| pod.name == node.name);
    let is_away = |pod: &Pod| !pod.ready && pod.turned.is_some_and(|since| now.duration_since(since) >= AWAY);
    let answers = matches!(observed.answers.get(node.name), Some(Answer::Serving(_)));
    // A pod that isn't there comes within seconds, if it can be made.
    !answers && pod.map_or(observed.pod_refused.is_some(), is_away)
}

fn add(desired: &Desired, observed: &Observed, nodes: &[Node<'_>], plan: &mut Plan) {
    if let Some(busy) = nodes.iter().find(|node| node.membership != Membership::Member) {
        let what = if busy.membership == Membership::Joining { "is awaited by the grid" } else { "is being kept in the grid" };
        return plan.wait("NodeJoining", format!("{} {what}", busy.name));
    }
    let Some(ordinal) = (0..desired.nodes).find(|ordinal| nodes.iter().all(|node| node.ordinal != *ordinal)) else { return };
    let pod = observed.pods.iter().find(|pod| pod.ordinal == ordinal && !pod.leaving);
    // The pods that are missing are waited for elsewhere.
    let Some(pod) = pod else { return };
    let volume = observed.volumes.iter().find(|volume| volume.ordinal == ordinal && volume.owner == VolumeOwner::Ours);
    let Some(volume) = volume.filter(|volume| !volume.leaving) else {
        return plan.wait("NodeJoining", format!("{} gets an empty volume first", pod.name));
    };
    if observed.answers.get(&pod.name) == Some(&Answer::Waiting) {
        take_in(desired, observed, pod, volume, plan);
    } else if size::is_stranger(observed, pod) && size::is_marked(volume) {
        let action = Action::DeleteVolume { volume: volume.name.clone(), uid: volume.uid.clone() };
        plan.step(action, format!("{} has left the grid and is to come back: it begins anew with an empty volume", pod.name));
    } else {
        plan.wait("NodeJoining", format!("{} is starting; the grid takes it in when it waits for that", pod.name));
    }
}

fn take_in(desired: &Desired, observed: &Observed, pod: &Pod, volume: &Volume, plan: &mut Plan) {
    // The grid takes in nobody of another release.
    let rolling = is_rolling(desired, observed) || pods::outdated(desired, pod);
    match copies::asked(observed, Some(&pod.name)).filter(|_| !rolling) {
        Some((asked, grid)) => {
            // Before the node: whatever was ever let into the grid is known by it.
            if volume.grid.as_ref() != Some(&grid) {
                let action = Action::RecordGrid { volume: volume.name.clone(), grid: grid.clone() };
                plan.step(action, format!("{} is about to be taken into the grid", pod.name));
            }
            let action = Action::AddNode { pod: pod.name.clone(), uid: pod.uid.clone(), zone: pod.zone.clone(), asked, grid };
            let reason = format!("spec.nodes is {}, and the grid has {} nodes", desired.nodes, observed.members.len());
            plan.step(action, reason);
        }
        None => {
            let message = format!("{} waits for the grid, and is taken in when no pod is outdated and a node serves", pod.name);
            plan.wait("NodeJoining", message);
        }
    }
}
