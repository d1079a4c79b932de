//! Paths against plain searches that are too simple to be wrong.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::collection::vec;
use proptest::prelude::*;
use sutra_protocol::{AssociationType, Label};

use super::*;
use crate::fixture::Graph;

const LABELS: [&str; 3] = ["treats", "causes", "hypernym"];

/// (source, target, type, label, eighths of confidence)
type Edge = (u8, u8, u8, u8, u8);

fn edges(concepts: u8, most: usize) -> impl Strategy<Value = Vec<Edge>> {
    vec((0..concepts, 0..concepts, 0..5u8, 0..3u8, 1..=8u8), 0..most)
}

fn graph(concepts: u8, edges: &[Edge]) -> Graph {
    let mut graph = Graph::default();
    (0..concepts).for_each(|id| _ = graph.numbered(id.into()));
    for &(source, target, kind, label, eighths) in edges {
        let kind = AssociationType::ALL[usize::from(kind)];
        let (source, target) = (id(source), id(target));
        // Powers of two, so that products are exact in whatever order they are formed.
        let confidence = [1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125][usize::from(eighths) - 1];
        graph.associate(source, kind, LABELS[usize::from(label)], target, confidence, &[]);
    }
    graph
}

fn id(number: u8) -> ConceptId {
    ConceptId::from_u128(number.into())
}

fn query() -> impl Strategy<Value = PathQuery> {
    let filter = (vec(0..5usize, 0..4), vec(0..3usize, 0..3), prop_oneof![Just(0.0), Just(0.25), Just(0.5)]).prop_map(
        |(types, labels, min_confidence)| AssociationFilter {
            types: types.into_iter().map(|at| AssociationType::ALL[at]).collect(),
            labels: labels.into_iter().map(|at| Label::from(LABELS[at])).collect(),
            min_confidence,
        },
    );
    let direction = prop_oneof![Just(PathDirection::Out), Just(PathDirection::Both)];
    let strategy = prop_oneof![Just(PathStrategy::Shortest), Just(PathStrategy::Best)];
    (1..7usize, 1..8usize, direction, filter, strategy).prop_map(|(max_depth, max_paths, direction, filter, strategy)| {
        PathQuery { max_depth, max_paths, direction, filter, strategy }
    })
}

/// The best step between each two concepts that the query may cross.
fn hops(graph: &Graph, query: &PathQuery) -> BTreeMap<(ConceptId, ConceptId), Step> {
    let mut hops: BTreeMap<(ConceptId, ConceptId), Step> = BTreeMap::new();
    for step in graph.steps() {
        let allowed = query.filter.allows(step.key.kind, &step.key.label, step.confidence)
            && (query.direction == PathDirection::Both || !step.reversed)
            && step.from() != step.to();
        let before = |held: &Step| {
            held.confidence
                .total_cmp(&step.confidence)
                .then_with(|| {
                    (step.key.kind, &step.key.label, step.reversed).cmp(&(held.key.kind, &held.key.label, held.reversed))
                })
                .is_lt()
        };
        if allowed && hops.get(&(step.from(), step.to())).is_none_or(before) {
            hops.insert((step.from(), step.to()), step.clone());
        }
    }
    hops
}

/// Every path from `start` to `end`, in the order of the strategy.
fn every_path(graph: &Graph, start: ConceptId, end: ConceptId, query: &PathQuery) -> Vec<Path> {
    fn walk(
        hops: &BTreeMap<(ConceptId, ConceptId), Step>,
        end: ConceptId,
        depth: usize,
        path: &mut Vec<Step>,
        visited: &mut BTreeSet<ConceptId>,
        at: ConceptId,
        found: &mut Vec<Vec<Step>>,
    ) {
        if at == end {
            found.push(path.clone());
            return;
        }
        if path.len() == depth {
            return;
        }
        for step in hops.range((at, ConceptId::from_u128(0))..=(at, ConceptId::from_u128(u128::MAX))).map(|(_, step)| step) {
            if visited.insert(step.to()) {
                path.push(step.clone());
                walk(hops, end, depth, path, visited, step.to(), found);
                path.pop();
                visited.remove(&step.to());
            }
        }
    }
    let mut found = Vec::new();
    let hops = hops(graph, query);
    walk(&hops, end, query.max_depth, &mut Vec::new(), &mut BTreeSet::from([start]), start, &mut found);
    let mut paths: Vec<Path> =
        found.into_iter().map(|hops| Path { start, confidence: hops.iter().map(|hop| hop.confidence).product(), hops }).collect();
    paths.sort_by(|a, b| order(query.strategy, a, b));
    paths
}

