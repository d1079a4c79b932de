//! Shards of which no node that answers has a copy: they are there all the same.

use sutra_planner::{Action, Answer, Desired, Observed, Projection, Role, Seen, ShardReport, ShardSeen, plan, report};

use crate::fixture::{claims, with_copies};
use crate::several::{decide, settled};
use crate::world::World;

/// Five nodes that have one copy each of a shard of its own, all reported.
fn five_alone() -> (Desired, World, Observed) {
    let desired = with_copies(claims(5), 1);
    let (world, _, _) = settled(&desired);
    let mut observed = world.observe(&desired);
    let template = observed.answers.values().find_map(|answer| match answer {
        Answer::Serving(report) => report.shards.first().cloned(),
        _ => None,
    });
    let template = template.unwrap();
    for ordinal in 0..5_u32 {
        let (node, shard) = (format!("claims-{ordinal}"), u64::from(ordinal) + 1);
        if let Some(Answer::Serving(report)) = observed.answers.get_mut(&node) {
            let (leader, followers) = (Some(node.clone()), Some([].into()));
            let held = ShardSeen { shard, role: Role::Leader, leader, followers, concepts: 10 * shard, ..template.clone() };
            report.shards = vec![held];
        }
        observed.placement.insert(shard, vec![node]);
    }
    observed.projections.clear();
    let reports = |observed: &Observed| -> Vec<(u64, ShardReport)> {
        let steps = plan(&desired, observed, world.now()).steps.into_iter();
        steps
            .filter_map(|step| if let Action::ReportShard { shard, report } = step.action { Some((shard, report)) } else { None })
            .collect()
    };
    for (shard, report) in reports(&observed) {
        observed.projections.push(Projection {
            shard,
            seen: Seen::InSync,
            reported: Some(report),
            observed_at: Some(world.now()),
        });
    }
    assert_eq!((observed.projections.len(), reports(&observed).len()), (5, 0), "all is reported");
    (desired, world, observed)
}

fn silenced(observed: &Observed, nodes: &[u32]) -> Observed {
    let mut observed = observed.clone();
    for ordinal in nodes {
        observed.answers.insert(format!("claims-{ordinal}"), Answer::Silent("connection refused".into()));
    }
    observed
}

fn deleted_shards(actions: &[Action]) -> Vec<u64> {
    actions.iter().filter_map(|action| if let Action::DeleteShard { shard } = action { Some(*shard) } else { None }).collect()
}

#[test]
fn a_shard_of_silent_nodes_is_told_as_unreachable_and_stays_counted() {
    let (desired, world, whole) = five_alone();
    let observed = silenced(&whole, &[1, 3]);
    let next = decide(&desired, &observed, &world);
    let taken: Vec<Action> = next.steps.iter().map(|step| step.action.clone()).collect();
    assert_eq!(deleted_shards(&taken), [0; 0], "{taken:?}");
    let phases = |shard: u64| {
        taken.iter().find_map(|action| match action {
            Action::ReportShard { shard: told, report } if *told == shard => Some((report.phase.clone(), report.concepts)),
            _ => None,
        })
    };
    assert_eq!([2, 4].map(phases), [Some(("Unreachable".into(), 20)), Some(("Unreachable".into(), 40))]);
    let told = report(&desired, &observed, &next);
    assert_eq!((told.shards, told.ready_shards, told.concepts), (Some(5), Some(3), Some(150)));

    // The same while nobody tells the map, and if one never was reported.
    let mut mapless = observed.clone();
    mapless.placement.clear();
    mapless.members.clear();
    let next = decide(&desired, &mapless, &world);
    assert!(!next.steps.iter().any(|step| matches!(step.action, Action::DeleteShard { .. })), "{:?}", next.steps);
    assert_eq!(report(&desired, &mapless, &next).shards, Some(5));
    let mut unreported = observed;
    unreported.projections.retain(|projection| projection.shard != 2);
    let next = decide(&desired, &unreported, &world);
    let told = next.steps.iter().find_map(|step| match &step.action {
        Action::ReportShard { shard: 2, report } => Some((report.phase.as_str(), report.replicas[0].node.as_str())),
        _ => None,
    });
    assert_eq!(told, Some(("Unreachable", "claims-1")));
    assert_eq!(report(&desired, &unreported, &next).concepts, None, "of one of them nobody knows");
}

#[test]
fn a_shard_that_the_map_does_not_have_is_taken_away() {
    let (desired, world, mut observed) = five_alone();
    observed.placement.remove(&5);
    if let Some(Answer::Serving(report)) = observed.answers.get_mut("claims-4") {
        report.shards.clear();
    }
    let taken: Vec<Action> = decide(&desired, &observed, &world).steps.into_iter().map(|step| step.action).collect();
    assert_eq!(deleted_shards(&taken), [5]);
}

#[test]
fn a_shard_without_a_leader_keeps_its_numbers() {
    let (desired, world, mut observed) = five_alone();
    if let Some(Answer::Serving(report)) = observed.answers.get_mut("claims-0") {
        (report.shards[0].role, report.shards[0].leader, report.shards[0].concepts) = (Role::Follower, None, 0);
    }
    let next = decide(&desired, &observed, &world);
    let told = next.steps.iter().find_map(|step| match &step.action {
        Action::ReportShard { shard: 1, report } => Some((report.phase.as_str(), report.concepts)),
        _ => None,
    });
    assert_eq!((told, report(&desired, &observed, &next).concepts), (Some(("NoLeader", 10)), Some(150)));
}
