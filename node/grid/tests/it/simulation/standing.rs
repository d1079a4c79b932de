//! A replica that can't go on, on a node that answers all the same.

use std::time::Duration;

use sutra_grid::{Performed, Reading, Repeat, Router};
use sutra_protocol::command::LogIndex;
use sutra_protocol::{AsOf, Knowledge as _, Namespace};
use tokio::time::{Instant, timeout};

use super::nodes::{Nodes, Setup};
use super::rest::come_to_rest;
use crate::cluster::{LIMIT, id, learn};

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
    let view = router.view(&Namespace::default(), AsOf { valid_at: None, known_at: None }, reading).unwrap();
    let known = view.concept(id(content)).is_some();
    assert!(view.missing().is_empty(), "{:?}", view.missing());
    known
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_disk_is_full_has_others_answer_what_it_does_not_come_to() {
    let nodes = Nodes::start(Setup { seed: 9, shards: 1, log_file_bytes: 64 << 10, delta_bytes: 48 << 20 }).await;
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
