//! Nodes come and go as the spec asks, one at a time, and begin anew when somebody asks for it.

use sutra_planner::{Action, Answer, ConditionType, Desired, Membership, Observed, Role, Seen, Wanted};

use crate::fixture::{claims, revision, with_copies};
use crate::random::Random;
use crate::several::{actions, condition, decide, settle, settled};
use crate::world::World;

/// Three nodes with three copies, of so many that are asked for now.
fn asked_for(nodes: u32) -> Desired {
    with_copies(claims(nodes), 3)
}

fn names(actions: &[Action]) -> Vec<&'static str> {
    let told = ["AddNode", "RemoveNode", "KeepNode", "ApplyStatefulSet", "DeleteVolume", "DeletePod"];
    actions.iter().map(Action::name).filter(|name| told.contains(name)).collect()
}

pub(crate) fn leaves(actions: &[Action]) -> Vec<&str> {
    let left = actions.iter().filter_map(|action| match action {
        Action::RemoveNode { node, .. } => Some(node.as_str()),
        _ => None,
    });
    left.collect()
}

/// Goes on until the world is like this.
pub(crate) fn until(desired: &Desired, world: &mut World, random: &mut Random, is_so: impl Fn(&World) -> bool) -> Vec<Action> {
    let mut actions = Vec::new();
    for _ in 0..200 {
        if is_so(world) {
            return actions;
        }
        let next = decide(desired, &world.observe(desired), world);
        world.apply(desired, &next);
        actions.extend(next.steps.into_iter().map(|step| step.action));
        world.pass(random);
    }
    panic!("it never comes to be: {world:?}");
}

#[test]
fn three_nodes_become_five_and_three_again_and_claims_of_those_that_left_go() {
    let (mut world, mut random, _) = settled(&asked_for(3));
    let pods = world.uids();
    let taken = settle(&asked_for(5), &mut world, &mut random);
    assert_eq!(names(&taken), ["ApplyStatefulSet", "AddNode", "AddNode"]);
    assert_eq!((world.map.len(), world.volumes.len()), (5, 5));
    assert!(pods.is_subset(&world.uids()), "a pod was replaced");

    let taken = settle(&asked_for(3), &mut world, &mut random);
    assert_eq!(leaves(&taken), ["claims-4", "claims-3"], "the last goes first");
    let last_asked = taken.iter().rposition(|action| matches!(action, Action::RemoveNode { .. }));
    let deleted = taken.iter().position(|action| matches!(action, Action::DeleteVolume { .. }));
    assert!(deleted.is_some() && last_asked.is_some(), "{taken:?}");
    assert_eq!((world.map.len(), world.volumes.len(), world.departures), (3, 3, 2));
    assert_eq!(world.uids(), pods);
}

#[test]
fn a_pod_goes_only_when_all_nodes_say_that_its_node_has_left() {
    let (mut world, mut random, _) = settled(&asked_for(5));
    let desired = asked_for(3);
    until(&desired, &mut world, &mut random, |world| world.map.len() == 4);
    let mut observed = world.observe(&desired);
    assert!(observed.agreed && !observed.members.contains_key("claims-4"));
    observed.stateful_set.as_mut().unwrap().replicas = 5;
    let is_fewer = |observed: &Observed| actions(&desired, observed).contains(&Action::ApplyStatefulSet { replicas: 4 });
    assert!(is_fewer(&observed));
    observed.agreed = false;
    assert!(!is_fewer(&observed), "one of them may know more");
    observed.members.clear();
    assert!(!is_fewer(&observed), "nobody told");
}

#[test]
fn a_removal_is_taken_back_when_the_spec_is() {
    let (mut world, mut random, _) = settled(&asked_for(5));
    let leaving = |world: &World| world.map.get(&4) == Some(&Membership::Leaving);
    until(&asked_for(3), &mut world, &mut random, leaving);
    let taken = settle(&asked_for(5), &mut world, &mut random);
    assert_eq!((names(&taken), world.departures), (vec!["KeepNode"], 0));
}

#[test]
fn an_addition_is_taken_back_when_the_spec_is() {
    let (mut world, mut random, _) = settled(&asked_for(3));
    until(&asked_for(5), &mut world, &mut random, |world| world.map.len() == 4);
    let taken = settle(&asked_for(3), &mut world, &mut random);
    assert_eq!(leaves(&taken), ["claims-3"]);
    assert_eq!((world.map.len(), world.volumes.len()), (3, 3));
}

#[test]
fn a_node_that_has_left_and_is_wanted_again_begins_with_an_empty_volume() {
    let (mut world, mut random, _) = settled(&asked_for(5));
    until(&asked_for(3), &mut world, &mut random, |world| world.map.len() == 4);
    let taken = settle(&asked_for(5), &mut world, &mut random);
    let expected = ["DeleteVolume", "DeletePod", "AddNode"];
    assert_eq!(names(&taken), expected, "{taken:?}");
    assert_eq!((world.map.len(), world.volumes.len()), (5, 5));
}

#[test]
fn a_node_waits_for_fewer_copies_before_it_leaves() {
    let five = with_copies(claims(5), 5);
    let (mut world, mut random, _) = settled(&five);
    let taken = settle(&asked_for(3), &mut world, &mut random);
    let fewer = taken.iter().position(|action| matches!(action, Action::SetReplicas { count: 3, .. })).unwrap();
    let first = taken.iter().position(|action| matches!(action, Action::RemoveNode { .. })).unwrap();
    assert!(fewer < first, "{taken:?}");
    let mut observed = settled(&five).0.observe(&five);
    observed.stateful_set.as_mut().unwrap().seen = Seen::InSync;
    let too_few = Desired { nodes: 3, ..five };
    assert_eq!(condition(&too_few, &observed, ConditionType::Stalled).1, "TooFewNodes");
}

