//! Clusters of several nodes: founded once, rolled by followers first, made whole when a volume is lost.

use sutra_planner::{
    Action, Answer, ConditionType, Desired, Membership, Object, Observed, Plan, Role, Seen, ShardSeen, Wanted, plan, report,
};

use crate::fixture::{at, claims, revision, with_copies};
use crate::random::Random;
use crate::world::{GRID, World};

/// A cluster that has come to rest, and what was done until then.
pub(crate) fn settled(desired: &Desired) -> (World, Random, Vec<Action>) {
    let (mut world, mut random) = (World::new(), Random::new(7));
    let actions = settle(desired, &mut world, &mut random);
    (world, random, actions)
}

pub(crate) fn settle(desired: &Desired, world: &mut World, random: &mut Random) -> Vec<Action> {
    let mut actions = Vec::new();
    for _ in 0..300 {
        let next = decide(desired, &world.observe(desired), world);
        if next == Plan::default() && world.budget != Some(0) {
            return actions;
        }
        world.apply(desired, &next);
        actions.extend(next.steps.into_iter().map(|step| step.action));
        world.pass(random);
    }
    panic!("no rest: {:?}", decide(desired, &world.observe(desired), world));
}

pub(crate) fn decide(desired: &Desired, observed: &Observed, world: &World) -> Plan {
    plan(desired, observed, world.now())
}

pub(crate) fn actions(desired: &Desired, observed: &Observed) -> Vec<Action> {
    plan(desired, observed, at(10_000)).steps.into_iter().map(|step| step.action).collect()
}

pub(crate) fn condition(desired: &Desired, observed: &Observed, kind: ConditionType) -> (bool, &'static str, String) {
    let plan = plan(desired, observed, at(10_000));
    let report = report(desired, observed, &plan);
    let found = report.conditions.into_iter().find(|condition| condition.kind == kind).unwrap();
    (found.holds, found.reason, found.message)
}

pub(crate) fn deleted(actions: &[Action]) -> Vec<&str> {
    let mut deleted = Vec::new();
    for action in actions {
        if let Action::DeletePod { pod, .. } = action {
            deleted.push(pod.as_str());
        }
    }
    deleted
}

#[test]
fn a_grid_is_founded_once_when_all_nodes_wait() {
    for nodes in [3, 5] {
        let (world, _, actions) = settled(&claims(nodes));
        let asked = actions.iter().filter(|action| matches!(action, Action::FoundGrid { .. })).count();
        assert!(asked >= 1);
        assert_eq!((world.foundings, world.members.len()), (1, nodes as usize));
    }
}

#[test]
fn nobody_is_asked_to_found_a_grid_while_one_node_is_missing_or_belongs_to_one() {
    let desired = claims(3);
    let mut observed = settled(&desired).0.observe(&desired);
    observed.known_grid = None;
    observed.members.clear();
    observed.volumes.iter_mut().for_each(|volume| volume.grid = None);
    observed.answers.values_mut().for_each(|answer| *answer = Answer::Waiting);
    let founds =
        |observed: &Observed| actions(&desired, observed).iter().any(|action| matches!(action, Action::FoundGrid { .. }));
    assert!(founds(&observed));

    let mut silent = observed.clone();
    silent.answers.insert("claims-2".into(), Answer::Silent("connection refused".into()));
    assert!(!founds(&silent));
    let mut recorded = observed.clone();
    recorded.volumes[1].grid = Some(GRID.into());
    assert!(!founds(&recorded), "a volume of a grid is there");
    let mut known = observed;
    known.known_grid = Some(GRID.into());
    assert!(!founds(&known), "the cluster was a grid");
}

#[test]
fn an_image_rolls_one_pod_at_a_time_and_the_leader_last() {
    let mut desired = claims(3);
    let (mut world, mut random, _) = settled(&desired);
    let observed = world.observe(&desired);
    let leads = |answer: &Answer| match answer {
        Answer::Serving(report) => report.shards[0].role == Role::Leader,
        _ => false,
    };
    let leader = observed.answers.iter().find(|(_, answer)| leads(answer)).map(|(name, _)| name.clone()).unwrap();
    desired.revision = revision("sutra-node:0.2.0", 3);
    let actions = settle(&desired, &mut world, &mut random);
    let order = deleted(&actions);
    assert_eq!((order.len(), order[2]), (3, leader.as_str()), "{order:?}");
}

