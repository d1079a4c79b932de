//! Random histories: edits of the spec, misfortunes, time.

use sutra_planner::{Action, ConditionType, Desired, Plan, Pod, Retention, Wanted, plan, report};

use crate::fixture::{GIB, claims, revision, with_copies};
use crate::random::Random;
use crate::world::{BROKEN, CRASHING, World};

/// How many rounds of five seconds are enough for a cluster to come to rest when nothing disturbs it.
const ENOUGH: usize = 250;

fn edit(desired: &mut Desired, world: &mut World, random: &mut Random) {
    match random.below(14) {
        // Releases that can be mixed: whoever leaves one out is told by the nodes.
        0 => {
            let image = format!("sutra-node:0.{}.{}", 1 + random.below(2), random.below(3));
            desired.revision = revision(&image, desired.nodes);
        }
        1 => {
            let why = if random.chance(50) { BROKEN } else { CRASHING };
            desired.revision = revision(&format!("{why}:0.2.{}", random.below(3)), desired.nodes);
        }
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
        9 => desired.replace = Some(format!("claims-{}", random.below(6))),
        10 => desired.replace = None,
        11 => *desired = with_copies(desired.clone(), copies(desired.nodes, random)),
        // One node alone, and a grid of several, stay what they are once one has run.
        _ if world.volumes.is_empty() || world.size().is_some() => {
            desired.nodes = [1, 3, 5][random.below(3) as usize];
            *desired = with_copies(desired.clone(), copies(desired.nodes, random));
            let image = desired.revision.split(' ').next().unwrap().to_owned();
            desired.revision = revision(&image, desired.nodes);
        }
        _ => {}
    }
}

/// At most as many as there are nodes.
fn copies(nodes: u32, random: &mut Random) -> u32 {
    let possible: Vec<u32> = [1, 3, 5].into_iter().filter(|copies| *copies <= nodes).collect();
    possible[random.below(possible.len() as u64) as usize]
}

fn round(desired: &mut Desired, world: &mut World, random: &mut Random) -> Plan {
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
            let belongs = world.map.is_empty() || world.map.contains_key(&pod.ordinal);
            let others = world.voters() - usize::from(world.is_voter(uid));
            assert!(!doomed || !belongs || others >= quorum, "data goes that the others may not have");
            let leaves_quorum = world.votes_there_are() == 1 || world.voters() > quorum;
            assert!(!world.is_voter(uid) || leaves_quorum, "a pod is taken away that the quorum rests on: {pod:?}");
            let belongs = |other: &&Pod| world.map.is_empty() || world.map.contains_key(&other.ordinal);
            let mut others = observed.pods.iter().filter(|other| &other.uid != uid).filter(belongs);
            let others_serve = others.all(|other| other.ready && !other.leaving);
            assert!(!pod.ready || others_serve, "a serving pod is taken away while another does not serve");
            let fails = |other: &Pod| other.trouble.is_some() && other.revision.as_deref() == Some(desired.revision.as_str());
            let mut members = observed.pods.iter().filter(|other| world.members.contains(&other.ordinal));
            let stuck = members.any(|other| &other.uid != uid && fails(other));
            let has_data = pod.ran && !world.map.is_empty() && world.members.contains(&pod.ordinal);
            assert!(!stuck || doomed || !has_data, "a pod gets a template with which another fails: {pod:?}");
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
    if plan.steps.iter().any(|step| matches!(step.action, Action::EndReplacement { .. })) && world.replacing.is_none() {
        desired.replace = None;
    }
    world.pass(random);
    assert!(world.foundings <= 1, "a grid was founded twice");
    plan
}

/// What happened in a history.
#[derive(Default)]
struct Happened {
    /// Nodes that got new replicas in the place of lost ones.
    replacements: u64,
    /// Nodes that left the grid.
    departures: u64,
    deleted_volumes: u64,
    /// Replacements that somebody asked for, and that came to their end.
    renewals: u64,
}

