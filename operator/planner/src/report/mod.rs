//! Conditions, phase and numbers for the status: only from what was observed and planned.

mod conditions;
mod phase;

use crate::desired::Desired;
use crate::observed::{Answer, Observed, VolumeOwner};
use crate::plan::{Plan, concepts_known, serves, shards_known, shards_seen};

pub use conditions::{Condition, ConditionType};

/// What is to be said of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// All conditions, always the same types.
    pub conditions: Vec<Condition>,
    /// In a word.
    pub phase: &'static str,
    /// Nodes whose pod exists.
    pub nodes: u32,
    /// Nodes that serve.
    pub ready_nodes: u32,
    /// The grid's id, if a node told it.
    pub grid: Option<String>,
    /// Shards of the grid, if a node told.
    pub shards: Option<u32>,
    /// Shards that have a leader.
    pub ready_shards: Option<u32>,
    /// Living concepts.
    pub concepts: Option<u64>,
    /// The state of the grid's map, if a node told.
    pub epoch: Option<u64>,
    /// Steps and what is waited for: what, and why.
    pub plan: Vec<(String, String)>,
}

/// Says what is to be said of a cluster.
#[must_use]
pub fn report(desired: &Desired, observed: &Observed, plan: &Plan) -> Report {
    let shards = shards_seen(observed);
    let is_told = !shards.is_empty() || !observed.placement.is_empty();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Report {
        conditions: conditions::all(desired, observed, plan),
        phase: phase::word(desired, observed, plan),
        nodes: count(observed.pods.iter().filter(|pod| !pod.leaving).count()),
        ready_nodes: count(observed.pods.iter().filter(|pod| serves(observed, pod)).count()),
        grid: grid(desired, observed),
        shards: is_told.then(|| count(shards_known(desired, observed).len())),
        ready_shards: Some(count(shards.values().filter(|shard| shard.leader.is_some()).count())),
        concepts: concepts_known(desired, observed).filter(|_| is_told),
        epoch: observed.epoch,
        plan: planned(plan),
    }
}

fn serves_grid(answer: &Answer, grid: &str) -> bool {
    matches!(answer, Answer::Serving(report) if report.grid == grid)
}

/// Numbers of a shard come and go with every write; a plan that only reports them is not worth a word.
fn planned(plan: &Plan) -> Vec<(String, String)> {
    let steps = plan
        .steps
        .iter()
        .filter(|step| !step.action.is_projection())
        .map(|step| (step.action.name().to_owned(), step.reason.clone()));
    let waiting = plan.waiting.iter().map(|waiting| (format!("Wait:{}", waiting.reason), waiting.message.clone()));
    steps.chain(waiting).collect()
}

/// The grid that the cluster is known to be, or else that the nodes, or the volumes, name. A known one is only replaced by one that the
/// spec adopts.
fn grid(desired: &Desired, observed: &Observed) -> Option<String> {
    let adopted =
        || desired.adopt.as_ref().filter(|adopted| observed.answers.values().any(|answer| serves_grid(answer, adopted))).cloned();
    if let Some(known) = &observed.known_grid {
        return adopted().or_else(|| Some(known.clone()));
    }
    let told = observed.answers.values().find_map(|answer| match answer {
        Answer::Serving(report) => Some(report.grid.clone()),
        Answer::Waiting | Answer::Silent(_) => None,
    });
    // Only of a volume that is this cluster's: the status is what it is known by from now on.
    let ours = || observed.volumes.iter().filter(|volume| volume.owner == VolumeOwner::Ours);
    told.or_else(|| ours().find_map(|volume| volume.grid.clone()))
}
