//! Copies that are behind: a follower's own word is how it was when it came, its leader knows how it is.

use sutra_planner::plan::BEHIND;
use sutra_planner::{Action, Answer, Desired, Observed, Replacing, Role, ShardSeen, report};

use crate::fixture::{claims, revision};
use crate::several::{actions, decide, deleted, settled};
use crate::world::World;

/// Three nodes, and the numbers of the two that follow.
fn three() -> (Desired, World, [u32; 2]) {
    let desired = claims(3);
    let (world, _, _) = settled(&desired);
    let leads = |ordinal: &u32| shard(&world.observe(&desired), *ordinal).role == Role::Leader;
    let followers: Vec<u32> = (0..3).filter(|ordinal| !leads(ordinal)).collect();
    (desired, world, [followers[0], followers[1]])
}

fn shard(observed: &Observed, ordinal: u32) -> ShardSeen {
    match &observed.answers[&format!("claims-{ordinal}")] {
        Answer::Serving(report) => report.shards[0].clone(),
        other => panic!("it does not serve: {other:?}"),
    }
}

/// Changes what a node says of the shard.
fn says(observed: &mut Observed, ordinal: u32, change: impl FnOnce(&mut ShardSeen)) {
    match observed.answers.get_mut(&format!("claims-{ordinal}")) {
        Some(Answer::Serving(report)) => change(&mut report.shards[0]),
        other => panic!("it does not serve: {other:?}"),
    }
}

fn budget(actions: &[Action]) -> Option<u32> {
    actions
        .iter()
        .find_map(|action| if let Action::SetBudget { max_unavailable } = action { Some(*max_unavailable) } else { None })
}

#[test]
fn nothing_is_taken_away_while_the_log_of_a_follower_stands_still() {
    let (desired, mut world, [behind, other]) = three();
    let goes = |observed: &Observed| {
        // A roll, a node that is to begin anew, and a claim that somebody deleted: of another node each.
        let newer = Desired { revision: revision("sutra-node:0.2.0", 3), ..desired.clone() };
        let mut rolling = observed.clone();
        rolling.stateful_set.as_mut().unwrap().seen = sutra_planner::Seen::InSync;
        let mut renewed = observed.clone();
        let node = format!("claims-{other}");
        renewed.replacing = Some(Replacing { node: node.clone(), volume: observed.volumes[other as usize].uid.clone() });
        let renewing = Desired { replace: Some(node), ..desired.clone() };
        let mut doomed = observed.clone();
        doomed.volumes[other as usize].leaving = true;
        let deletes = |action: &Action| matches!(action, Action::DeleteVolume { .. });
        [
            !deleted(&actions(&newer, &rolling)).is_empty(),
            actions(&renewing, &renewed).iter().any(deletes),
            !deleted(&actions(&desired, &doomed)).is_empty(),
        ]
    };
    world.behind.insert(behind, BEHIND);
    let observed = world.observe(&desired);
    assert_eq!((budget(&actions(&desired, &observed)), goes(&observed)), (None, [true; 3]), "nearly everything is enough");
    world.behind.insert(behind, BEHIND + 1);
    let observed = world.observe(&desired);
    assert!(shard(&observed, behind).caught_up, "it says so itself");
    assert_eq!((budget(&actions(&desired, &observed)), goes(&observed)), (Some(0), [false; 3]));
}

#[test]
fn who_never_answered_its_leader_or_has_none_has_not_caught_up() {
    let (desired, world, [follower, _]) = three();
    let leader = shard(&world.observe(&desired), follower).leader.unwrap();
    let leader: u32 = leader.strip_prefix("claims-").unwrap().parse().unwrap();
    let whole = world.observe(&desired);
    assert_eq!(budget(&actions(&desired, &whole)), None);

    let mut unheard = whole.clone();
    says(&mut unheard, leader, |shard| *shard.followers.as_mut().unwrap().get_mut(&format!("claims-{follower}")).unwrap() = None);
    assert_eq!(budget(&actions(&desired, &unheard)), Some(0));
    let mut missing = whole.clone();
    says(&mut missing, leader, |shard| {
        shard.followers.as_mut().unwrap().remove(&format!("claims-{follower}"));
    });
    assert_eq!(budget(&actions(&desired, &missing)), Some(0));

    let mut earlier = whole.clone();
    says(&mut earlier, leader, |shard| shard.followers = None);
    assert_eq!(budget(&actions(&desired, &earlier)), None, "an earlier release does not tell: its own word counts");
    says(&mut earlier, follower, |shard| shard.caught_up = false);
    assert_eq!(budget(&actions(&desired, &earlier)), Some(0));

    let mut leaderless = whole;
    says(&mut leaderless, leader, |shard| shard.role = Role::Follower);
    assert_eq!(budget(&actions(&desired, &leaderless)), Some(0), "nobody knows what there is to have");
}

#[test]
fn a_follower_that_hovers_around_the_limit_does_not_write_the_api_server_full() {
    let (desired, mut world, [behind, _]) = three();
    let (mut reports, mut budgets) = (0, 0);
    for round in 0..120 {
        world.behind.insert(behind, if round % 2 == 0 { BEHIND + 6 } else { BEHIND - 6 });
        let next = decide(&desired, &world.observe(&desired), &world);
        reports += next.steps.iter().filter(|step| matches!(step.action, Action::ReportShard { .. })).count();
        budgets += next.steps.iter().filter(|step| matches!(step.action, Action::SetBudget { .. })).count();
        world.apply(&desired, &next);
        world.later(5);
    }
    // Ten minutes.
    assert!((1..=20).contains(&reports), "{reports} reports of the shard");
    assert_eq!((budgets, world.budget), (1, Some(0)), "one that hovers is not relied upon");
    world.behind.clear();
    let next = decide(&desired, &world.observe(&desired), &world);
    world.apply(&desired, &next);
    assert_eq!(world.budget, Some(1));
}

#[test]
fn a_copy_that_falls_behind_is_told_with_the_next_numbers_and_one_that_has_caught_up_at_once() {
    let (desired, mut world, [behind, _]) = three();
    let told = |world: &World| {
        let reports = |action: &Action| matches!(action, Action::ReportShard { .. });
        decide(&desired, &world.observe(&desired), world).steps.iter().any(|step| reports(&step.action))
    };
    world.later(60);
    world.concepts += 1;
    let numbers = decide(&desired, &world.observe(&desired), &world);
    world.apply(&desired, &numbers);
    world.behind.insert(behind, 1_000);
    assert!(!told(&world));
    world.later(60);
    assert!(told(&world));
    let fell = decide(&desired, &world.observe(&desired), &world);
    world.apply(&desired, &fell);
    world.behind.clear();
    assert!(told(&world));
    // And of one that is away at once.
    let caught_up = decide(&desired, &world.observe(&desired), &world);
    world.apply(&desired, &caught_up);
    assert!(!told(&world));
    let mut observed = world.observe(&desired);
    observed.answers.insert(format!("claims-{behind}"), Answer::Silent("connection refused".into()));
    let reports = |action: &Action| matches!(action, Action::ReportShard { .. });
    assert!(decide(&desired, &observed, &world).steps.iter().any(|step| reports(&step.action)));
    assert_eq!(report(&desired, &observed, &decide(&desired, &observed, &world)).shards, Some(1));
}
