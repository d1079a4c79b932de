//! Conditions.

use std::collections::BTreeSet;

use crate::desired::{Desired, Wanted};
use crate::observed::{Answer, Membership, Observed, Pod};
use crate::plan::{Plan, lost, node_names, nodes_in_force, quorum, serves, shards_seen};

/// A condition of the status, without its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What it is about.
    pub kind: ConditionType,
    /// Whether it holds.
    pub holds: bool,
    /// In `CamelCase`.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
}

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionType {
    /// Everything is as the spec says, and serves.
    Ready,
    /// Every shard serves.
    Available,
    /// Something is changing.
    Reconciling,
    /// The spec cannot be carried out.
    Stalled,
    /// A node that shall serve does not.
    Degraded,
    /// Shards are being split, merged or moved.
    Rebalancing,
    /// Whoever reaches a node may read and write.
    Insecure,
}

impl ConditionType {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Available => "Available",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::Degraded => "Degraded",
            Self::Rebalancing => "Rebalancing",
            Self::Insecure => "Insecure",
        }
    }
}

pub(super) fn all(desired: &Desired, observed: &Observed, plan: &Plan) -> Vec<Condition> {
    let available = available(desired, observed);
    let reconciling = reconciling(desired, observed, plan);
    let stalled = stalled(plan);
    let degraded = degraded(desired, observed);
    let ready = ready([&stalled, &degraded, &available, &reconciling], desired);
    vec![ready, available, reconciling, stalled, degraded, rebalancing(observed), insecure(desired)]
}

fn condition(kind: ConditionType, holds: bool, reason: &'static str, message: impl Into<String>) -> Condition {
    Condition { kind, holds, reason, message: message.into() }
}

/// The summary: it names the first thing that is amiss.
fn ready(parts: [&Condition; 4], desired: &Desired) -> Condition {
    let [stalled, degraded, available, reconciling] = parts;
    let all =
        [(stalled.holds, stalled), (degraded.holds, degraded), (!available.holds, available), (reconciling.holds, reconciling)];
    // A paused cluster is ready if it serves, whatever its spec says meanwhile.
    let asked = if desired.wanted == Wanted::Paused { &all[1..3] } else { &all[..] };
    let amiss = asked.iter().find_map(|(amiss, part)| amiss.then_some(*part));
    match amiss {
        Some(part) => condition(ConditionType::Ready, false, part.reason, part.message.clone()),
        None => condition(ConditionType::Ready, true, "AllNodesServe", "every node and every shard serves"),
    }
}

fn available(desired: &Desired, observed: &Observed) -> Condition {
    let kind = ConditionType::Available;
    let shards = shards_seen(observed);
    let led = |id: &u64| shards.get(id).is_some_and(|shard| shard.leader.is_some());
    let all: BTreeSet<u64> = shards.keys().chain(observed.placement.keys()).copied().collect();
    let leaderless: Vec<String> = all.iter().filter(|id| !led(id)).map(u64::to_string).collect();
    let (nodes, serving) = (nodes_in_force(desired, observed), observed.pods.iter().filter(|pod| serves(observed, pod)).count());
    if desired.wanted == Wanted::Hibernated {
        condition(
            kind,
            false,
            "Hibernated",
            "the cluster is hibernated: its volumes are kept, set spec.hibernated to false to wake it",
        )
    } else if serving == 0 || shards.is_empty() {
        condition(kind, false, "NoNodeServes", "no node serves")
    } else if serving < quorum(nodes) as usize {
        let message = format!("{serving} of {nodes} nodes serve: without {} nothing can be written", quorum(nodes));
        condition(kind, false, "NoQuorum", message)
    } else if !leaderless.is_empty() {
        condition(kind, false, "ShardsWithoutLeader", format!("shards without a leader: {}", leaderless.join(", ")))
    } else {
        condition(kind, true, "AllShardsServe", format!("every shard serves{}", zones(observed, nodes)))
    }
}

/// Over which zones the nodes of several are spread.
fn zones(observed: &Observed, nodes: u32) -> String {
    let told = |pod: &str| observed.zones.as_ref().and_then(|zones| zones.get(pod)).map(String::as_str);
    let (known, unknown): (Vec<_>, Vec<_>) =
        observed.pods.iter().partition(|pod| pod.zone.is_some() || told(&pod.name).is_some());
    let zones: BTreeSet<&str> = known.iter().filter_map(|pod| pod.zone.as_deref().or(told(&pod.name))).collect();
    let zones = zones.into_iter().collect::<Vec<_>>().join(", ");
    match (known.is_empty(), unknown.as_slice()) {
        _ if nodes < 2 => String::new(),
        (false, []) => format!("; its nodes are in the zones {zones}"),
        (false, unknown) => {
            let unknown = unknown.iter().map(|pod| pod.name.as_str()).collect::<Vec<_>>().join(", ");
            format!("; its nodes are in the zones {zones}, that of {unknown} is unknown")
        }
        (true, _) => "; zones unknown: neither the pods nor machines that the operator may look at carry the label topology.kubernetes.io/zone".to_owned(),
    }
}

