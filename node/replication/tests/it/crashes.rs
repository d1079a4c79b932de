//! What is there after the power went.

use crate::cluster::{Cluster, GROUP, Setup, learn};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_all_lose_power_at_once_everything_acknowledged_is_there() {
    for seed in 0..6 {
        let mut cluster = Setup::of(3).seeded(seed).start().await;
        let mut contents = Vec::new();
        for round in 0..3 {
            for at in 0..10 {
                let content = format!("round {round}, {at}");
                cluster.learn(&content).await;
                contents.push(content);
            }
            let nodes = cluster.up();
            let votes: Vec<_> = nodes.iter().map(|node| cluster.log(*node).group(GROUP).and_then(|group| group.vote)).collect();
            for node in &nodes {
                // Proposals are on their way everywhere.
                let store = cluster.store(*node).clone();
                tokio::spawn(async move { store.submit(learn("perhaps")).await });
                cluster.crash(*node).await;
            }
            for (node, vote) in nodes.iter().zip(votes) {
                cluster.start(*node).await;
                let group = cluster.log(*node).group(GROUP).unwrap();
                assert!(vote.is_none() || group.vote.is_some(), "node {node} has forgotten its vote");
            }
            cluster.assert_equal_and_hold(contents.iter().map(String::as_str)).await;
        }
        cluster.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_voted_knows_it_after_a_crash() {
    for seed in 0..10 {
        let mut cluster = Setup::of(3).seeded(seed).start().await;
        let leader = cluster.leader().await;
        cluster.stop(leader).await;
        let next = cluster.leader().await;
        let voter = cluster.up().into_iter().find(|node| *node != next).unwrap();
        for node in [voter, next] {
            cluster.net.part(&[node], &[1, 2, 3]);
            let vote = |cluster: &Cluster| cluster.log(node).group(GROUP).and_then(|group| group.vote);
            let before = vote(&cluster);
            cluster.crash(node).await;
            cluster.start(node).await;
            assert!(before.is_some());
            assert_eq!(vote(&cluster), before, "node {node} has forgotten its vote");
        }
        cluster.net.heal();
        cluster.start(leader).await;
        cluster.assert_equal_and_hold([]).await;
        cluster.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_replicas_stop_and_start_at_once_on_real_files() {
    let mut cluster = Setup::of(3).on_real_files().start().await;
    let mut contents = Vec::new();
    for round in 0..3 {
        let content = format!("round {round}");
        cluster.learn(&content).await;
        contents.push(content);
        for node in cluster.up() {
            cluster.stop(node).await;
        }
        for node in 1..=3 {
            cluster.start(node).await;
        }
    }
    cluster.assert_equal_and_hold(contents.iter().map(String::as_str)).await;
    cluster.close().await;
}
