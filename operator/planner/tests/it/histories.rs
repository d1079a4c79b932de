//! Random histories: edits of the spec, misfortunes, time.

use sutra_planner::{Action, ConditionType, Desired, Plan, Retention, Wanted, plan, report};

use crate::fixture::{GIB, claims, revision};
use crate::random::Random;
use crate::world::{BROKEN, World};

/// How many rounds of five seconds are enough for a cluster to come to rest when nothing disturbs it.
const ENOUGH: usize = 250;

fn edit(desired: &mut Desired, world: &mut World, random: &mut Random) {
    match random.below(10) {
        0 => desired.revision = revision(&format!("sutra-node:0.{}.0", random.below(4)), desired.nodes),
        1 => desired.revision = revision(&format!("{BROKEN}:{}", random.below(3)), desired.nodes),
        2 => {
            let bytes = desired.volume_bytes + u128::from(random.below(3)) * GIB;
            (desired.volume_bytes, desired.volume_size) = (bytes, format!("{}Gi", bytes / GIB));
        }
        3 => desired.wanted = Wanted::Hibernated,
        4 => desired.wanted = Wanted::Paused,
        5 => desired.wanted = Wanted::Running,
        6 => desired.retention = if random.chance(50) { Retention::Retain } else { Retention::Delete },
        7 => world.volumes_can_grow = random.chance(50),
        8 => world.quota_left = random.chance(70),
        // Before there are nodes that is carried out; once one has run it changes nothing.
        _ if world.volumes.is_empty() || world.size().is_some() => {
            desired.nodes = [1, 3, 5][random.below(3) as usize];
            let image = desired.revision.split(' ').next().unwrap().to_owned();
            desired.revision = revision(&image, desired.nodes);
        }
        _ => {}
    }
}

fn round(desired: &Desired, world: &mut World, random: &mut Random) -> Plan {
    let observed = world.observe(desired);
    let plan = plan(desired, &observed, world.now());
    let taken = plan.steps.iter().filter(|step| matches!(step.action, Action::DeletePod { .. })).count();
    assert!(taken <= 1, "a plan takes {taken} pods away");
    if desired.wanted == Wanted::Paused {
        assert_eq!(plan.steps, [], "a paused cluster is changed");
    }
    let quorum = world.votes_there_are() / 2 + 1;
    for step in &plan.steps {
        if let Action::DeletePod { uid, .. } = &step.action {
            let pod = observed.pods.iter().find(|pod| &pod.uid == uid).unwrap();
            let doomed = observed.volumes.iter().any(|volume| volume.ordinal == pod.ordinal && volume.leaving);
            let outdated = pod.revision.as_deref() != Some(desired.revision.as_str());
            assert!(outdated || doomed, "a pod that is as it shall be is taken away");
            let others = world.voters() - usize::from(world.is_voter(uid));
            assert!(!doomed || others >= quorum, "data goes that the others may not have");
            let leaves_quorum = world.votes_there_are() == 1 || world.voters() > quorum;
            assert!(!world.is_voter(uid) || leaves_quorum, "a pod is taken away that the quorum rests on: {pod:?}");
            let others_serve = observed.pods.iter().filter(|other| &other.uid != uid).all(|other| other.ready && !other.leaving);
            assert!(!pod.ready || others_serve, "a serving pod is taken away while another does not serve");
        }
    }
    let report = report(desired, &observed, &plan);
    let mut kinds: Vec<ConditionType> = report.conditions.iter().map(|condition| condition.kind).collect();
    kinds.dedup();
    assert_eq!(kinds.len(), 7, "each condition once");
    assert!(report.conditions.iter().all(|condition| !condition.message.is_empty() && !condition.reason.contains(' ')));
    // What is reported of the cluster is what it is known by the next time.
    world.known_grid = report.grid;
    world.apply(desired, &plan);
    world.pass(random);
    assert!(world.foundings <= 1, "a grid was founded twice");
    plan
}

/// Yields how many nodes were replaced.
fn history(seed: u64) -> u64 {
    let mut random = Random::new(seed);
    let nodes = [1, 1, 3, 3, 5][random.below(5) as usize];
    let mut desired = claims(nodes);
    let mut world = World::new();
    for _ in 0..random.below(120) {
        if random.chance(15) {
            edit(&mut desired, &mut world, &mut random);
        }
        if random.chance(15) {
            world.misfortune(&mut random);
        }
        round(&desired, &mut world, &mut random);
    }

    // The spec is corrected, and nothing disturbs any more.
    world.mend();
    desired.wanted = Wanted::Running;
    desired.nodes = world.size().unwrap_or(nodes);
    desired.revision = revision("sutra-node:1.0.0", desired.nodes);
    // The budget goes up a while after the last node came back.
    let at_rest = |plan: &Plan, world: &World| *plan == Plan::default() && world.budget != Some(0);
    let rest = (0..ENOUGH).position(|_| at_rest(&round(&desired, &mut world, &mut random), &world));
    assert!(rest.is_some(), "no rest after {ENOUGH} rounds: {:?}", plan(&desired, &world.observe(&desired), world.now()));

    // At rest, and it stays so: no step, no pod replaced.
    let pods = world.uids();
    for _ in 0..30 {
        assert_eq!(round(&desired, &mut world, &mut random), Plan::default(), "it starts again by itself");
    }
    assert_eq!(world.uids(), pods);
    let observed = world.observe(&desired);
    let report = report(&desired, &observed, &Plan::default());
    let ready = report.conditions.iter().find(|condition| condition.kind == ConditionType::Ready).unwrap();
    assert!(ready.holds, "{ready:?}");
    assert_eq!((report.ready_nodes, report.phase), (desired.nodes, "Running"));
    assert_eq!((world.foundings, world.members.len()), (1, desired.nodes as usize), "one grid of all nodes");
    assert_eq!(report.concepts, Some(world.concepts), "taught concepts are told");
    let mut used = observed.volumes.iter().filter(|volume| volume.ordinal < desired.nodes);
    assert!(used.all(|volume| volume.capacity >= desired.volume_bytes && volume.grid.is_some()));
    let mut used = observed.volumes.iter().filter(|volume| volume.ordinal < desired.nodes);
    assert!(used.all(|volume| desired.nodes == 1 || volume.grid_nodes == Some(desired.nodes)), "its size is on every volume");
    world.replacements
}

#[test]
fn every_history_comes_to_rest_once_the_spec_is_right() {
    let mut replacements = 0;
    for seed in 0..5_000 {
        match std::panic::catch_unwind(|| history(seed)) {
            Ok(replaced) => replacements += replaced,
            Err(panic) => {
                eprintln!("the history of seed {seed} fails");
                std::panic::resume_unwind(panic);
            }
        }
    }
    assert!(replacements > 100, "only {replacements} nodes lost their volumes");
}
