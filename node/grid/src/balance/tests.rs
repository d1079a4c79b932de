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
    /// It is said in which zone the node at this place is, or that nobody knows.
    Zone(usize, Option<u8>),
    /// So many steps of the balancer.
    Steps(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => Just(Act::Add),
        3 => (0_usize..12).prop_map(Act::Remove),
        1 => (0_usize..12).prop_map(Act::Keep),
        2 => prop_oneof![Just(1), Just(3), Just(5)].prop_map(Act::Factor),
        3 => (0_usize..12, prop::option::weighted(0.9, 0_u8..4)).prop_map(|(which, zone)| Act::Zone(which, zone)),
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

fn in_zone(name: &str, zone: Option<u8>) -> Change {
    Change::SetZone { name: name.into(), zone: zone.map(|zone| format!("eu-central-1{}", char::from(b'a' + zone))) }
}

/// How many replicas are in each zone that has some, in order.
fn crowds(map: &GridMap, group: &[ReplicaRecord]) -> Vec<usize> {
    let mut counts = BTreeMap::new();
    group.iter().for_each(|one| *counts.entry(map.zone(&one.node)).or_insert(0) += 1);
    let mut counts: Vec<usize> = counts.into_values().collect();
    counts.sort_unstable();
    counts
}

/// How many would be in each where one after the other goes to whichever has fewest.
fn least_crowds(map: &GridMap, replicas: usize) -> Vec<usize> {
    let mut room = BTreeMap::new();
    map.nodes.keys().for_each(|node| *room.entry(map.zone(node)).or_insert(0) += 1);
    let mut counts: Vec<(usize, usize)> = room.into_values().map(|room| (0, room)).collect();
    for _ in 0..replicas {
        let fewest = counts.iter_mut().filter(|(count, room)| count < room).min_by_key(|(count, _)| *count);
        fewest.unwrap().0 += 1;
    }
    let mut counts: Vec<usize> = counts.into_iter().map(|(count, _)| count).filter(|count| *count > 0).collect();
    counts.sort_unstable();
    counts
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
                    let added = Change::AddNode { name: name.clone(), node: record, zone: None };
                    let is_made = made(&mut map, added) && made(&mut map, Change::Arrived { name });
                    prop_assert!(is_made);
                }
                Act::Remove(which) => { let name = at(which, &map); made(&mut map, Change::RemoveNode { name }); }
                Act::Keep(which) => { let name = at(which, &map); made(&mut map, Change::KeepNode { name }); }
                Act::Factor(count) => { made(&mut map, Change::SetReplicas { count }); }
                Act::Zone(which, zone) => { let name = at(which, &map); made(&mut map, in_zone(&name, zone)); }
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
        let sizes = || [5, 3, 1].into_iter().filter(|size| *size <= map.nodes.len());
        let survives = |size: &usize| *size > 1 && least_crowds(&map, *size).last().unwrap() * 2 < *size;
        prop_assert_eq!(Some(map.meta.len()), sizes().find(survives).or(sizes().next()), "{:?}", map);
        prop_assert_eq!(map.meta.len() + map.watchers.len(), map.nodes.len());
        let replicas = || map.shards.iter().flat_map(|shard| &shard.replicas).map(|one| one.node.clone());
        if map.zones.is_empty() {
            prop_assert!(spread(&map, replicas()) <= 1, "{map:?}");
        }
        let first = |shard: &ShardRecord| Some(shard.preferred()?.node.clone());
        prop_assert!(spread(&map, map.shards.iter().filter_map(first)) <= 1, "{map:?}");
        for group in std::iter::once(&map.meta).chain(map.shards.iter().map(|shard| &shard.replicas)) {
            prop_assert_eq!(crowds(&map, group), least_crowds(&map, group.len()), "{:?}", map);
        }
        let load = |node: &String| replicas().filter(|other| other == node).count();
        for (one, other) in map.nodes.keys().flat_map(|one| map.nodes.keys().map(move |other| (one, other))) {
            let apart = load(one).abs_diff(load(other));
            prop_assert!(map.zone(one) != map.zone(other) || apart <= 1, "{one} and {other} of one zone: {map:?}");
        }
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
fn a_zone_that_is_lost_takes_no_quorum_with_it_where_there_are_three() {
    let mut map = founded(5, 8, 3);
    for (node, zone) in [("node-1", 0), ("node-2", 0), ("node-3", 1), ("node-4", 1), ("node-5", 2)] {
        assert!(made(&mut map, in_zone(node, Some(zone))));
    }
    assert!(map.shards.iter().any(|shard| crowds(&map, &shard.replicas) != [1, 1, 1]), "the founder knows no zones");
    while step(&mut map, 0) {}
    for shard in &map.shards {
        assert_eq!(crowds(&map, &shard.replicas), [1, 1, 1]);
    }
    assert_eq!(crowds(&map, &map.meta), [1, 2, 2]);
    // Where three of five are in one zone only three decide.
    let mut map = founded(5, 8, 3);
    for (node, zone) in [("node-1", 0), ("node-2", 0), ("node-3", 0), ("node-4", 1), ("node-5", 2)] {
        assert!(made(&mut map, in_zone(node, Some(zone))));
    }
    while step(&mut map, 0) {}
    assert_eq!((crowds(&map, &map.meta), map.watchers.len()), (vec![1, 1, 1], 2));
    // Where five of seven decide, no three of them are in one zone.
    let mut map = founded(5, 8, 3);
    for (node, zone) in [("node-1", 0), ("node-2", 0), ("node-3", 0), ("node-4", 1), ("node-5", 1)] {
        assert!(made(&mut map, in_zone(node, Some(zone))));
    }
    for at in [6, 7] {
        let (name, record) = node(at);
        assert!(made(&mut map, Change::AddNode { name: name.clone(), node: record, zone: Some("eu-central-1c".into()) }));
        assert!(made(&mut map, Change::Arrived { name }));
    }
    while step(&mut map, 0) {}
    assert_eq!(crowds(&map, &map.meta), [1, 2, 2]);
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
