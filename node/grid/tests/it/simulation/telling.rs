//! What whoever asked is told when his time is over before all shards have taken their part.

use std::time::Duration;

use sutra_grid::{Reading, Repeat, ShardId};
use sutra_protocol::command::{Command, Learn, NewConcept, Operation, Rejection};
use sutra_protocol::{ConceptId, Knowledge as _, Namespace, PlacementKey};
use tokio::time::Instant;

use super::nodes::{Nodes, Setup};
use super::rest::come_to_rest;
use super::scene::view;
use crate::cluster::{LIMIT, command};

/// How long whoever asked waits for what does not come.
const PATIENCE: Duration = Duration::from_secs(2);
const KEY: &str = "RXCUI:1191";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_refused_by_one_shard_is_told_so_though_another_does_not_hear_of_it() {
    let nodes = Nodes::start(Setup::of(14).calm()).await;
    come_to_rest(&nodes, LIMIT).await.unwrap();
    let map = nodes.running(1).unwrap().grid.map().borrow().clone();
    let at = |place| map.shards.iter().find(|record| record.range().holds(place)).unwrap().shard;
    // One shard says whose the key is, and the other keeps the concept.
    let judge = at(PlacementKey::of_key(&Namespace::default(), KEY));
    let is_apart =
        |content: &String| at(PlacementKey::of_concept(ConceptId::derive(&Namespace::default(), content, Some(KEY)))) != judge;
    let content = (0..).map(|number| format!("aspirin {number}")).find(is_apart).unwrap();
    let keeper = ShardId(3 - judge.0);
    let [judging, keeping] = nodes.leaders([judge, keeper]).await;
    let third = nodes.numbers().into_iter().find(|node| ![judging, keeping].contains(node)).unwrap();
    let router = nodes.running(third).unwrap().router.clone();
    // What the keeper says does not come to the judge; the third hears both.
    nodes.net.cut(nodes.address(keeping), nodes.address(judging));

    let mut concept = NewConcept::bare(&Namespace::default(), &content, Some(KEY));
    // No dimension is fixed yet, and whose part that is does not hear of it in time.
    concept.vector = Some([1.0, 0.0].as_slice().into());
    let id = concept.id;
    let learn = Operation::Learn(Box::new(Learn { concept, on_conflict: None, targets: Vec::new(), associations: Vec::new() }));
    let foreign = vec![view(&router, &Namespace::default(), Reading::default()).ghost(id)];
    let learn = Command { foreign, ..command(learn) };
    let told = router.perform(learn.clone(), Repeat::Safe, Instant::now() + PATIENCE).await.unwrap();
    let outcomes: Vec<_> = told.done.iter().map(|done| done.as_ref().unwrap().outcome.clone()).collect();
    assert_eq!(outcomes, [Err(Rejection::NoDimension)]);

    nodes.net.heal();
    come_to_rest(&nodes, LIMIT).await.unwrap();
    let knows = || view(&router, &Namespace::default(), Reading::default()).concept(id).is_some();
    assert!(!knows());
    let told = router.perform(learn, Repeat::Safe, Instant::now() + LIMIT).await.unwrap();
    assert!(told.done[0].as_ref().unwrap().outcome.is_ok() && knows());
    drop(router);
    nodes.close().await;
}
