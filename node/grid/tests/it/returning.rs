//! Nodes that come back with all that they had, and nodes that take the place of lost ones.

use std::time::Duration;

use crate::cluster::{Setup, missing, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_stopped_has_each_of_its_shards_when_it_is_started_again() {
    for (shards, replicas) in [(4, 3), (8, 1)] {
        let mut cluster = Setup::of(shards, replicas).start().await;
        for shard in cluster.shards() {
            cluster.teach(shard, &cluster.contents(shard, "before", 4)).await;
        }
        // One of the shards is in segments, the others are in the log.
        let checkpointed = cluster.grid("node-1").shards()[0].clone();
        checkpointed.store().checkpoint().await.unwrap();
        drop(checkpointed);
        cluster.stop("node-1").await;
        cluster.start("node-1").await;
        for shard in cluster.shards() {
            cluster.teach(shard, &cluster.contents(shard, "before", 4)).await;
            cluster.teach(shard, &cluster.contents(shard, "after", 2)).await;
        }
        // All at once, as when the power comes back.
        for name in cluster.up() {
            cluster.stop(&name).await;
        }
        for name in cluster.names() {
            cluster.start(&name).await;
        }
        for shard in cluster.shards() {
            let leader = cluster.leader(shard).await;
            let contents = [cluster.contents(shard, "before", 4), cluster.contents(shard, "after", 2)].concat();
            let hosted = cluster.grid(&leader).shard(shard).unwrap();
            assert_eq!(missing(hosted.store(), &contents), Vec::<&str>::new(), "shard {shard}");
        }
        cluster.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_stopped_while_the_grid_begins_go_on_with_it_when_they_are_started_again() {
    for (shards, replicas) in [(4, 3), (8, 1)] {
        let mut cluster = Setup::of(shards, replicas).found().await;
        for name in ["node-3", "node-1"] {
            // What it has founded by now, alone, is founded; meta is not, as there are shards that nobody leads.
            cluster.start(name).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert_eq!(cluster.grid(name).meta().status().leader, None);
            cluster.stop(name).await;
        }
        for name in cluster.names() {
            cluster.start(&name).await;
        }
        cluster.led().await;
        for shard in cluster.shards() {
            cluster.teach(shard, &cluster.contents(shard, "drug", 2)).await;
        }
        cluster.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_takes_the_place_of_one_that_is_lost_in_every_shard() {
    let mut cluster = Setup::of(4, 3).start().await;
    let lost = "node-1";
    assert_eq!(cluster.map.founder, lost, "what takes the founder's place must found nothing again");
    for shard in cluster.shards() {
        cluster.teach(shard, &cluster.contents(shard, "before", 3)).await;
    }
    let own: Vec<u64> = cluster.grid(lost).shards().iter().map(|shard| shard.group().replica().0).collect();
    cluster.stop(lost).await;
    cluster.replace(lost).await;
    for shard in cluster.shards() {
        let contents = cluster.contents(shard, "before", 3);
        let replicas = cluster.replicas(shard);
        let new = &replicas[lost];
        assert!(!own.contains(&new.group().replica().0), "it has the number of the lost one");
        until("the new replica does not get its vote", || new.group().status().voters.contains(&new.group().replica())).await;
        until("the lost replica does not leave", || new.group().status().members.len() == 3).await;
        until("the new replica does not catch up", || missing(new.store(), &contents).is_empty()).await;
    }
    cluster.evenly_led().await;
    cluster.close().await;
}