/// The number of hops of a shortest path, by plain breadth-first search.
fn distance(graph: &Graph, start: ConceptId, end: ConceptId, query: &PathQuery) -> Option<usize> {
    let hops = hops(graph, query);
    let mut queue = VecDeque::from([(start, 0)]);
    let mut seen = BTreeSet::from([start]);
    while let Some((at, depth)) = queue.pop_front() {
        if at == end {
            return Some(depth);
        }
        for ((_, to), _) in hops.iter().filter(|((from, _), _)| *from == at && depth < query.max_depth) {
            if seen.insert(*to) {
                queue.push_back((*to, depth + 1));
            }
        }
    }
    None
}

fn find(graph: &Graph, start: u8, end: u8, query: &PathQuery) -> Vec<Path> {
    let never = || false;
    let found = find_paths(graph, id(start), id(end), query, &Budget::until(&never));
    assert!(found.complete);
    found.paths
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn the_k_best_paths_are_the_first_of_all_paths(edges in edges(7, 26), query in query(), start in 0..7u8, end in 0..7u8) {
        let graph = graph(7, &edges);
        let mut expected = every_path(&graph, id(start), id(end), &query);
        expected.truncate(query.max_paths);
        prop_assert_eq!(find(&graph, start, end, &query), expected);
    }

    #[test]
    fn a_shortest_path_is_as_long_as_plain_breadth_first_search_says(edges in edges(40, 120), query in query(), start in 0..40u8, end in 0..40u8) {
        let query = PathQuery { strategy: PathStrategy::Shortest, max_paths: 1, max_depth: 20, ..query };
        let graph = graph(40, &edges);
        let found = find(&graph, start, end, &query);
        prop_assert_eq!(found.first().map(|path| path.hops.len()), distance(&graph, id(start), id(end), &query));
        for path in &found {
            let mut at = path.start;
            for hop in &path.hops {
                prop_assert_eq!(hop.from(), at);
                prop_assert!(query.filter.allows(hop.key.kind, &hop.key.label, hop.confidence));
                prop_assert!(query.direction == PathDirection::Both || !hop.reversed);
                at = hop.to();
            }
            prop_assert_eq!(at, id(end));
        }
    }

    #[test]
    fn a_small_budget_yields_only_true_paths_and_says_so(edges in edges(12, 60), query in query(), allowed in 0..60u64) {
        let graph = graph(12, &edges);
        let never = || false;
        let found = find_paths(&graph, id(0), id(1), &query, &Budget::new(allowed, &never));
        let all = every_path(&graph, id(0), id(1), &query);
        for path in &found.paths {
            prop_assert!(path.hops.len() <= query.max_depth);
            prop_assert!(path.concepts().collect::<BTreeSet<_>>().len() == path.hops.len() + 1);
        }
        if found.complete {
            prop_assert_eq!(found.paths.as_slice(), &all[..all.len().min(query.max_paths)]);
        }
    }
}

fn medicine() -> Graph {
    let mut graph = Graph::default();
    use AssociationType::{Causal, Hierarchical, Semantic};
    graph.link("ibuprofen", Hierarchical, "is_a", "NSAID", 0.9);
    graph.link("NSAID", Causal, "inhibits", "cyclooxygenase", 0.9);
    graph.link("ibuprofen", Semantic, "related_to", "cyclooxygenase", 0.5);
    graph
}

