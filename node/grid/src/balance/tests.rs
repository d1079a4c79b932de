use proptest::prelude::*;
use sutra_protocol::founding::Plan as Founding;

use super::*;
use crate::change::ProposedChange;
use crate::map::ReplicaRecord;
use crate::map::tests::node;

/// What is done to a grid.
#[derive(Clone, Debug)]
enum Act {
    Add,
    /// The node at this place leaves.
    Remove(usize),
    Keep(usize),
    Factor(u32),
    /// So many steps of the balancer.
    Steps(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => Just(Act::Add),
        3 => (0_usize..12).prop_map(Act::Remove),
        1 => (0_usize..12).prop_map(Act::Keep),
        2 => prop_oneof![Just(1), Just(3), Just(5)].prop_map(Act::Factor),
        4 => (1_usize..40).prop_map(Act::Steps),
    ]
}

fn made(map: &mut GridMap, change: Change) -> bool {
    map.change(ProposedChange { known: map.epoch, change }).is_ok()
}

/// Everything is as the map says; who leads is drawn.
fn observed(map: &GridMap, drawn: usize) -> Observed {
    let leader = |replicas: &[ReplicaRecord]| replicas.get(drawn % replicas.len().max(1)).map(|one| one.node.clone());
    let groups = || std::iter::once(ShardId(0)).chain(map.shards.iter().map(|shard| shard.shard));
    let leaders = groups().filter_map(|group| Some((group, leader(map.replicas(group))?))).collect();
    Observed { leaders, ..Observed::ideal(map) }
}

/// Makes a step, checks that it harms nobody, and answers whether there was one.
fn step(map: &mut GridMap, drawn: usize) -> bool {
    let Some(change) = next(map, &observed(map, drawn)) else { return false };
    let before = map.clone();
    map.change(ProposedChange { known: map.epoch, change: change.clone() })
        .unwrap_or_else(|refusal| panic!("{change:?}: {refusal}"));
    let mut changed = 0;
    for (old, new) in before.shards.iter().zip(&map.shards) {
        let on: BTreeSet<&str> = new.replicas.iter().map(|one| one.node.as_str()).collect();
        assert_eq!(on.len(), new.replicas.len(), "two replicas on one node: {new:?}");
        let least = old.replicas.len().min(map.factor());
        assert!(new.replicas.len() >= least, "{old:?} has too few: {new:?}");
        let kept = old.replicas.iter().filter(|one| new.replicas.contains(one)).count();
        assert!(kept + 1 >= old.replicas.len() && kept + 1 >= new.replicas.len(), "more than one replica changes: {change:?}");
        changed += usize::from(old != new);
    }
    changed += usize::from(before.meta != map.meta);
    assert!(changed <= 1, "{change:?}");
    let kept = before.meta.iter().filter(|one| map.meta.contains(one)).count();
    assert!(kept + 1 >= before.meta.len() && !map.meta.is_empty() && map.meta.len() <= META_VOTERS, "{change:?}");
    true
}

fn spread(map: &GridMap, of: impl Iterator<Item = String>) -> usize {
    let mut counts: BTreeMap<&str, usize> = map.nodes.keys().map(|name| (name.as_str(), 0)).collect();
    for node in of {
        *counts.get_mut(node.as_str()).unwrap() += 1;
    }
    counts.values().max().unwrap() - counts.values().min().unwrap()
}

/// More steps than anything needs: each replica is given, moved and taken away, and every lead goes over every node.
fn bound(map: &GridMap) -> usize {
    20 + map.shards.len() * (map.factor() + 6) * (map.nodes.len() + 2)
}