#[test]
fn an_image_rolls_while_nodes_come_and_go() {
    let (mut world, mut random, _) = settled(&asked_for(3));
    let mut desired = asked_for(5);
    desired.revision = revision("sutra-node:0.2.0", 5);
    let taken = settle(&desired, &mut world, &mut random);
    let first = taken.iter().position(|action| matches!(action, Action::AddNode { .. })).unwrap();
    let last = taken.iter().rposition(|action| matches!(action, Action::DeletePod { .. })).unwrap();
    assert!(last < first, "the grid takes in nobody of another release: {taken:?}");
    desired = asked_for(3);
    desired.revision = revision("sutra-node:0.3.0", 3);
    let taken = settle(&desired, &mut world, &mut random);
    let first = taken.iter().position(|action| matches!(action, Action::RemoveNode { .. })).unwrap();
    let rolled = taken[..first].iter().filter(|action| matches!(action, Action::DeletePod { .. })).count();
    assert_eq!(rolled, 5, "nor does it let anybody go: {taken:?}");
    assert_eq!(world.map.len(), 3);
}

#[test]
fn a_node_begins_anew_once_when_an_annotation_asks_for_it() {
    let mut desired = Desired { replace: Some("claims-2".into()), ..asked_for(3) };
    let (mut world, mut random, _) = settled(&asked_for(3));
    let claim = |world: &World| world.volumes.iter().find(|volume| volume.ordinal == 2).unwrap().uid.clone();
    let old = claim(&world);
    let mut taken = until(&desired, &mut world, &mut random, |world| world.renewals == 1);
    desired.replace = None;
    taken.extend(settle(&desired, &mut world, &mut random));
    assert_eq!(names(&taken), ["DeleteVolume", "DeletePod"], "{taken:?}");
    assert_eq!((world.replacements, world.map.len()), (1, 3));
    assert_ne!(claim(&world), old);
}

#[test]
fn nobody_begins_anew_who_is_needed_or_not_there() {
    let refused = |desired: &Desired, observed: &Observed| {
        assert!(!actions(desired, observed).iter().any(|action| matches!(action, Action::DeleteVolume { .. })));
        condition(desired, observed, ConditionType::Stalled)
    };
    let mut desired = Desired { replace: Some("claims-7".into()), ..asked_for(3) };
    let mut observed = settled(&asked_for(3)).0.observe(&desired);
    let (stalled, reason, message) = refused(&desired, &observed);
    assert!(stalled && reason == "NoSuchNode" && message.contains("claims-0, claims-1, claims-2"), "{message}");

    // Another one is behind: that passes.
    desired.replace = Some("claims-2".into());
    let volume = observed.volumes[2].uid.clone();
    observed.replacing = Some(sutra_planner::Replacing { node: "claims-2".into(), volume });
    observed.answers.insert("claims-1".into(), Answer::Silent("connection refused".into()));
    assert!(!refused(&desired, &observed).0);
    assert!(condition(&desired, &observed, ConditionType::Reconciling).0);

    // It has everything, and no vote yet: of the three who vote one would be left.
    let mut observed = settled(&asked_for(3)).0.observe(&desired);
    let volume = observed.volumes[2].uid.clone();
    observed.replacing = Some(sutra_planner::Replacing { node: "claims-2".into(), volume });
    let goes =
        |observed: &Observed| actions(&desired, observed).iter().any(|action| matches!(action, Action::DeleteVolume { .. }));
    assert!(goes(&observed));
    let learner = ["claims-0", "claims-1"].into_iter().find(|name| match &observed.answers[*name] {
        Answer::Serving(report) => report.shards[0].role == Role::Follower,
        _ => false,
    });
    let Some(Answer::Serving(report)) = learner.and_then(|name| observed.answers.get_mut(name)) else { panic!("nobody follows") };
    report.shards.iter_mut().for_each(|shard| shard.role = Role::Learner);
    assert!(!goes(&observed));

    let alone = Desired { replace: Some("claims-0".into()), ..claims(1) };
    let observed = settled(&claims(1)).0.observe(&alone);
    assert_eq!(refused(&alone, &observed).1, "NodeNeeded");

    let few = Desired { replace: Some("claims-0".into()), ..with_copies(claims(3), 1) };
    let (mut world, mut random, _) = settled(&with_copies(claims(3), 1));
    until(&few, &mut world, &mut random, |world| world.replacing.is_some());
    let (stalled, reason, message) = refused(&few, &world.observe(&few));
    assert!(stalled && reason == "NodeNeeded" && message.contains("the only copy of shard 1"), "{reason}: {message}");
}

#[test]
fn nodes_that_hibernate_in_the_middle_of_a_change_wake_as_they_were() {
    let (mut world, mut random, _) = settled(&asked_for(5));
    let leaving = |world: &World| world.map.get(&4) == Some(&Membership::Leaving);
    until(&asked_for(3), &mut world, &mut random, leaving);
    let asleep = Desired { wanted: Wanted::Hibernated, ..asked_for(3) };
    until(&asleep, &mut world, &mut random, |world| world.uids().is_empty());
    assert_eq!(world.volumes.len(), 5, "a claim goes while nobody can say whose it is");
    settle(&asked_for(3), &mut world, &mut random);
    assert_eq!((world.map.len(), world.volumes.len()), (3, 3));
}