#[test]
fn a_node_that_has_not_caught_up_holds_the_next_one_back() {
    let mut desired = claims(3);
    let mut observed = settled(&desired).0.observe(&desired);
    desired.revision = revision("sutra-node:0.2.0", 3);
    observed.stateful_set.as_mut().unwrap().seen = Seen::InSync;
    let taken = actions(&desired, &observed);
    let other = if deleted(&taken) == ["claims-1"] { "claims-0" } else { "claims-1" };
    assert_eq!(deleted(&taken).len(), 1);
    if let Some(Answer::Serving(report)) = observed.answers.get_mut(other) {
        report.shards[0].caught_up = false;
    }
    assert_eq!(deleted(&actions(&desired, &observed)), ["claims-1"; 0], "two of three would not have everything");
    let (_, reason, _) = condition(&desired, &observed, ConditionType::Reconciling);
    assert_eq!(reason, "Rolling");
}

#[test]
fn the_budget_follows_the_nodes_and_does_not_flutter() {
    let desired = claims(3);
    let mut observed = settled(&desired).0.observe(&desired);
    assert_eq!(observed.budget, Some(1));
    observed.pods[1].ready = false;
    assert!(actions(&desired, &observed).contains(&Action::SetBudget { max_unavailable: 0 }));
    observed.budget = Some(0);
    (observed.pods[1].ready, observed.pods[1].turned) = (true, Some(at(9_990)));
    assert_eq!(actions(&desired, &observed), [], "it has been ready for ten seconds");
    observed.pods[1].turned = Some(at(9_980));
    assert_eq!(actions(&desired, &observed), [Action::SetBudget { max_unavailable: 1 }]);
    // Of five one more may go.
    let desired = claims(5);
    let mut observed = settled(&desired).0.observe(&desired);
    observed.pods[1].ready = false;
    assert_eq!(actions(&desired, &observed), []);
}

#[test]
fn a_grid_does_not_become_a_node_alone_nor_that_a_grid_whatever_is_deleted_meanwhile() {
    for (founded, asked) in [(3, 1), (1, 3)] {
        let mut desired = claims(founded);
        let (world, _, _) = settled(&desired);
        (desired.nodes, desired.revision) = (asked, revision("sutra-node:0.1.0", asked));
        desired.replication_factor = asked;
        let mut observed = world.observe(&desired);
        observed.stateful_set = None;
        observed.objects.remove(&Object::ConfigMap);
        assert_eq!(actions(&desired, &observed), []);
        let (stalled, reason, message) = condition(&desired, &observed, ConditionType::Stalled);
        assert!(stalled && reason == "ScalingUnavailable", "{reason}");
        assert!(
            message.contains(&format!("spec.nodes is {asked}")) && message.contains(&format!("back to {founded}")),
            "{message}"
        );
    }
}

#[test]
fn a_node_whose_claim_was_deleted_goes_when_all_others_have_everything() {
    let desired = claims(3);
    let mut observed = settled(&desired).0.observe(&desired);
    observed.volumes[2].leaving = true;
    assert_eq!(deleted(&actions(&desired, &observed)), ["claims-2"]);
    assert!(!condition(&desired, &observed, ConditionType::Stalled).0);
    let mut behind = observed.clone();
    if let Some(Answer::Serving(report)) = behind.answers.get_mut("claims-1") {
        report.shards[0].caught_up = false;
    }
    assert_eq!(deleted(&actions(&desired, &behind)), ["claims-1"; 0]);
    let (_, reason, message) = condition(&desired, &behind, ConditionType::Reconciling);
    assert!(reason == "NodeReplacing" && message.contains("claims-2"), "{reason}: {message}");
    // Nor for a new image: what only it has would be lost.
    let mut outdated = desired.clone();
    outdated.revision = revision("sutra-node:0.2.0", 3);
    (behind.pods[2].ready, behind.pods[2].started) = (false, false);
    assert_eq!(deleted(&actions(&outdated, &behind)), ["claims-1"; 0]);
    // Hibernation would take all pods away.
    let asleep = Desired { wanted: Wanted::Hibernated, ..desired };
    assert_eq!(condition(&asleep, &observed, ConditionType::Stalled).1, "VolumeLeaving");
}

