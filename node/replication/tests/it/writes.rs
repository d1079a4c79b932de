//! What is acknowledged, and who can read it then.

use crate::cluster::{Setup, is_open, learn};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_through_the_leader_is_readable_on_every_replica_once_applied() {
    for setup in [Setup::of(3).on_real_files(), Setup::of(5)] {
        let cluster = setup.start().await;
        let (_, index) = cluster.learn("aspirin").await;
        for node in cluster.up() {
            cluster.applied(node, index).await;
            assert!(cluster.knows(node, "aspirin"), "node {node}");
        }
        cluster.assert_equal_and_hold(["aspirin"]).await;
        cluster.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_takes_no_command_and_names_no_one_else_s_fault() {
    let cluster = Setup::of(3).start().await;
    let (leader, _) = cluster.learn("aspirin").await;
    for node in cluster.up().into_iter().filter(|node| *node != leader) {
        let answer = cluster.store(node).submit(learn("iron")).await;
        assert_eq!(answer, Err(sutra_storage::SubmitError::NotLeader));
        assert!(!is_open(&answer));
    }
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_replica_of_a_shard_leads_at_once_and_knows_all_after_a_crash() {
    for seed in 0..5 {
        let mut cluster = Setup::of(1).seeded(seed).start().await;
        let mut contents = Vec::new();
        for round in 0..4 {
            let content = format!("round {round}");
            let (_, index) = cluster.learn(&content).await;
            contents.push(content);
            cluster.crash(1).await;
            cluster.start(1).await;
            cluster.leader().await;
            assert!(cluster.group(1).read_index().await.unwrap() >= index);
            assert!(contents.iter().all(|content| cluster.knows(1, content)), "it leads, and does not know what it acknowledged");
        }
        cluster.assert_equal_and_hold(contents.iter().map(String::as_str)).await;
        cluster.close().await;
    }
}
