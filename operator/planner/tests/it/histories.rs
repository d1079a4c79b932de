//! Random histories: edits of the spec, misfortunes, time.

use sutra_planner::{Action, ConditionType, Desired, Plan, Retention, Wanted, plan, report};

use crate::fixture::{GIB, claims};
use crate::random::Random;
use crate::world::{BROKEN, World};

/// How many rounds of five seconds are enough for a cluster to come to rest when nothing disturbs it.
const ENOUGH: usize = 250;

fn edit(desired: &mut Desired, world: &mut World, random: &mut Random) {
    match random.below(9) {
        0 => desired.revision = format!("sutra-node:0.{}.0", random.below(4)),
        1 => desired.revision = format!("{BROKEN}:{}", random.below(3)),
        2 => {
            let bytes = desired.volume_bytes + u128::from(random.below(3)) * GIB;
            (desired.volume_bytes, desired.volume_size) = (bytes, format!("{}Gi", bytes / GIB));
        }
        3 => desired.wanted = Wanted::Hibernated,
        4 => desired.wanted = Wanted::Paused,
        5 => desired.wanted = Wanted::Running,
        6 => desired.retention = if random.chance(50) { Retention::Retain } else { Retention::Delete },
        7 => world.volumes_can_grow = random.chance(50),
        _ => world.quota_left = random.chance(70),
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
    let serving = observed.pods.iter().filter(|pod| pod.ready && !pod.leaving).count();
    for step in &plan.steps {
        if let Action::DeletePod { uid, .. } = &step.action {
            let pod = observed.pods.iter().find(|pod| &pod.uid == uid).unwrap();
            assert_ne!(pod.revision.as_deref(), Some(desired.revision.as_str()), "a pod that is as it shall be is taken away");
            assert!(!pod.ready || serving == desired.nodes as usize, "a serving pod is taken away while another does not serve");
        }
    }
    let report = report(desired, &observed, &plan);
    let mut kinds: Vec<ConditionType> = report.conditions.iter().map(|condition| condition.kind).collect();
    kinds.dedup();
    assert_eq!(kinds.len(), 7, "each condition once");
    assert!(report.conditions.iter().all(|condition| !condition.message.is_empty() && !condition.reason.contains(' ')));
    world.apply(desired, &plan);
    world.pass(random);
    plan
}

fn history(seed: u64) {
    let mut random = Random::new(seed);
    let nodes = [1, 1, 1, 3, 5][random.below(5) as usize];
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
    desired.revision = "sutra-node:1.0.0".into();
    let rest = (0..ENOUGH).position(|_| round(&desired, &mut world, &mut random) == Plan::default());
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
    assert_eq!((report.ready_nodes, report.phase), (nodes, "Running"));
    assert_eq!(report.concepts, Some(world.concepts), "taught concepts are told");
    assert!(observed.volumes.iter().all(|volume| volume.capacity >= desired.volume_bytes && volume.grid.is_some()));
}

#[test]
fn every_history_comes_to_rest_once_the_spec_is_right() {
    for seed in 0..5_000 {
        let outcome = std::panic::catch_unwind(|| history(seed));
        if let Err(panic) = outcome {
            eprintln!("the history of seed {seed} fails");
            std::panic::resume_unwind(panic);
        }
    }
}
