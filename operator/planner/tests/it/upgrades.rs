//! What goes wrong in the middle of an upgrade: images that don't work, containers that restart, nodes and volumes that are lost.

use sutra_planner::plan::{AWAY, LASTING};
use sutra_planner::{Action, Answer, ConditionType, Desired, Membership, plan};

use crate::fixture::{claims, revision, with_copies};
use crate::random::Random;
use crate::scaling::{leaves, until};
use crate::several::{actions, condition, decide, deleted, settle, settled};
use crate::world::{BROKEN, CRASHING, World};

/// The same cluster with another image.
fn with_image(desired: &Desired, image: &str) -> Desired {
    Desired { revision: revision(image, desired.nodes), ..desired.clone() }
}

/// Goes on for so many rounds, and says what was done.
fn rounds(desired: &Desired, world: &mut World, random: &mut Random, count: usize) -> Vec<Action> {
    let mut actions = Vec::new();
    for _ in 0..count {
        let next = decide(desired, &world.observe(desired), world);
        world.apply(desired, &next);
        actions.extend(next.steps.into_iter().map(|step| step.action));
        world.pass(random);
    }
    actions
}

/// The numbers of the nodes whose pods are as wanted, and of the others.
fn rolled(desired: &Desired, world: &World) -> (Vec<u32>, Vec<u32>) {
    let pods = world.observe(desired).pods;
    let (new, old): (Vec<_>, Vec<_>) = pods.iter().partition(|pod| pod.revision.as_deref() == Some(desired.revision.as_str()));
    let numbers = |pods: Vec<&sutra_planner::Pod>| pods.into_iter().map(|pod| pod.ordinal).collect();
    (numbers(new), numbers(old))
}

/// A grid of which one node has been replaced by one of the image, and serves.
fn half_way(before: &Desired, after: &Desired) -> (World, Random) {
    let (mut world, mut random, _) = settled(before);
    let is_half_way = |world: &World| {
        rolled(after, world).0.len() == 1 && world.observe(after).pods.iter().all(|pod| pod.ready) && world.observe(after).agreed
    };
    until(after, &mut world, &mut random, is_half_way);
    (world, random)
}

#[test]
fn a_container_that_restarts_while_a_new_image_is_broken_keeps_its_pod() {
    for word in [BROKEN, CRASHING] {
        let desired = claims(3);
        let (mut world, mut random, _) = settled(&desired);
        let broken = with_image(&desired, &format!("{word}:0.2.0"));
        assert_eq!(deleted(&rounds(&broken, &mut world, &mut random, 20)).len(), 1, "{word}: one is broken, the others wait");
        let (_, old) = rolled(&broken, &world);
        for restarted in old {
            world.container_restarts(restarted);
            let mut observed = world.observe(&broken);
            let taken = actions_at(&broken, &observed, &world, 0);
            assert_eq!(deleted(&taken), ["claims-1"; 0], "{word}: it only restarts");
            // Nor if it takes long, or if it fails itself.
            let late = 10 * LASTING.as_secs();
            assert_eq!(
                deleted(&actions_at(&broken, &observed, &world, late)),
                ["claims-1"; 0],
                "{word}: the quorum would be gone"
            );
            observed.answers.remove(&format!("claims-{restarted}"));
            assert_eq!(deleted(&actions_at(&broken, &observed, &world, late)), ["claims-1"; 0], "{word}");
            until(&broken, &mut world, &mut random, |world| {
                world.observe(&broken).pods.iter().filter(|pod| pod.ready).count() == 2
            });
        }
    }
}

fn actions_at(desired: &Desired, observed: &sutra_planner::Observed, world: &World, later: i64) -> Vec<Action> {
    let now = world.now() + jiff::SignedDuration::from_secs(later);
    plan(desired, observed, now).steps.into_iter().map(|step| step.action).collect()
}

#[test]
fn a_pod_that_never_comes_up_is_replaced_as_soon_as_the_spec_is_corrected() {
    for word in [BROKEN, CRASHING] {
        let desired = claims(3);
        let (mut world, mut random, _) = settled(&desired);
        let broken = with_image(&desired, &format!("{word}:0.2.0"));
        let fails = |world: &World| world.observe(&broken).pods.iter().any(|pod| pod.trouble.is_some());
        until(&broken, &mut world, &mut random, fails);
        let (new, _) = rolled(&broken, &world);
        let corrected = with_image(&desired, "sutra-node:0.2.1");
        let mut observed = world.observe(&corrected);
        observed.stateful_set.as_mut().unwrap().seen = sutra_planner::Seen::InSync;
        let taken = actions_at(&corrected, &observed, &world, 0);
        assert_eq!(deleted(&taken), [format!("claims-{}", new[0])], "{word}: {taken:?}");
        settle(&corrected, &mut world, &mut random);
    }
}