fn history(seed: u64) -> Happened {
    let mut random = Random::new(seed);
    let nodes = [1, 1, 3, 3, 5][random.below(5) as usize];
    let mut desired = claims(nodes);
    let mut world = World::new();
    world.zoned = random.chance(50);
    for _ in 0..random.below(120) {
        if random.chance(15) {
            edit(&mut desired, &mut world, &mut random);
        }
        if random.chance(15) {
            world.misfortune(&mut random);
        }
        round(&mut desired, &mut world, &mut random);
    }

    // The spec is corrected, and nothing disturbs any more.
    world.mend();
    desired.wanted = Wanted::Running;
    desired.nodes = match world.size().unwrap_or(nodes) {
        _ if world.may_run_alone() => 1,
        1 => 1,
        _ => [3, 5][random.below(2) as usize],
    };
    let nodes = desired.nodes;
    // A claim that goes waits for another copy of what is on it.
    let going = nodes > 1 && world.volumes.iter().any(|volume| volume.leaving);
    desired = with_copies(desired, if going { 3 } else { copies(nodes, &mut random) });
    desired.replace = (desired.replication_factor > 1 && random.chance(30)).then(|| "claims-1".to_owned());
    desired.revision = revision("sutra-node:0.2.9", desired.nodes);
    // The budget goes up a while after the last node came back.
    let at_rest = |plan: &Plan, world: &World| *plan == Plan::default() && world.budget != Some(0);
    let (left, deleted) = (world.departures, world.deleted_volumes);
    let rest = (0..ENOUGH).position(|_| at_rest(&round(&mut desired, &mut world, &mut random), &world));
    // One that was on its way is let go, and what is too many: no node comes and goes again and again.
    assert!(world.departures - left <= 5 && world.deleted_volumes - deleted <= 10, "nodes come and go");
    assert!(rest.is_some(), "no rest after {ENOUGH} rounds: {:?}", plan(&desired, &world.observe(&desired), world.now()));

    // At rest, and it stays so: no step, no pod replaced.
    let pods = world.uids();
    for _ in 0..30 {
        assert_eq!(round(&mut desired, &mut world, &mut random), Plan::default(), "it starts again by itself");
    }
    assert_eq!(world.uids(), pods);
    let observed = world.observe(&desired);
    let report = report(&desired, &observed, &Plan::default());
    let ready = report.conditions.iter().find(|condition| condition.kind == ConditionType::Ready).unwrap();
    assert!(ready.holds, "{ready:?}");
    assert_eq!((report.ready_nodes, report.phase), (desired.nodes, "Running"));
    assert_eq!((world.foundings, world.members.len()), (1, desired.nodes as usize), "one grid of all nodes");
    assert!(desired.replace.is_none() && world.replacing.is_none(), "a replacement has an end");
    if desired.nodes > 1 {
        assert_eq!((world.map.len(), world.holders.len()), (desired.nodes as usize, desired.replication_factor as usize));
        assert!(observed.volumes.iter().all(|volume| volume.ordinal < desired.nodes), "claims of nodes that left are left");
    }
    for pod in observed.pods.iter().filter(|pod| pod.zone.is_some() && observed.members.contains_key(&pod.name)) {
        let known = observed.zones.as_ref().and_then(|zones| zones.get(&pod.name));
        assert_eq!(known, pod.zone.as_ref(), "the grid knows where its nodes are");
    }
    assert_eq!(report.concepts, Some(world.concepts), "taught concepts are told");
    let mut used = observed.volumes.iter().filter(|volume| volume.ordinal < desired.nodes);
    assert!(used.all(|volume| volume.capacity >= desired.volume_bytes && volume.grid.is_some()));
    let mut used = observed.volumes.iter().filter(|volume| volume.ordinal < desired.nodes);
    assert!(used.all(|volume| desired.nodes == 1 || volume.grid_nodes == Some(desired.nodes)), "its size is on every volume");
    let World { replacements, departures, deleted_volumes, renewals, .. } = world;
    Happened { replacements, departures, deleted_volumes, renewals }
}

#[test]
fn every_history_comes_to_rest_once_the_spec_is_right() {
    let mut all = Happened::default();
    for seed in 0..5_000 {
        match std::panic::catch_unwind(|| history(seed)) {
            Ok(happened) => {
                all.replacements += happened.replacements;
                all.departures += happened.departures;
                all.deleted_volumes += happened.deleted_volumes;
                all.renewals += happened.renewals;
            }
            Err(panic) => {
                eprintln!("the history of seed {seed} fails");
                std::panic::resume_unwind(panic);
            }
        }
    }
    let Happened { replacements, departures, deleted_volumes, renewals } = all;
    assert!(replacements > 100, "only {replacements} nodes lost their volumes");
    assert!(departures > 1_000, "only {departures} nodes left");
    assert!(deleted_volumes > 1_000, "only {deleted_volumes} claims were deleted");
    assert!(renewals > 300, "only {renewals} nodes began anew");
}