fn founded(nodes: u16, shards: u32, replicas: u32) -> GridMap {
    let nodes: Vec<_> = (1..=nodes).map(node).collect();
    GridMap::found("5d5dd7d0".into(), &nodes, Founding { shards, replicas }).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_asked_for_comes_to_be_in_steps_of_which_none_takes_anything_from_anybody(
        (nodes, replicas) in prop_oneof![Just((1_u16, 1_u32)), Just((3, 1)), Just((3, 3)), Just((5, 1)), Just((5, 3)), Just((5, 5))],
        shards in 1_u32..24,
        acts in prop::collection::vec(act(), 0..14),
        mut drawn in any::<usize>(),
    ) {
        let mut map = founded(nodes, shards, replicas);
        let mut named = nodes;
        for act in acts {
            let at = |at: usize, map: &GridMap| map.nodes.keys().nth(at % map.nodes.len()).cloned().unwrap();
            match act {
                Act::Add => {
                    named += 1;
                    let (name, record) = node(named);
                    let added = Change::AddNode { name: name.clone(), node: record };
                    let is_made = made(&mut map, added) && made(&mut map, Change::Arrived { name });
                    prop_assert!(is_made);
                }
                Act::Remove(which) => { let name = at(which, &map); made(&mut map, Change::RemoveNode { name }); }
                Act::Keep(which) => { let name = at(which, &map); made(&mut map, Change::KeepNode { name }); }
                Act::Factor(count) => { made(&mut map, Change::SetReplicas { count }); }
                Act::Steps(steps) => {
                    for _ in 0..steps {
                        drawn = drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        step(&mut map, drawn >> 33);
                    }
                }
            }
        }
        let bound = bound(&map);
        let mut steps = 0;
        while step(&mut map, drawn >> 33) {
            drawn = drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            steps += 1;
            prop_assert!(steps <= bound, "it does not come to an end: {map:?}");
        }
        prop_assert!(map.leaving.is_empty());
        prop_assert!(map.shards.iter().all(|shard| shard.replicas.len() == map.factor()));
        let most = map.nodes.len().min(META_VOTERS);
        prop_assert_eq!(map.meta.len(), if most.is_multiple_of(2) { most - 1 } else { most });
        prop_assert_eq!(map.meta.len() + map.watchers.len(), map.nodes.len());
        let replicas = || map.shards.iter().flat_map(|shard| &shard.replicas).map(|one| one.node.clone());
        prop_assert!(spread(&map, replicas()) <= 1, "{map:?}");
        prop_assert!(spread(&map, map.shards.iter().filter_map(|shard| Some(shard.preferred()?.node.clone()))) <= 1, "{map:?}");
        let mut ids: Vec<u64> = map.all_replicas().map(|one| one.replica.0).collect();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), map.all_replicas().count(), "a number was given twice");
    }
}

#[test]
fn a_new_grid_stays_as_it_is() {
    for (nodes, shards, replicas) in [(1, 1, 1), (3, 7, 3), (5, 8, 3), (5, 200, 5)] {
        let map = founded(nodes, shards, replicas);
        assert_eq!(next(&map, &observed(&map, 0)), None, "{nodes} {shards} {replicas}");
    }
}

#[test]
fn nothing_is_moved_while_a_group_is_not_what_the_map_says() {
    let mut map = founded(3, 2, 1);
    assert!(made(&mut map, Change::SetReplicas { count: 3 }));
    let seen = observed(&map, 0);
    assert!(next(&map, &seen).is_some());
    for group in [0, 1, 2].map(ShardId) {
        let mut unsettled = seen.clone();
        unsettled.settled.remove(&group);
        assert_eq!(next(&map, &unsettled), None, "group {group}");
    }
    let mut absent = seen;
    absent.reachable.remove("node-2");
    assert_eq!(next(&map, &absent), None, "a shard would be left without a quorum, should it not come back");
    map.leaving.insert("node-2".into());
    assert!(next(&map, &absent).is_some(), "it is not waited for");
}

#[test]
fn nothing_is_given_to_a_node_that_does_not_answer_or_has_not_come() {
    let mut map = founded(3, 1, 1);
    assert!(made(&mut map, Change::SetReplicas { count: 3 }));
    map.meta.retain(|one| one.node == "node-1");
    let mut seen = observed(&map, 0);
    seen.reachable.remove("node-2");
    let grown = |node: &str| place(ShardId(1), vec!["node-1".into(), node.into()]);
    assert_eq!(next(&map, &seen), grown("node-3"));
    map.awaited.insert("node-3".into());
    assert_eq!(next(&map, &seen), None);
}

#[test]
fn a_node_that_answers_leaves_only_when_it_has_closed_what_it_kept() {
    let mut map = founded(3, 1, 1);
    assert!(made(&mut map, Change::RemoveNode { name: "node-3".into() }));
    let left = Some(Change::Left { name: "node-3".into() });
    while next(&map, &observed(&map, 0)) != left {
        assert!(step(&mut map, 0), "it does not leave");
    }
    let mut seen = observed(&map, 0);
    seen.swept.remove("node-3");
    assert_ne!(next(&map, &seen), left);
    seen.reachable.remove("node-3");
    assert_eq!(next(&map, &seen), left, "one that is lost can't say it");
}