#[test]
fn pods_that_all_crash_are_replaced_when_the_spec_is_corrected() {
    let desired = claims(3);
    let (mut world, mut random, _) = settled(&desired);
    world.all_crash();
    let taken = settle(&with_image(&desired, "sutra-node:0.1.1"), &mut world, &mut random);
    assert_eq!(deleted(&taken).len(), 3);
}

#[test]
fn a_node_that_answers_is_not_taken_from_a_shard_that_rests_on_it() {
    // Three of five have the shard's copies; one of them is silent, and another is not ready, but votes.
    let desired = with_copies(claims(5), 3);
    let (world, _, _) = settled(&desired);
    let mut observed = world.observe(&desired);
    let holders: Vec<u32> = world.holders.iter().copied().collect();
    observed.answers.insert(format!("claims-{}", holders[0]), Answer::Silent("connection refused".into()));
    let unready = observed.pods.iter_mut().find(|pod| pod.ordinal == holders[1]).unwrap();
    (unready.ready, unready.turned) = (false, Some(world.now()));
    let (name, outdated) = (unready.name.clone(), with_image(&desired, "sutra-node:0.2.0"));
    observed.stateful_set.as_mut().unwrap().seen = sutra_planner::Seen::InSync;
    let others = observed.pods.iter_mut().filter(|pod| !holders[..2].contains(&pod.ordinal));
    others.for_each(|pod| pod.revision = Some(outdated.revision.clone()));
    let led = |observed: &mut sutra_planner::Observed, node: &str| {
        for answer in observed.answers.values_mut() {
            let Answer::Serving(report) = answer else { continue };
            report.shards.iter_mut().for_each(|shard| shard.leader = Some(node.to_owned()));
        }
    };
    led(&mut observed, &format!("claims-{}", holders[2]));
    let late = 10 * LASTING.as_secs();
    assert_eq!(
        deleted(&actions_at(&outdated, &observed, &world, late)),
        ["claims-1"; 0],
        "four of five vote for the map, but of the shard two"
    );
    observed.answers.insert(name.clone(), Answer::Silent("connection refused".into()));
    assert_eq!(deleted(&actions_at(&outdated, &observed, &world, late)), [name.as_str()], "nothing rests on who does not answer");
}

#[test]
fn a_volume_that_is_lost_half_way_is_made_up_for_by_a_node_of_the_same_release() {
    // A release is left out, so that the two can't be mixed: it matters who is asked.
    let before = claims(3);
    let after = with_image(&before, "sutra-node:0.3.0");
    let (mut world, mut random) = half_way(&before, &after);
    let (new, old) = rolled(&after, &world);
    let lost = *old.last().unwrap();
    world.volume_is_lost(lost);
    let taken = settle(&after, &mut world, &mut random);
    let asked: Vec<&String> = taken
        .iter()
        .filter_map(|action| if let Action::ReplaceNode { asked, .. } = action { Some(asked) } else { None })
        .collect();
    assert!(!asked.is_empty() && asked.iter().all(|asked| **asked == format!("claims-{}", new[0])), "{asked:?}");
    assert_eq!(world.replacements, 1);
}

#[test]
fn a_node_that_waits_is_replaced_first_if_nobody_has_its_release() {
    let desired = claims(3);
    let (mut world, mut random, _) = settled(&desired);
    // The wrong image is in the template when a volume is lost; nobody else has it.
    let wrong = with_image(&desired, "sutra-node:0.9.0");
    world.machine_dies(1);
    rounds(&wrong, &mut world, &mut random, 3);
    world.volume_is_lost(1);
    let waits = |world: &World| world.observe(&wrong).answers.get("claims-1") == Some(&Answer::Waiting);
    until(&wrong, &mut world, &mut random, waits);
    rounds(&wrong, &mut world, &mut random, 20);
    assert_eq!(world.replacements, 0, "the others are of a release that can't be mixed with it");
    assert!(condition(&wrong, &world.observe(&wrong), ConditionType::Reconciling).2.contains("0.9.0"));
    let taken = settle(&desired, &mut world, &mut random);
    assert_eq!((deleted(&taken), world.replacements), (vec!["claims-1"], 1));
}

