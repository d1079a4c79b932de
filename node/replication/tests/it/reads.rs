//! How far a read has to wait.

use sutra_replication::{ReadError, ReplicaId};

use crate::cluster::{Setup, until};

/// The service of entries and signs of life.
const APPEND: u16 = 1;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_index_is_at_least_what_was_acknowledged_and_only_a_leader_has_one() {
    let cluster = Setup::of(3).start().await;
    let (leader, index) = cluster.learn("aspirin").await;
    assert!(cluster.group(leader).read_index().await.unwrap() >= index);
    cluster.settle().await;
    for node in cluster.up().into_iter().filter(|node| *node != leader) {
        match cluster.group(node).read_index().await {
            Err(ReadError::NotLeader { leader: Some((named, _)) }) => assert_eq!(named, ReplicaId(leader)),
            other => panic!("{other:?}"),
        }
    }
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_cut_off_answers_no_read() {
    let cluster = Setup::of(3).start().await;
    let leader = cluster.leader().await;
    let rest: Vec<u64> = cluster.up().into_iter().filter(|node| *node != leader).collect();
    cluster.net.part(&[leader], &rest);
    for _ in 0..5 {
        let answer = cluster.group(leader).read_index().await;
        assert!(matches!(answer, Err(ReadError::NoQuorum { .. })), "{answer:?}");
    }
    cluster.net.heal();
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_readers_share_a_round() {
    let cluster = Setup::of(3).start().await;
    let leader = cluster.leader().await;
    cluster.settle().await;
    let before = cluster.net.delivered(APPEND);
    let readers: Vec<_> = (0..500)
        .map(|_| {
            let group = cluster.group(leader).clone();
            tokio::spawn(async move { group.read_index().await.unwrap() })
        })
        .collect();
    for reader in readers {
        reader.await.unwrap();
    }
    let rounds = cluster.net.delivered(APPEND) - before;
    assert!(rounds < 250, "{rounds} messages for 500 readers");
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_replica_answers_every_reader() {
    let mut cluster = Setup::of(3).start().await;
    let leader = cluster.leader().await;
    let group = cluster.group(leader).clone();
    cluster.stop(leader).await;
    assert!(matches!(group.read_index().await, Err(ReadError::NoQuorum { .. })));
    until("the others lead on", || cluster.up().iter().any(|node| cluster.store(*node).leads())).await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_crash_of_all_no_read_misses_what_was_acknowledged_last() {
    let mut cluster = Setup::of(3).start().await;
    for round in 0..10 {
        let (leader, index) = cluster.learn(&format!("round {round}")).await;
        let nodes = cluster.up();
        for node in &nodes {
            cluster.crash(*node).await;
        }
        // Who led is back first, and knows of more than it said was committed.
        for node in [leader].into_iter().chain(nodes.into_iter().filter(|node| *node != leader)) {
            cluster.start(node).await;
        }
        let mut answer = Err(ReadError::NoQuorum { reason: "nobody was asked".into() });
        while answer.is_err() {
            for node in cluster.up() {
                if let Ok(read) = cluster.group(node).read_index().await {
                    answer = Ok(read);
                }
            }
        }
        assert!(answer.clone().unwrap() >= index, "round {round}: {answer:?} of {index:?}");
    }
    cluster.close().await;
}
