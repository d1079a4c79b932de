//! The status of a `SutraCluster`.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::ResourceExt as _;
use sutra_crds::cluster::PlannedStep;
use sutra_crds::{SutraCluster, SutraClusterStatus, names};
use sutra_planner::Report;
use sutra_planner::plan::FRESHNESS;

use crate::desired::Release;

/// The status as it shall be. Equal to the one that is there if nothing is worth a write.
#[must_use]
pub fn status(cluster: &SutraCluster, report: &Report, release: &Release, now: Timestamp) -> SutraClusterStatus {
    let before = cluster.status.clone().unwrap_or_default();
    let selector = names::selector(&cluster.name_any()).map(|(label, value)| format!("{label}={value}")).join(",");
    let number = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    let (concepts, counted_at) = counted(&before, report, now);
    SutraClusterStatus {
        observed_generation: cluster.metadata.generation.unwrap_or_default(),
        phase: Some(report.phase.to_owned()),
        conditions: conditions(cluster, &before, report, now),
        nodes: number(report.nodes),
        ready_nodes: number(report.ready_nodes),
        selector: Some(selector),
        grid_id: report.grid.clone().or(before.grid_id),
        shards: report.shards.map(number).or(before.shards),
        ready_shards: report.ready_shards.map(number),
        concepts,
        counted_at,
        shard_map_epoch: report.epoch.map(|epoch| i64::try_from(epoch).unwrap_or(i64::MAX)).or(before.shard_map_epoch),
        image: release.recorded.as_ref().map(|recorded| recorded.image.clone()),
        renderer_revision: release.recorded.as_ref().map(|recorded| recorded.renderer.number()),
        plan: report.plan.iter().map(|(step, reason)| PlannedStep { step: step.clone(), reason: reason.clone() }).collect(),
    }
}

/// Concepts change with every write; their number is taken over at most once a minute.
fn counted(before: &SutraClusterStatus, report: &Report, now: Timestamp) -> (Option<i64>, Option<String>) {
    let Some(concepts) = report.concepts.map(|concepts| i64::try_from(concepts).unwrap_or(i64::MAX)) else {
        return (before.concepts, before.counted_at.clone());
    };
    let last: Option<Timestamp> = before.counted_at.as_deref().and_then(|at| at.parse().ok());
    let due = last.is_none_or(|last| now.duration_since(last) >= FRESHNESS);
    if before.concepts.is_none() || before.concepts != Some(concepts) && due {
        (Some(concepts), Some(now.to_string()))
    } else {
        (before.concepts, before.counted_at.clone())
    }
}

fn conditions(cluster: &SutraCluster, before: &SutraClusterStatus, report: &Report, now: Timestamp) -> Vec<Condition> {
    let whole_seconds = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let generation = cluster.metadata.generation;
    let conditions = report.conditions.iter().map(|condition| {
        let (type_, status) = (condition.kind.name(), if condition.holds { "True" } else { "False" });
        let same = before.conditions.iter().find(|old| old.type_ == type_ && old.status == status);
        Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: condition.reason.to_owned(),
            message: shortened(&condition.message),
            observed_generation: generation,
            last_transition_time: same.map_or(Time(whole_seconds), |old| old.last_transition_time.clone()),
        }
    });
    conditions.collect()
}

/// The API server takes at most 32 KiB; a sentence that quotes others should not be near that.
fn shortened(message: &str) -> String {
    const LONGEST: usize = 1024;
    if message.len() <= LONGEST {
        return message.to_owned();
    }
    let end = (0..=LONGEST).rev().find(|end| message.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", &message[..end])
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sutra_planner::{Condition as Reported, ConditionType};

    use super::*;
    use crate::render::Renderer;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    fn cluster(status: Option<SutraClusterStatus>) -> SutraCluster {
        let spec = json!({"nodes": 1, "security": {"mode": "development"}});
        let metadata = json!({"name": "claims", "namespace": "insurance", "uid": "c-1", "generation": 3});
        let whole = json!({"apiVersion": "sutra.dev/v1alpha1", "kind": "SutraCluster", "metadata": metadata, "spec": spec});
        SutraCluster { status, ..serde_json::from_value(whole).unwrap() }
    }

    fn report(ready: bool, concepts: Option<u64>) -> Report {
        Report {
            conditions: vec![Reported {
                kind: ConditionType::Ready,
                holds: ready,
                reason: "Reason",
                message: "a sentence".into(),
            }],
            phase: "Running",
            nodes: 1,
            ready_nodes: 1,
            grid: Some("g-7f3a".into()),
            shards: Some(1),
            ready_shards: Some(1),
            concepts,
            epoch: Some(7),
            plan: Vec::new(),
        }
    }

    fn release() -> Release {
        Release { image: "sutra-node:0.1.0".into(), renderer: Renderer::LATEST, recorded: None }
    }

    fn after(before: Option<SutraClusterStatus>, report: &Report, second: i64) -> SutraClusterStatus {
        status(&cluster(before), report, &release(), at(second))
    }

    #[test]
    fn the_same_report_is_the_same_status() {
        let first = after(None, &report(true, Some(5)), 0);
        assert_eq!(after(Some(first.clone()), &report(true, Some(5)), 1000), first);
    }

    #[test]
    fn a_condition_keeps_its_time_until_it_turns() {
        let first = after(None, &report(true, None), 0);
        let second = after(Some(first.clone()), &report(true, None), 50);
        assert_eq!(second.conditions[0].last_transition_time, first.conditions[0].last_transition_time);
        let third = after(Some(second), &report(false, None), 60);
        assert_eq!(third.conditions[0].last_transition_time, Time(at(60)));
        assert_eq!(third.conditions[0].observed_generation, Some(3));
    }

    #[test]
    fn concepts_are_counted_at_most_once_a_minute() {
        let first = after(None, &report(true, Some(5)), 0);
        let soon = after(Some(first.clone()), &report(true, Some(6)), 59);
        assert_eq!(soon, first);
        assert_eq!(after(Some(soon), &report(true, Some(6)), 60).concepts, Some(6));
    }

    #[test]
    fn what_nobody_tells_now_stays_as_it_was_known() {
        let first = after(None, &report(true, Some(5)), 0);
        let silent = Report { grid: None, shards: None, concepts: None, epoch: None, ..report(false, None) };
        let second = after(Some(first), &silent, 100);
        assert_eq!((second.grid_id.as_deref(), second.shards, second.concepts), (Some("g-7f3a"), Some(1), Some(5)));
        assert_eq!(second.shard_map_epoch, Some(7));
    }
}