#[test]
fn a_node_that_waits_is_not_replaced_before_it_has_its_replicas_if_others_have_its_release() {
    let desired = claims(3);
    let (world, _, _) = settled(&desired);
    let mut observed = world.observe(&desired);
    let (lost, name) = if world.leads(1) { (2, "claims-2") } else { (1, "claims-1") };
    observed.answers.insert(name.into(), Answer::Waiting);
    (observed.pods[lost].ready, observed.pods[lost].started) = (false, false);
    observed.stateful_set.as_mut().unwrap().seen = sutra_planner::Seen::InSync;
    let newer = with_image(&desired, "sutra-node:0.2.0");
    let taken = actions(&newer, &observed);
    assert_eq!(deleted(&taken), ["claims-1"; 0], "the others could not take its successor in");
    assert!(taken.iter().any(|action| matches!(action, Action::ReplaceNode { pod, .. } if pod == name)), "{taken:?}");
    // Of another release than the others, it stays once it is invited.
    observed.pods[lost].revision = Some(revision("sutra-node:0.9.0", 3));
    assert_eq!(deleted(&actions(&newer, &observed)), [name]);
    observed.members.insert(name.into(), Membership::Joining);
    assert_eq!(deleted(&actions(&newer, &observed)), ["claims-1"; 0]);
}

#[test]
fn a_node_that_is_lost_half_way_can_leave_before_the_others_are_replaced() {
    for dead in [4, 3] {
        let before = with_copies(claims(5), 3);
        let after = with_image(&before, "sutra-node:0.2.0");
        let (mut world, mut random) = half_way(&before, &after);
        world.machine_dies(dead);
        let waited = rounds(&after, &mut world, &mut random, 30);
        assert!(deleted(&waited).iter().all(|pod| *pod == format!("claims-{dead}")), "the others wait for it: {waited:?}");
        let fewer = Desired { nodes: 3, ..after };
        let is_done = |world: &World| world.map.len() == 3 && rolled(&fewer, world).1.iter().all(|old| *old == dead);
        let taken = until(&fewer, &mut world, &mut random, is_done);
        let other = if dead == 4 { "claims-3" } else { "claims-4" };
        assert_eq!(leaves(&taken), [format!("claims-{dead}").as_str(), other]);
        world.machine_is_given_up(dead);
        settle(&fewer, &mut world, &mut random);
    }
}

#[test]
fn a_node_that_is_lost_while_another_leaves_leaves_with_it() {
    let desired = with_copies(claims(5), 3);
    let (mut world, mut random, _) = settled(&desired);
    // One of the copies is on the node that dies: what the other keeps can't move as long as that one is waited for.
    world.holders = [0, 1, 3].into();
    let fewer = Desired { nodes: 3, ..desired };
    until(&fewer, &mut world, &mut random, |world| world.map.get(&4) == Some(&Membership::Leaving));
    world.machine_dies(3);
    until(&fewer, &mut world, &mut random, |world| world.map.len() == 3);
}

#[test]
fn the_grid_is_asked_for_other_copies_when_all_nodes_are_of_one_release() {
    let before = with_copies(claims(3), 1);
    let after = with_image(&before, "sutra-node:0.2.0");
    let (mut world, mut random) = half_way(&before, &after);
    let taken = settle(&with_copies(after, 3), &mut world, &mut random);
    let asked = taken.iter().position(|action| matches!(action, Action::SetReplicas { .. }));
    let last = taken.iter().rposition(|action| matches!(action, Action::DeletePod { .. }));
    assert!(asked > last && last.is_some(), "{taken:?}");
}

#[test]
fn a_node_that_is_just_being_replaced_does_not_leave_before_the_others_are() {
    let before = with_copies(claims(5), 3);
    let after = Desired { nodes: 3, ..with_image(&before, "sutra-node:0.2.0") };
    let (world, _) = half_way(&before, &Desired { nodes: 5, ..after.clone() });
    let mut observed = world.observe(&after);
    observed.stateful_set.as_mut().unwrap().seen = sutra_planner::Seen::InSync;
    let (ready, turned) = (false, Some(world.now()));
    (observed.pods[4].ready, observed.pods[4].turned) = (ready, turned);
    assert_eq!(leaves(&actions_at(&after, &observed, &world, AWAY.as_secs())), ["claims-4"; 0], "it answers");
    observed.answers.remove("claims-4");
    assert_eq!(leaves(&actions_at(&after, &observed, &world, 10)), ["claims-4"; 0]);
    assert_eq!(leaves(&actions_at(&after, &observed, &world, AWAY.as_secs())), ["claims-4"]);
}