#[test]
fn shortest_prefers_fewer_hops_and_best_prefers_surer_ones() {
    let mut graph = medicine();
    let (start, end) = (graph.learn("ibuprofen"), graph.learn("cyclooxygenase"));
    let never = || false;
    let find = |strategy| {
        let query = PathQuery { strategy, max_paths: 5, ..PathQuery::default() };
        find_paths(&graph, start, end, &query, &Budget::until(&never)).paths
    };
    let lengths = |paths: Vec<Path>| paths.iter().map(|path| path.hops.len()).collect::<Vec<_>>();
    assert_eq!(lengths(find(PathStrategy::Shortest)), [1, 2]);
    assert_eq!(lengths(find(PathStrategy::Best)), [2, 1]);
    assert_eq!(find(PathStrategy::Best)[0].confidence, 0.9 * 0.9);
}

#[test]
fn a_path_from_a_concept_to_itself_has_no_hops_and_its_confidence() {
    let mut graph = medicine();
    let start = graph.learn("NSAID");
    graph.edit(start, |concept| concept.confidence = 0.75);
    let never = || false;
    let query = PathQuery { max_paths: 3, ..PathQuery::default() };
    let found = find_paths(&graph, start, start, &query, &Budget::until(&never));
    assert_eq!(found.paths, [Path { start, hops: vec![], confidence: 0.75 }]);
    let unknown = ConceptId::from_u128(9);
    assert!(find_paths(&graph, unknown, unknown, &query, &Budget::until(&never)).paths.is_empty());
}

#[test]
fn a_predicate_may_follow_labels_backwards_only() {
    let mut graph = Graph::default();
    graph.link("dog", AssociationType::Hierarchical, "hyponym", "poodle", 1.0);
    graph.link("animal", AssociationType::Hierarchical, "hyponym", "dog", 1.0);
    let (poodle, animal) = (graph.learn("poodle"), graph.learn("animal"));
    let never = || false;
    let upward = |from, to| {
        find_paths_where(&graph, from, to, &PathQuery::default(), &|step| step.reversed, &Budget::until(&never)).paths.len()
    };
    assert_eq!((upward(poodle, animal), upward(animal, poodle)), (1, 0));
}

/// A ring of hubs: every concept knows its neighbours, and one hub knows them all.
fn hub(leaves: u128) -> Graph {
    let mut graph = Graph::default();
    let hub = graph.numbered(0);
    for leaf in 1..=leaves {
        let leaf = graph.numbered(leaf);
        graph.associate(leaf, AssociationType::Hierarchical, "hypernym", hub, 0.5, &[]);
    }
    graph
}

#[test]
fn a_frontier_is_asked_for_in_one_call_and_a_hub_in_few() {
    let graph = hub(100_000);
    let never = || false;
    let budget = Budget::until(&never);
    let (one, last) = (ConceptId::from_u128(1), ConceptId::from_u128(99_999));
    let found = find_paths(&graph, one, last, &PathQuery::default(), &budget);
    assert_eq!(found.paths[0].hops.len(), 2);
    assert!(found.complete);
    assert_eq!(graph.expansions.get(), 2);
}

#[test]
fn what_can_not_be_surer_is_not_looked_at() {
    let graph = hub(1_000);
    let never = || false;
    let (leaf, hub) = (ConceptId::from_u128(1), ConceptId::from_u128(0));
    let query = PathQuery { strategy: PathStrategy::Best, ..PathQuery::default() };
    let found = find_paths(&graph, leaf, hub, &query, &Budget::until(&never));
    assert_eq!((found.paths[0].hops.len(), found.complete), (1, true));
    assert_eq!(graph.expansions.get(), 1, "the hub's own associations are of no use");
}

#[test]
fn a_spent_budget_makes_the_answer_incomplete() {
    let graph = hub(100_000);
    let never = || false;
    let (leaf, other, hub) = (ConceptId::from_u128(1), ConceptId::from_u128(2), ConceptId::from_u128(0));
    // Of three paths from hub to leaf there is only one; to know that, all the hub's leaves are looked at.
    let query = PathQuery { max_paths: 3, ..PathQuery::default() };
    let find = |from, to, budget: &Budget<'_>| find_paths(&graph, from, to, &query, budget);
    assert!(find(leaf, other, &Budget::until(&never)).complete);
    let found = find(leaf, other, &Budget::new(10, &never));
    assert_eq!((found.paths.len(), found.complete), (1, false));
    let late = || true;
    assert_eq!(find(leaf, hub, &Budget::until(&late)), Found { paths: vec![], complete: false });
}