#[test]
fn a_node_with_an_empty_volume_gets_new_replicas_if_a_majority_serves() {
    let desired = claims(3);
    let (mut world, mut random, _) = settled(&desired);
    world.volumes[0].leaving = true;
    let taken = settle(&desired, &mut world, &mut random);
    assert_eq!((deleted(&taken), world.replacements, world.foundings), (vec!["claims-0"], 1, 1));
    assert_eq!(world.members.len(), 3);

    let mut observed = world.observe(&desired);
    observed.answers.insert("claims-0".into(), Answer::Waiting);
    (observed.pods[0].ready, observed.pods[0].started) = (false, false);
    let asked = actions(&desired, &observed);
    let replaces = |action: &Action| {
        matches!(action, Action::ReplaceNode { pod, asked, grid, .. }
        if pod == "claims-0" && asked != pod && grid == GRID)
    };
    assert!(asked.iter().any(replaces), "{asked:?}");
    let (degraded, reason, message) = condition(&desired, &observed, ConditionType::Degraded);
    assert!(degraded && reason == "VolumeLost" && message.contains("claims-0"), "{reason}: {message}");

    observed.answers.insert("claims-1".into(), Answer::Silent("connection refused".into()));
    let asked = actions(&desired, &observed);
    assert!(!asked.iter().any(replaces), "one of three is no majority: {asked:?}");
}

/// A cluster of five nodes, of which the first three have the copies of shard 1, and the last three those of shard 2.
fn five_with_three_copies() -> (Desired, Observed) {
    let desired = Desired { replication_factor: 3, ..claims(5) };
    let mut observed = settled(&desired).0.observe(&desired);
    observed.placement.clear();
    let shard = |node: &str, number: u64, of: usize| {
        let leader = format!("claims-{}", of);
        let role = if leader == node { Role::Leader } else { Role::Follower };
        let Some(Answer::Serving(report)) = observed.answers.get("claims-0") else { panic!("a node that does not serve") };
        ShardSeen { shard: number, role, leader: Some(leader), ..report.shards[0].clone() }
    };
    let mut of_node: Vec<(String, Vec<ShardSeen>)> = Vec::new();
    for at in 0..5 {
        let name = format!("claims-{at}");
        let one = (at < 3).then(|| shard(&name, 1, 0));
        let two = (at >= 2).then(|| shard(&name, 2, 4));
        of_node.push((name, one.into_iter().chain(two).collect()));
    }
    for (name, shards) in of_node {
        if let Some(Answer::Serving(report)) = observed.answers.get_mut(&name) {
            report.shards = shards;
        }
    }
    (desired, observed)
}

#[test]
fn the_budget_is_nothing_while_a_shard_has_no_copy_to_spare() {
    let (desired, mut observed) = five_with_three_copies();
    let budgets = |observed: &Observed| {
        let budget = |action| if let Action::SetBudget { max_unavailable } = action { Some(max_unavailable) } else { None };
        actions(&desired, observed).into_iter().find_map(budget)
    };
    assert_eq!((observed.budget, budgets(&observed)), (Some(1), None));
    // Four of five serve, which is enough for the map; but shard 1 has two of its three copies.
    observed.answers.insert("claims-1".into(), Answer::Silent("connection refused".into()));
    observed.pods[1].ready = false;
    assert_eq!(budgets(&observed), Some(0));
    observed.budget = Some(0);
    assert_eq!(budgets(&observed), None);
}

#[test]
fn a_claim_with_what_no_quorum_of_others_has_does_not_go() {
    let (desired, mut observed) = five_with_three_copies();
    observed.volumes[0].leaving = true;
    assert_eq!(deleted(&actions(&desired, &observed)), ["claims-0"], "two others have shard 1");
    if let Some(Answer::Serving(report)) = observed.answers.get_mut("claims-1") {
        report.shards[0].caught_up = false;
    }
    (observed.pods[0].ready, observed.pods[0].started) = (false, false);
    assert_eq!(
        deleted(&actions(&desired, &observed)),
        ["claims-0"; 0],
        "three nodes have everything of theirs, and one has shard 1"
    );

    let alone = with_copies(claims(3), 1);
    let mut observed = settled(&alone).0.observe(&alone);
    observed.placement.clear();
    let Some(Answer::Serving(first)) = observed.answers.get("claims-0").cloned() else { panic!("a node that does not serve") };
    for (at, answer) in observed.answers.values_mut().enumerate() {
        if let Answer::Serving(report) = answer {
            report.shards = vec![ShardSeen { shard: at as u64 + 1, role: Role::Leader, ..first.shards[0].clone() }];
        }
    }
    observed.volumes[2].leaving = true;
    assert_eq!(deleted(&actions(&alone, &observed)), ["claims-0"; 0]);
    let (_, reason, message) = condition(&alone, &observed, ConditionType::Reconciling);
    assert!(reason == "NodeReplacing" && message.contains("the only copy of shard 3"), "{reason}: {message}");
}

