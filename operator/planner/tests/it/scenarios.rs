//! What users do, one by one.

use sutra_planner::{
    Action, Answer, ConditionType, Desired, Impossible, Object, Observed, Plan, Retention, Seen, VolumeOwner, Wanted, plan,
    report,
};

use crate::fixture::{GIB, at, claims, revision};
use crate::random::Random;
use crate::world::{BROKEN, World};

/// A cluster that has come to rest.
fn settled(desired: &Desired) -> (World, Random) {
    let (mut world, mut random) = (World::new(), Random::new(7));
    settle(desired, &mut world, &mut random);
    (world, random)
}

fn settle(desired: &Desired, world: &mut World, random: &mut Random) -> Vec<Action> {
    let mut actions = Vec::new();
    for _ in 0..200 {
        let next = decide(desired, world);
        if next == Plan::default() {
            return actions;
        }
        world.apply(desired, &next);
        actions.extend(next.steps.into_iter().map(|step| step.action));
        world.pass(random);
    }
    panic!("no rest: {:?}", decide(desired, world));
}

fn decide(desired: &Desired, world: &World) -> Plan {
    plan(desired, &world.observe(desired), world.now())
}

fn condition(desired: &Desired, observed: &Observed, kind: ConditionType) -> (bool, &'static str, String) {
    let plan = plan(desired, observed, at(0));
    let report = report(desired, observed, &plan);
    let found = report.conditions.into_iter().find(|condition| condition.kind == kind).unwrap();
    (found.holds, found.reason, found.message)
}

#[test]
fn what_is_mounted_is_there_before_the_pods() {
    let desired = claims(1);
    let plan = decide(&desired, &World::new());
    let actions: Vec<Action> = plan.steps.into_iter().map(|step| step.action).collect();
    let expected = [
        Action::Apply(Object::ServiceAccount),
        Action::Apply(Object::ConfigMap),
        Action::Apply(Object::PeerSecret),
        Action::Apply(Object::NodesService),
        Action::Apply(Object::ClientService),
        Action::Apply(Object::NetworkPolicy),
        Action::ApplyStatefulSet { replicas: 1 },
    ];
    assert_eq!(actions, expected);
}

#[test]
fn growth_replaces_the_stateful_set_and_no_pod() {
    let mut desired = claims(1);
    let (mut world, mut random) = settled(&desired);
    let pods = world.uids();
    (desired.volume_bytes, desired.volume_size) = (20 * GIB, "20Gi".into());
    let actions = settle(&desired, &mut world, &mut random);
    let volume = "data-claims-0".to_owned();
    assert_eq!(
        actions,
        [Action::GrowVolume { volume, size: "20Gi".into() }, Action::OrphanStatefulSet, Action::ApplyStatefulSet { replicas: 1 }]
    );
    assert_eq!(world.uids(), pods);
}

#[test]
fn refused_growth_stalls_and_a_new_image_still_arrives() {
    let mut desired = claims(1);
    let (mut world, mut random) = settled(&desired);
    world.volumes_can_grow = false;
    (desired.volume_bytes, desired.volume_size) = (20 * GIB, "20Gi".into());
    desired.revision = revision("sutra-node:0.2.0", desired.nodes);
    for _ in 0..40 {
        let next = decide(&desired, &world);
        let hides = next.steps.iter().any(|step| step.action == Action::OrphanStatefulSet);
        assert!(!hides, "a new template would hide that the claims can't grow");
        world.apply(&desired, &next);
        world.pass(&mut random);
    }
    let observed = world.observe(&desired);
    let (stalled, reason, message) = condition(&desired, &observed, ConditionType::Stalled);
    assert!(stalled && reason == "VolumeExpansionRefused" && message.contains("can be resized"), "{reason}: {message}");
    assert_eq!(observed.pods[0].revision.as_deref(), Some(desired.revision.as_str()));
    assert!(observed.pods[0].ready);
}

#[test]
fn a_pod_waits_until_its_successor_would_be_made_from_the_new_template() {
    let mut desired = claims(1);
    let (world, _) = settled(&desired);
    let mut observed = world.observe(&desired);
    desired.revision = revision("sutra-node:0.2.0", desired.nodes);
    observed.stateful_set.as_mut().unwrap().noticed = false;
    let next = plan(&desired, &observed, at(0));
    assert_eq!(next.steps, []);
    assert_eq!(next.waiting[0].reason, "StatefulSetChanging");
    observed.stateful_set.as_mut().unwrap().noticed = true;
    let taken = plan(&desired, &observed, at(0)).steps.into_iter().map(|step| step.action.name()).collect::<Vec<_>>();
    assert_eq!(taken, ["DeletePod"]);
}

