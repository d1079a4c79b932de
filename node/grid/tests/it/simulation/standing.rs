//! A replica that can't go on, on a node that answers all the same.

use std::time::Duration;

use sutra_disk::{DiskCall, Failure, Fault, When};
use sutra_grid::{Performed, Reading, Repeat, Router, ShardId};
use sutra_protocol::command::{Command, LogIndex, NewAssociation, Operation, Outcome, RequestKey};
use sutra_protocol::{AssociationKey, AssociationType, Knowledge as _, Label, Namespace, Validity};
use sutra_storage::GRID_FILE;
use tokio::time::{Instant, timeout};

use super::nodes::{Nodes, Running, Setup};
use super::rest::come_to_rest;
use super::scene::view;
use crate::cluster::{LIMIT, command, id, learn, until};

/// More than what is left of a log's file.
const WRITES: usize = 16;
const NOTE_BYTES: usize = 16 << 10;
/// Far less than whoever asks has, far more than others take to answer.
const SOON: Duration = Duration::from_secs(5);

async fn write(router: &Router, content: &str) -> Performed {
    router.perform(learn(content), Repeat::Safe, Instant::now() + LIMIT).await.unwrap()
}

fn knows(router: &Router, content: &str, seen: &[(u64, LogIndex)]) -> bool {
    let reading = Reading { seen: seen.to_vec(), until: Some(Instant::now() + LIMIT), ..Reading::default() };
    let view = view(router, &Namespace::default(), reading);
    let known = view.concept(id(content)).is_some();
    assert!(view.missing().is_empty(), "{:?}", view.missing());
    known
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_disk_is_full_has_others_answer_what_it_does_not_come_to() {
    let nodes = Nodes::start(Setup { shards: 1, log_file_bytes: 64 << 10, ..Setup::of(9) }).await;
    come_to_rest(&nodes, LIMIT).await.unwrap();
    let leads = |node: &u64| nodes.running(*node).unwrap().grid.shards()[0].group().leads();
    let (leaders, others): (Vec<u64>, Vec<u64>) = nodes.numbers().into_iter().partition(leads);
    let (leader, full) = (nodes.running(leaders[0]).unwrap().clone(), nodes.running(others[0]).unwrap().clone());
    full.disk.set_capacity(Some(full.disk.used()));
    let note = |at: usize| format!("note {at}: {}", "x".repeat(NOTE_BYTES));
    let mut seen = Vec::new();
    for at in 0..WRITES {
        seen = write(&leader.router, &note(at)).await.seen;
    }
    let last = note(WRITES - 1);
    assert!(!knows(&full.router, &last, &[]), "its disk was not full");

    let coming = async {
        for (shard, index) in &seen {
            assert!(full.router.wait_applied(*shard, *index).await);
        }
        assert!(knows(&full.router, &last, &seen), "with a token");
        assert_eq!(full.router.catch_up(Instant::now() + LIMIT).await, Vec::<u64>::new());
        write(&full.router, "through it").await
    };
    let through = timeout(SOON, coming).await.expect("it waits for what does not come");
    assert!(knows(&full.router, "through it", &through.seen));

    full.disk.set_capacity(None);
    come_to_rest(&nodes, LIMIT).await.unwrap();
    assert_eq!(full.router.catch_up(Instant::now() + LIMIT).await, [1]);
    assert!(knows(&full.router, &last, &[]));
    drop((leader, full));
    nodes.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_disk_is_full_tells_of_what_others_have_taken_as_they_would() {
    let nodes = Nodes::start(Setup { log_file_bytes: 64 << 10, ..Setup::of(15).calm() }).await;
    come_to_rest(&nodes, LIMIT).await.unwrap();
    let map = nodes.running(1).unwrap().grid.map().borrow().clone();
    let [source, target] = [1, 2].map(|shard| {
        let range = map.shard(ShardId(shard)).unwrap().range();
        (0..).map(|number| format!("drug {number}")).find(|content| range.keeps(id(content))).unwrap()
    });
    let leaders = nodes.leaders([ShardId(1), ShardId(2)]).await;
    let full = nodes.numbers().into_iter().find(|node| !leaders.contains(node)).unwrap();
    let (full, other) = (nodes.running(full).unwrap().clone(), nodes.running(leaders[0]).unwrap().router.clone());
    let key = AssociationKey {
        source: id(&source),
        kind: AssociationType::Causal,
        label: Label::from("interacts_with"),
        target: id(&target),
        validity: Validity::ALWAYS,
    };
    let association = NewAssociation { key, confidence: 0.9, strength: 1.0, evidence: Vec::new() };
    let planned = |operation: Operation, request: Option<RequestKey>| {
        let seen = view(&other, &Namespace::default(), Reading { strong: true, ..Reading::default() });
        let foreign = [&source, &target].map(|content| seen.ghost(id(content))).to_vec();
        Command { foreign, request, ..command(operation) }
    };
    let perform = |router: Router, command: Command| async move {
        let performed = router.perform(command, Repeat::Safe, Instant::now() + LIMIT).await.unwrap();
        performed.done[0].as_ref().unwrap().outcome.clone().unwrap()
    };
    for content in [&source, &target] {
        write(&other, content).await;
    }
    perform(other.clone(), planned(Operation::Associate(association), None)).await;
    full.disk.set_capacity(Some(full.disk.used()));
    for at in 0..WRITES {
        write(&other, &format!("note {at}: {}", "x".repeat(NOTE_BYTES))).await;
    }

    let request = Some(RequestKey { key: "retract".into(), digest: 1 });
    let retract = planned(Operation::Retract(id(&target)), request);
    let first = perform(other.clone(), retract.clone()).await;
    assert_eq!(first, Outcome::Retracted { associations: 1 });
    let pending = |node: &u64| nodes.running(*node).unwrap().router.stats().effects_pending;
    until("it is not noted that all have taken it", || leaders.iter().all(|node| pending(node) == 0)).await;
    assert_eq!(perform(full.router.clone(), retract).await, first, "asked again");
    let applied = |running: &Running| running.grid.shard(ShardId(1)).unwrap().store().applied();
    assert!(applied(&full) < applied(nodes.running(leaders[0]).unwrap()), "its disk was not full");
    full.disk.set_capacity(None);
    drop((full, other));
    nodes.close().await;
}

/// A node has no room for the map: others decide about it, and it learns of that when there is room, or when it is started again then.
async fn assert_learns_of_the_map_late(nodes: &mut Nodes, node: u64, renamed: u64) {
    let full = nodes.running(node).unwrap().clone();
    let no_room = || full.disk.fault(Fault::new(DiskCall::Write, Failure::Full, When::From(1)).on(GRID_FILE));
    let knows_since = || full.grid.map().borrow().epoch;
    no_room();
    let before = knows_since();
    let newest = nodes.rename(renamed, &format!("http://10.0.0.{node}:8080")).await.epoch;
    let writes = full.disk.calls(DiskCall::Write);
    until("it is not tried", || full.disk.calls(DiskCall::Write) > writes + 2).await;
    until("it decides about what it can't write", || !full.grid.meta().leads()).await;
    assert_eq!(knows_since(), before);
    write(&full.router, &format!("on node {node}")).await;
    assert!(knows(&full.router, &format!("on node {node}"), &[]));
    nodes.assert_sound();
    full.disk.heal();
    until("it does not know the map", || knows_since() >= newest).await;

    no_room();
    let newest = nodes.rename(renamed, &format!("http://10.0.1.{node}:8080")).await.epoch;
    let disk = full.disk.clone();
    drop(full);
    nodes.stop(node).await;
    disk.heal();
    nodes.start_node(node).await;
    let again = nodes.running(node).unwrap().clone();
    until("it does not know the map", || again.grid.map().borrow().epoch >= newest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_has_no_room_for_the_map_goes_on_with_the_one_it_has_and_others_decide() {
    let mut nodes = Nodes::start(Setup::of(13)).await;
    come_to_rest(&nodes, LIMIT).await.unwrap();
    let leads = |node: &u64| nodes.running(*node).unwrap().grid.meta().leads();
    let (leaders, others): (Vec<u64>, Vec<u64>) = nodes.numbers().into_iter().partition(leads);
    for node in [leaders[0], others[0]] {
        assert_learns_of_the_map_late(&mut nodes, node, others[1]).await;
    }
    nodes.close().await;
}