#[test]
fn the_grid_is_told_how_many_copies_there_are_to_be() {
    let few = with_copies(claims(3), 1);
    let (mut world, mut random, _) = settled(&few);
    assert_eq!(world.copies, Some(1));
    let desired = claims(3);
    let taken = settle(&desired, &mut world, &mut random);
    let asked = |action: &&Action| matches!(action, Action::SetReplicas { count: 3, grid, .. } if grid == GRID);
    assert_eq!((taken.iter().filter(asked).count(), world.copies), (1, Some(3)));
    let mut observed = world.observe(&desired);
    observed.under_way = vec!["shard 1 gets a replica on claims-2".into()];
    assert_eq!(
        condition(&desired, &observed, ConditionType::Rebalancing),
        (true, "ReplicasMoving", observed.under_way[0].clone())
    );
}

#[test]
fn the_grid_is_told_in_which_zone_its_nodes_are() {
    let desired = with_copies(claims(5), 3);
    let (world, ..) = settled(&desired);
    let mut observed = world.observe(&desired);
    for (pod, zone) in observed.pods.iter_mut().zip([Some("a"), Some("a"), Some("b"), None, Some("c")]) {
        pod.zone = zone.map(String::from);
    }
    let known = |node: &str, zone: &str| (node.to_owned(), zone.to_owned());
    observed.zones = Some([known("claims-0", "a"), known("claims-2", "c"), known("claims-3", "b")].into());
    let told = |observed: &Observed| -> Vec<String> {
        let set = actions(&desired, observed).into_iter().filter_map(|action| match action {
            Action::SetZone { node, zone, grid, .. } if grid == GRID => Some(format!("{node} {zone}")),
            _ => None,
        });
        set.collect()
    };
    assert_eq!(
        told(&observed),
        ["claims-1 a", "claims-2 b", "claims-4 c"],
        "one that Kubernetes does not tell is left where it was"
    );
    let later = |change: &dyn Fn(&mut Observed)| {
        let mut observed = observed.clone();
        change(&mut observed);
        told(&observed)
    };
    assert_eq!(later(&|observed| observed.zones = None), [""; 0], "its release knows no zones");
    let joins = |observed: &mut Observed| {
        observed.members.insert("claims-4".into(), Membership::Joining);
    };
    assert_eq!(later(&joins), ["claims-1 a", "claims-2 b"]);
    let leaves = |observed: &mut Observed| {
        observed.members.insert("claims-4".into(), Membership::Leaving);
    };
    assert_eq!(later(&leaves), ["claims-1 a", "claims-2 b"]);
    assert_eq!(later(&|observed| observed.pods[3].leaving = true), [""; 0], "one that stops may be of another release");
    let hibernated = Desired { wanted: Wanted::Hibernated, ..desired.clone() };
    assert!(!actions(&hibernated, &observed).iter().any(|action| matches!(action, Action::SetZone { .. })));
    let of_two = |observed: &mut Observed| {
        let Some(Answer::Serving(report)) = observed.answers.get_mut("claims-3") else { panic!("it serves") };
        report.version = "0.2.0".into();
    };
    assert_eq!(later(&of_two), [""; 0], "a grid of two releases changes nothing of itself");
}

#[test]
fn zones_are_told_where_they_are_known() {
    let desired = claims(3);
    let mut observed = settled(&desired).0.observe(&desired);
    let told = |observed: &Observed| condition(&desired, observed, ConditionType::Available).2;
    assert!(told(&observed).contains("zones unknown"), "{}", told(&observed));
    for (pod, zone) in observed.pods.iter_mut().zip(["b", "a", "b"]) {
        pod.zone = Some(zone.into());
    }
    assert_eq!(told(&observed), "every shard serves; its nodes are in the zones a, b");
    observed.pods[1].zone = None;
    assert_eq!(told(&observed), "every shard serves; its nodes are in the zones b, that of claims-1 is unknown");
    observed.zones = Some([("claims-1".into(), "c".into())].into());
    assert_eq!(told(&observed), "every shard serves; its nodes are in the zones b, c", "somebody else told the grid");
}