#[test]
fn a_broken_image_is_told_and_a_corrected_one_replaces_the_pod_at_once() {
    let mut desired = claims(3);
    let (mut world, mut random) = settled(&desired);
    desired.revision = BROKEN.into();
    for _ in 0..40 {
        let next = decide(&desired, &world);
        world.apply(&desired, &next);
        world.pass(&mut random);
    }
    let observed = world.observe(&desired);
    assert_eq!(observed.pods.iter().filter(|pod| pod.ready).count(), 2, "one pod is broken, the others wait");
    let (degraded, reason, _) = condition(&desired, &observed, ConditionType::Degraded);
    assert!(degraded && reason == "ImagePullFailed");
    desired.revision = revision("sutra-node:0.2.0", desired.nodes);
    settle(&desired, &mut world, &mut random);
}

#[test]
fn volumes_of_another_grid_are_refused_until_they_are_adopted() {
    let mut desired = claims(1);
    let (mut world, mut random) = settled(&desired);
    let volume = world.volumes[0].clone();
    world = World::new();
    world.volumes = vec![sutra_planner::Volume { owner: VolumeOwner::Other("g-7f3a".into()), ..volume }];

    let next = decide(&desired, &world);
    assert_eq!(next.steps, [], "nothing is made beside foreign volumes");
    let stall = next.stalled.unwrap();
    assert_eq!(stall.reason, "VolumesOfAnotherGrid");
    assert!(stall.message.contains("data-claims-0") && stall.message.contains("g-7f3a"), "{}", stall.message);

    // What is reported of the cluster is what it is known by the next time.
    world.known_grid = report(&desired, &world.observe(&desired), &decide(&desired, &world)).grid;
    assert_eq!(world.known_grid, None);
    assert_eq!(decide(&desired, &world).steps, [], "the report of a foreign volume adopts nothing");

    desired.adopt = Some("g-0000".into());
    assert_eq!(decide(&desired, &world).steps, [], "another id adopts nothing");
    desired.adopt = Some("g-7f3a".into());
    let actions = settle(&desired, &mut world, &mut random);
    assert_eq!(actions.first(), Some(&Action::AdoptVolume { volume: "data-claims-0".into() }));
}

#[test]
fn hibernation_keeps_volumes_and_waking_finds_them() {
    let mut desired = claims(1);
    let (mut world, mut random) = settled(&desired);
    world.concepts = 42;
    desired.wanted = Wanted::Hibernated;
    settle(&desired, &mut world, &mut random);
    let observed = world.observe(&desired);
    assert!(observed.pods.is_empty() && observed.volumes.len() == 1);
    assert_eq!(observed.projections[0].reported.as_ref().unwrap().phase, "Hibernated");
    assert_eq!(report(&desired, &observed, &Plan::default()).phase, "Hibernated");
    desired.wanted = Wanted::Running;
    settle(&desired, &mut world, &mut random);
    assert_eq!(report(&desired, &world.observe(&desired), &Plan::default()).phase, "Running");
}

#[test]
fn what_this_release_cannot_do_changes_nothing() {
    let mut desired = claims(1);
    let (world, _) = settled(&desired);
    desired.nodes = 3;
    desired.revision = revision("sutra-node:0.2.0", desired.nodes);
    desired.impossible = vec![Impossible { reason: "MoreNodesUnavailable", message: "spec.nodes is 3".into() }];
    let next = decide(&desired, &world);
    assert_eq!(next.steps, []);
    assert_eq!(next.stalled.unwrap().reason, "MoreNodesUnavailable");
}

#[test]
fn an_object_of_somebody_else_is_not_taken_over() {
    let desired = claims(1);
    let mut world = World::new();
    world.objects.insert(Object::ClientService, Seen::Foreign("Deployment billing".into()));
    let next = decide(&desired, &world);
    assert_eq!(next.steps, []);
    let stall = next.stalled.unwrap();
    assert_eq!(stall.reason, "NameTaken");
    assert!(stall.message.contains("Deployment billing"));
}

#[test]
fn a_node_with_other_data_is_told() {
    let desired = claims(1);
    let (world, _) = settled(&desired);
    let mut observed = world.observe(&desired);
    if let Some(Answer::Serving(report)) = observed.answers.get_mut("claims-0") {
        report.grid = "g-9999".into();
    }
    let (degraded, reason, message) = condition(&desired, &observed, ConditionType::Degraded);
    assert!(degraded && reason == "GridMismatch" && message.contains("g-9999") && message.contains("g-7f3a"), "{message}");
}

#[test]
fn a_paused_cluster_is_only_looked_at() {
    let mut desired = claims(1);
    let (mut world, _) = settled(&desired);
    desired.wanted = Wanted::Paused;
    desired.revision = revision("sutra-node:0.2.0", desired.nodes);
    world.objects.clear();
    assert_eq!(decide(&desired, &world), Plan::default());
    let (reconciling, reason, _) = condition(&desired, &world.observe(&desired), ConditionType::Reconciling);
    assert!(!reconciling && reason == "Paused");
    assert!(condition(&desired, &world.observe(&desired), ConditionType::Ready).0, "it serves as before");
}

