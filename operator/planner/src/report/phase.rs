//! The state of a cluster in a word, for the column. No code reads it.

use crate::desired::{Desired, Wanted};
use crate::observed::{Observed, Pod};
use crate::plan::{Plan, serves};

pub(super) fn word(desired: &Desired, observed: &Observed, plan: &Plan) -> &'static str {
    let all_serve = || {
        let wanted: Vec<&Pod> = observed.pods.iter().filter(|pod| pod.ordinal < desired.nodes).collect();
        wanted.len() == desired.nodes as usize && wanted.iter().all(|pod| serves(observed, pod))
    };
    match desired.wanted {
        Wanted::Deleted => "Deleting",
        Wanted::Paused => "Paused",
        _ if plan.stalled.is_some() => "Stalled",
        Wanted::Hibernated if observed.pods.is_empty() && !plan.changes_cluster() => "Hibernated",
        Wanted::Hibernated => "Hibernating",
        Wanted::Running if observed.volumes.iter().all(|volume| volume.grid.is_none()) && !all_serve() => "Creating",
        Wanted::Running if observed.pods.iter().any(|pod| pod.trouble.is_some()) => "Degraded",
        Wanted::Running if plan.changes_cluster() => "Updating",
        Wanted::Running if !all_serve() => "Degraded",
        Wanted::Running => "Running",
    }
}
