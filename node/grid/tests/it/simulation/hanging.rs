//! A node that takes what it is asked, and does not answer.

use sutra_grid::{Reading, Repeat};
use sutra_protocol::{Knowledge as _, Namespace};
use tokio::time::Instant;

use super::nodes::{Nodes, Setup};
use super::rest::come_to_rest;
use super::scene::view;
use crate::cluster::{LIMIT, id, learn};

/// A third of them would begin with the node that hangs.
const READS: u64 = 90;
/// Most that a busy machine makes late, and that ask anew whether the node still hangs: after a quarter of a second, and twice as long each time.
const LATE: u64 = 15;
/// How often it is asked in the end, in seconds.
const LAST: u64 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_ask_others_instead_of_a_replica_that_hangs_and_soon_ask_it_last() {
    let nodes = Nodes::start(Setup { nodes: 5, shards: 1, ..Setup::of(10) }).await;
    come_to_rest(&nodes, LIMIT).await.unwrap();
    let shards = |node: u64| nodes.running(node).unwrap().grid.shards();
    let (keepers, others): (Vec<u64>, Vec<u64>) = nodes.numbers().into_iter().partition(|node| !shards(*node).is_empty());
    let hangs = *keepers.iter().find(|node| !shards(**node)[0].group().leads()).expect("two follow");
    let reader = nodes.running(others[0]).unwrap().clone();
    let knows = || {
        let reading = Reading { until: Some(Instant::now() + LIMIT), ..Reading::default() };
        let view = view(&reader.router, &Namespace::default(), reading);
        let known = view.concept(id("aspirin")).is_some();
        assert!(view.missing().is_empty(), "{:?}", view.missing());
        known
    };
    reader.router.perform(learn("aspirin"), Repeat::Safe, Instant::now() + LIMIT).await.unwrap();
    assert!(knows());

    nodes.net.pause(nodes.address(hangs));
    let (before, began) = (reader.grid.numbers().hedges, Instant::now());
    for read in 0..READS {
        assert!(knows(), "read {read}");
    }
    let hedges = reader.grid.numbers().hedges - before;
    assert!(hedges > 0, "nobody was asked beside it");
    assert!(hedges <= LATE + began.elapsed().as_secs() / LAST, "it was waited for in {hedges} of {READS} reads");
    nodes.net.heal();
    drop(reader);
    nodes.close().await;
}