fn reconciling(desired: &Desired, observed: &Observed, plan: &Plan) -> Condition {
    let kind = ConditionType::Reconciling;
    if let Some((step, why)) = &observed.failing {
        return condition(kind, true, "StepFailing", format!("{step} fails and is tried again: {why}"));
    }
    let step = plan.steps.iter().find(|step| !step.action.is_projection());
    match (desired.wanted, step, plan.waiting.first()) {
        (Wanted::Paused, ..) => condition(kind, false, "Paused", "spec.paused is true: nothing is changed"),
        (Wanted::Deleted, ..) => condition(kind, true, "Deleting", "the cluster is being deleted"),
        (_, Some(step), _) => condition(kind, true, step.action.name(), step.reason.clone()),
        (_, None, Some(waiting)) => condition(kind, true, waiting.reason, waiting.message.clone()),
        (_, None, None) if plan.stalled.is_some() => condition(kind, false, "Stalled", "the spec cannot be carried out"),
        (_, None, None) => condition(kind, false, "Settled", "everything is as the spec says"),
    }
}

fn stalled(plan: &Plan) -> Condition {
    match &plan.stalled {
        Some(stall) => condition(ConditionType::Stalled, true, stall.reason, stall.message.clone()),
        None => condition(ConditionType::Stalled, false, "Feasible", "the spec can be carried out"),
    }
}

fn degraded(desired: &Desired, observed: &Observed) -> Condition {
    let kind = ConditionType::Degraded;
    if matches!(desired.wanted, Wanted::Hibernated | Wanted::Deleted) {
        return condition(kind, false, "NoNodeWanted", "no node shall serve");
    }
    if let Some(trouble) = observed.pods.iter().filter_map(|pod| pod.trouble.as_ref()).min_by_key(|trouble| trouble.kind) {
        return condition(kind, true, trouble.kind.reason(), trouble.message.clone());
    }
    if let Some(message) = other_grid(desired, observed) {
        return condition(kind, true, "GridMismatch", message);
    }
    if let Some(why) = &observed.pod_refused {
        return condition(kind, true, "PodRefused", format!("a pod can't be made: {why}"));
    }
    if let Some(pod) = observed.pods.iter().find(|pod| lost(observed, pod)) {
        return condition(kind, true, "VolumeLost", empty(&pod.name));
    }
    let silent = observed.pods.iter().filter(|pod| pod.ready && !pod.leaving).find_map(|pod| silence(observed, pod));
    match silent.map(|message| ("NodeUnreachable", message)).or_else(|| Some(("NodeAway", away(desired, observed)?))) {
        Some((reason, message)) => condition(kind, true, reason, message),
        None => condition(kind, false, "NodesAreWell", "no node is known to fail"),
    }
}

fn silence(observed: &Observed, pod: &Pod) -> Option<String> {
    match observed.answers.get(&pod.name) {
        Some(Answer::Silent(why)) => Some(format!("{} does not answer: {why}", pod.name)),
        Some(Answer::Waiting) => Some(format!("{} waits for a grid", pod.name)),
        Some(Answer::Serving(_)) | None => None,
    }
}

fn empty(pod: &str) -> String {
    format!(
        "{pod} found an empty volume, although it belongs to a grid: it gets new replicas and all data from the others, as soon as a \
         majority of the nodes serves"
    )
}

/// A node of a grid of several that is not there, or not ready: what the others make up for. Not of one that was never whole.
fn away(desired: &Desired, observed: &Observed) -> Option<String> {
    let nodes = node_names(desired, observed);
    observed.known_grid.as_ref().filter(|_| nodes.len() > 1)?;
    // What is awaited, or leaves, is told as that.
    let settled = |name: &String| observed.members.get(name).is_none_or(|of| *of == Membership::Member);
    let away = nodes.into_iter().filter(settled).filter_map(|name| match observed.pods.iter().find(|pod| pod.name == name) {
        None => Some(format!("{name} is not there")),
        Some(pod) if pod.leaving => Some(format!("{name} is stopping")),
        Some(pod) if !pod.ready => Some(format!("{name} is not ready")),
        Some(_) => None,
    });
    let away = away.collect::<Vec<_>>();
    (!away.is_empty()).then(|| away.join(", "))
}

/// A node that serves other data than the cluster, or its volume, is known to hold: a volume was lost or changed behind our back.
fn other_grid(desired: &Desired, observed: &Observed) -> Option<String> {
    observed.answers.iter().find_map(|(node, answer)| {
        let Answer::Serving(report) = answer else { return None };
        let volume = observed.volumes.iter().find(|volume| volume.name == format!("data-{node}"));
        let known = volume.and_then(|volume| volume.grid.as_ref()).or(observed.known_grid.as_ref())?;
        (&report.grid != known && desired.adopt.as_ref() != Some(&report.grid)).then(|| {
            format!(
                "{node} serves the grid {}, but this cluster's data is the grid {known}: its volume was lost or replaced; restore it, or \
                 go on with what is there by setting spec.storage.adopt to {}",
                report.grid, report.grid
            )
        })
    })
}

fn rebalancing(observed: &Observed) -> Condition {
    match observed.under_way.first() {
        Some(first) => condition(ConditionType::Rebalancing, true, "ReplicasMoving", first.clone()),
        None => condition(ConditionType::Rebalancing, false, "NoMoves", "no shard is being split, merged or moved"),
    }
}

fn insecure(desired: &Desired) -> Condition {
    if desired.insecure {
        let message = "security.mode is development: whoever reaches a node may read and write";
        condition(ConditionType::Insecure, true, "DevelopmentMode", message)
    } else {
        condition(ConditionType::Insecure, false, "ProductionMode", "nodes ask for accounts and speak TLS")
    }
}
