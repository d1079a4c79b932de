//! Who goes on with what a leader had begun.

use std::time::Duration;

use sutra_grid::{Grid, Reading, Repeat, RouteError, Router, ShardId, View};
use sutra_protocol::command::{Command, Learn, NewAssociation, NewConcept, Operation};
use sutra_protocol::{AssociationFilter, AssociationKey, AssociationType, Direction, Knowledge as _, Label, Namespace, Validity};
use tokio::time::Instant;

use super::nodes::{Nodes, Setup};
use super::rest::{assert_equal, come_to_rest};
use super::scene::view;
use crate::cluster::{LIMIT, command, id};

/// How long whoever asked waits for what does not come.
const PATIENCE: Duration = Duration::from_secs(2);
const FIRST: ShardId = ShardId(1);
const SECOND: ShardId = ShardId(2);

/// A content of which this shard keeps the concept.
fn content(grid: &Grid, shard: ShardId, what: &str) -> String {
    let range = grid.map().borrow().shard(shard).unwrap().range();
    (0..).map(|at| format!("{what} {at}")).find(|content| range.keeps(id(content))).unwrap()
}

fn seen(router: &Router) -> View {
    view(router, &Namespace::default(), Reading { until: Some(Instant::now() + LIMIT), ..Reading::default() })
}

/// Whether a node knows of the target, and of what leads to it.
fn shows(router: &Router, source: &str, target: &str) -> [bool; 2] {
    let view = seen(router);
    let steps = view.expand(&[id(target)], Direction::In, &AssociationFilter::default());
    assert!(view.missing().is_empty(), "{:?}", view.missing());
    [view.concept(id(target)).is_some(), steps[0].iter().any(|step| step.key.source == id(source))]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_leader_has_not_delivered_its_successor_delivers() {
    let mut nodes = Nodes::start(Setup::of(11).calm()).await;
    come_to_rest(&nodes, LIMIT).await.unwrap();
    let [killed, taker] = nodes.leaders([FIRST, SECOND]).await;
    let router = nodes.running(killed).unwrap().router.clone();
    let grid = nodes.running(killed).unwrap().grid.clone();
    let (source, target) = (content(&grid, FIRST, "drug"), content(&grid, SECOND, "symptom"));
    drop(grid);
    // The third node keeps each of them in its lead.
    nodes.net.part(&[nodes.address(killed)], &[nodes.address(taker)]);

    let bare = |content: &str| NewConcept::bare(&Namespace::default(), content, None);
    let (kind, label) = (AssociationType::Causal, Label::from("treats"));
    let key = AssociationKey { source: id(&source), kind, label, target: id(&target), validity: Validity::ALWAYS };
    let associations = vec![NewAssociation { key, confidence: 0.9, strength: 1.0, evidence: Vec::new() }];
    let learn = Learn { concept: bare(&source), on_conflict: None, targets: vec![bare(&target)], associations };
    let foreign = [&source, &target].map(|content| seen(&router).ghost(id(content))).to_vec();
    let learn = Command { foreign, ..command(Operation::Learn(Box::new(learn))) };
    let told = router.perform(learn, Repeat::Safe, Instant::now() + PATIENCE).await;
    assert_eq!(told, Err(RouteError::Pending));
    let there = nodes.running(taker).unwrap().router.clone();
    assert_eq!(nodes.leader(SECOND), Some(taker), "somebody else leads it, whom the other reaches");
    assert_eq!(shows(&there, &source, &target), [false; 2], "it was delivered");

    drop(router);
    nodes.crash(&[killed]).await;
    come_to_rest(&nodes, LIMIT).await.unwrap();
    for (node, running) in nodes.all_running() {
        assert_eq!(shows(&running.router, &source, &target), [true; 2], "on node {node}");
    }
    nodes.net.heal();
    nodes.start_node(killed).await;
    come_to_rest(&nodes, LIMIT).await.unwrap();
    assert_equal(&nodes);
    drop(there);
    nodes.close().await;
}