#[test]
fn what_becomes_of_volumes_is_decided_when_the_cluster_is_deleted() {
    let mut desired = claims(1);
    desired.retention = Retention::Delete;
    let (mut world, mut random) = settled(&desired);
    assert!(world.held, "the cluster is kept until its volumes are decided about");
    assert!(!world.volumes[0].goes_with_cluster, "nothing is decided before");

    // Somebody changes their mind in the same breath as the deletion, or while nothing may be changed.
    let mut kept = desired.clone();
    (kept.retention, kept.wanted) = (Retention::Retain, Wanted::Deleted);
    kept.impossible = vec![Impossible { reason: "MoreNodesUnavailable", message: "spec.nodes is 3".into() }];
    assert_eq!(actions(&kept, &world), [Action::HoldCluster { hold: false }]);

    desired.wanted = Wanted::Deleted;
    let volume = "data-claims-0".to_owned();
    let expected = [Action::OwnVolume { volume, goes_with_cluster: true }, Action::HoldCluster { hold: false }];
    assert_eq!(actions(&desired, &world), expected);
    settle(&desired, &mut world, &mut random);
    assert!(world.volumes[0].goes_with_cluster && !world.held);
}

#[test]
fn a_volume_that_somebody_deletes_keeps_its_pod() {
    let mut desired = claims(1);
    let (mut world, _) = settled(&desired);
    world.volumes[0].leaving = true;
    desired.revision = revision("sutra-node:0.2.0", desired.nodes);
    assert_eq!(actions(&desired, &world), []);
    let (stalled, reason, message) = condition(&desired, &world.observe(&desired), ConditionType::Stalled);
    assert!(stalled && reason == "VolumeLeaving" && message.contains("data-claims-0"), "{message}");
}

#[test]
fn an_empty_volume_in_the_place_of_a_lost_one_is_told_and_not_taken_for_the_grid() {
    let mut desired = claims(1);
    let (mut world, _) = settled(&desired);
    world.known_grid = Some("g-lost".into());
    world.volumes[0].grid = None;
    assert_eq!(actions(&desired, &world), [], "another grid is not written down");
    let (degraded, reason, message) = condition(&desired, &world.observe(&desired), ConditionType::Degraded);
    assert!(degraded && reason == "GridMismatch" && message.contains("g-lost"), "{message}");
    let reported = report(&desired, &world.observe(&desired), &Plan::default());
    assert_eq!(reported.grid.as_deref(), Some("g-lost"));

    desired.adopt = Some("g-7f3a".into());
    assert_eq!(actions(&desired, &world), [Action::RecordGrid { volume: "data-claims-0".into(), grid: "g-7f3a".into() }]);
    assert!(!condition(&desired, &world.observe(&desired), ConditionType::Degraded).0);
    assert_eq!(report(&desired, &world.observe(&desired), &Plan::default()).grid.as_deref(), Some("g-7f3a"));
}

#[test]
fn a_volume_that_lost_its_label_is_still_the_clusters() {
    let desired = claims(1);
    let (mut world, _) = settled(&desired);
    world.known_grid = Some("g-7f3a".into());
    world.volumes[0].owner = VolumeOwner::Other("g-7f3a".into());
    let next = decide(&desired, &world);
    assert_eq!(next.stalled, None);
    assert_eq!(actions(&desired, &world), [Action::AdoptVolume { volume: "data-claims-0".into() }]);
}

#[test]
fn a_stateful_set_without_an_owner_is_made_anew_and_its_pods_stay() {
    let desired = claims(1);
    let (world, _) = settled(&desired);
    let mut observed = world.observe(&desired);
    observed.stateful_set.as_mut().unwrap().left_behind = true;
    let next = plan(&desired, &observed, at(0));
    assert_eq!(next.steps.into_iter().map(|step| step.action).collect::<Vec<_>>(), [Action::OrphanStatefulSet]);
}

#[test]
fn why_a_pod_cannot_be_made_and_what_a_step_fails_at_are_told() {
    let desired = claims(1);
    let mut observed = World::new().observe(&desired);
    observed.pod_refused = Some("exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0".into());
    observed.failing = Some(("Apply", "failed calling webhook \"policy.example.org\"".into()));
    let (degraded, reason, message) = condition(&desired, &observed, ConditionType::Degraded);
    assert!(degraded && reason == "PodRefused" && message.contains("exceeded quota"), "{message}");
    let (_, reason, message) = condition(&desired, &observed, ConditionType::Reconciling);
    assert!(reason == "StepFailing" && message.contains("policy.example.org"), "{message}");
}

fn actions(desired: &Desired, world: &World) -> Vec<Action> {
    decide(desired, world).steps.into_iter().map(|step| step.action).collect()
}
