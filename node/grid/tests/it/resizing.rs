//! Nodes come and go, and shards get more replicas and fewer, while the grid takes commands.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sutra_grid::{GridMap, ReplicaRecord, ShardId};
use sutra_protocol::founding::ResizeRequest;

use crate::cluster::{Cluster, Setup, learn, missing, until};

/// How many replicas each node keeps, as a map says.
fn counts(map: &GridMap) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<String, usize> = map.nodes.keys().map(|name| (name.clone(), 0)).collect();
    for replica in map.shards.iter().flat_map(|shard| &shard.replicas) {
        *counts.get_mut(&replica.node).unwrap() += 1;
    }
    counts
}

fn is_even(map: &GridMap) -> bool {
    let counts = counts(map);
    counts.values().max().unwrap() - counts.values().min().unwrap() <= 1
}

fn has_factor(map: &GridMap, factor: usize) -> bool {
    map.shards.iter().all(|shard| shard.replicas.len() == factor)
}

fn remove(name: &str) -> ResizeRequest {
    ResizeRequest::RemoveNode { name: name.into() }
}

/// Teaches every shard some, and answers what.
async fn teach(cluster: &Cluster, what: &str) -> BTreeMap<ShardId, Vec<String>> {
    let mut taught = BTreeMap::new();
    for shard in cluster.shards() {
        let contents = cluster.contents(shard, what, 3);
        for content in &contents {
            cluster.write(shard, &learn(content)).await;
        }
        taught.insert(shard, contents);
    }
    taught
}

/// That every replica comes to know all of it.
async fn all_know(cluster: &Cluster, taught: &BTreeMap<ShardId, Vec<String>>) {
    for (shard, contents) in taught {
        for (name, replica) in cluster.replicas(*shard) {
            until(&format!("{name} does not learn all of shard {shard}"), || missing(replica.store(), contents).is_empty()).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_get_more_replicas_and_fewer_while_they_take_commands() {
    let cluster = Setup::of(4, 1).start().await;
    let mut all = vec![teach(&cluster, "one").await];
    cluster.resize(&ResizeRequest::SetReplicas { count: 3 }).await.unwrap();
    all.push(teach(&cluster, "meanwhile").await);
    cluster.settled("three replicas of each", |map| has_factor(map, 3)).await;
    all.push(teach(&cluster, "three").await);
    for taught in &all {
        all_know(&cluster, taught).await;
    }
    let dir = cluster.dir("node-1").to_owned();
    cluster.resize(&ResizeRequest::SetReplicas { count: 1 }).await.unwrap();
    all.push(teach(&cluster, "fewer").await);
    cluster.settled("one replica of each", |map| has_factor(map, 1) && is_even(map)).await;
    for taught in &all {
        all_know(&cluster, taught).await;
    }
    // What it keeps no more is in its files no more.
    let kept: Vec<u64> = cluster.grid("node-1").shards().iter().map(|shard| shard.id().0).collect();
    for shard in cluster.shards().into_iter().filter(|shard| !kept.contains(&shard.0)) {
        let folder = if shard.0 == 1 { dir.clone() } else { dir.join("shards").join(shard.0.to_string()) };
        until("the manifest of a replica that left stays", || !folder.join("MANIFEST").exists()).await;
    }
    let refused = cluster.resize(&ResizeRequest::SetReplicas { count: 5 }).await.unwrap_err();
    assert!(refused.contains("3 of the grid's nodes would stay, and each shard should have 5 replicas"), "{refused}");
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grid_grows_to_five_nodes_and_shrinks_to_three_others() {
    let mut cluster = Setup::of(6, 3).start().await;
    let mut all = vec![teach(&cluster, "of three").await];
    for name in ["node-4", "node-5"] {
        cluster.add(name).await;
    }
    all.push(teach(&cluster, "while they come").await);
    let is_grown = |map: &GridMap| map.nodes.len() == 5 && map.meta.len() == 5 && is_even(map);
    cluster.settled("a grid of five", is_grown).await;
    // Whoever did not hear that it was done asks again.
    let address = cluster.newest_map().nodes["node-4"].peer.clone();
    cluster.resize(&ResizeRequest::AddNode { address: address.clone(), zone: None }).await.unwrap();
    assert!(is_grown(&cluster.newest_map()));
    cluster.resize(&ResizeRequest::AddNode { address, zone: Some("room-d".into()) }).await.unwrap();
    cluster.settled("a grid that was told a zone later", |map| map.zones.len() == 1 && is_grown(map)).await;
    all.push(teach(&cluster, "of five").await);
    for taught in &all {
        all_know(&cluster, taught).await;
    }
    // The founder is among them, and who led meta.
    for name in ["node-1", "node-2"] {
        cluster.resize(&remove(name)).await.unwrap();
    }
    all.push(teach(&cluster, "while they go").await);
    cluster.settled("a grid of three", |map| map.nodes.len() == 3 && map.meta.len() == 3 && has_factor(map, 3)).await;
    for name in ["node-1", "node-2"] {
        cluster.gone(name).await;
    }
    all.push(teach(&cluster, "of other three").await);
    for taught in &all {
        all_know(&cluster, taught).await;
    }
    let refused = cluster.resize(&remove("node-4")).await.unwrap_err();
    assert!(refused.contains("2 of the grid's nodes would stay, and each shard should have 3 replicas"), "{refused}");
    let refused = cluster.resize(&remove("node-1")).await.unwrap_err();
    assert!(refused.contains("the grid has no node node-1"), "{refused}");
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_move_to_other_zones_while_they_take_commands() {
    let cluster = Setup::of(4, 3).with_nodes(5).start().await;
    let mut all = vec![teach(&cluster, "nobody knows zones").await];
    let zones = ["room-a", "room-a", "room-b", "room-b", "room-c"];
    let set = |at: usize| ResizeRequest::SetZone { name: format!("node-{}", at + 1), zone: Some(zones[at].into()) };
    for at in 0..zones.len() {
        cluster.resize(&set(at)).await.unwrap();
    }
    all.push(teach(&cluster, "while they move").await);
    let are_apart = |map: &GridMap| {
        let zones_of = |nodes: &[ReplicaRecord]| nodes.iter().map(|one| map.zones.get(&one.node)).collect::<BTreeSet<_>>().len();
        map.zones.len() == 5 && map.shards.iter().all(|shard| zones_of(&shard.replicas) == 3)
    };
    cluster.settled("replicas of each shard in three zones", are_apart).await;
    all.push(teach(&cluster, "in three zones").await);
    for taught in &all {
        all_know(&cluster, taught).await;
    }
    let epoch = cluster.newest_map().epoch;
    cluster.resize(&set(4)).await.unwrap();
    assert_eq!(cluster.newest_map().epoch, epoch, "it is known already");
    let unnamed = ResizeRequest::SetZone { name: "node-2".into(), zone: Some(String::new()) };
    let refused = cluster.resize(&unnamed).await.unwrap_err();
    assert!(refused.contains("the zone of node node-2 was given with 0 bytes; a zone has a name of 1 to 63 bytes"), "{refused}");
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grid_of_one_node_becomes_one_of_three_and_again_one_of_one() {
    let mut cluster = Setup::of(3, 1).with_nodes(1).start().await;
    let mut all = vec![teach(&cluster, "of one").await];
    for name in ["node-2", "node-3"] {
        cluster.add(name).await;
    }
    cluster.settled("a grid of three", |map| map.nodes.len() == 3 && map.meta.len() == 3 && is_even(map)).await;
    cluster.resize(&ResizeRequest::SetReplicas { count: 3 }).await.unwrap();
    all.push(teach(&cluster, "of three").await);
    cluster.settled("three replicas", |map| has_factor(map, 3)).await;
    cluster.resize(&ResizeRequest::SetReplicas { count: 1 }).await.unwrap();
    for name in ["node-1", "node-3"] {
        cluster.resize(&remove(name)).await.unwrap();
    }
    all.push(teach(&cluster, "while they go").await);
    cluster.settled("a grid of one", |map| map.nodes.len() == 1 && map.meta.len() == 1 && has_factor(map, 1)).await;
    for name in ["node-1", "node-3"] {
        cluster.gone(name).await;
    }
    for taught in &all {
        all_know(&cluster, taught).await;
    }
    // It is the same when it starts again.
    cluster.stop("node-2").await;
    cluster.start("node-2").await;
    all.push(teach(&cluster, "of another one").await);
    for taught in &all {
        all_know(&cluster, taught).await;
    }
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_stopped_at_any_time_go_on_with_what_was_begun() {
    let mut cluster = Setup::of(4, 1).start().await;
    let taught = teach(&cluster, "before").await;
    let mut stop = 0;
    for count in [3, 1, 3] {
        cluster.resize(&ResizeRequest::SetReplicas { count }).await.unwrap();
        for _ in 0..3 {
            // Each time somewhere else on the way.
            stop += 1;
            tokio::time::sleep(Duration::from_millis(150 * (stop % 7))).await;
            let name = format!("node-{}", stop % 3 + 1);
            cluster.stop(&name).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            cluster.start(&name).await;
        }
        cluster.settled("what was asked for", |map| has_factor(map, count as usize) && is_even(map)).await;
        all_know(&cluster, &taught).await;
    }
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_node_is_removed_and_its_replicas_come_to_be_elsewhere() {
    let mut cluster = Setup::of(4, 3).start().await;
    cluster.add("node-4").await;
    cluster.settled("a grid of four", |map| map.nodes.len() == 4 && is_even(map)).await;
    let taught = teach(&cluster, "before").await;
    cluster.stop("node-3").await;
    cluster.resize(&remove("node-3")).await.unwrap();
    cluster.settled("a grid without it", |map| !map.nodes.contains_key("node-3") && has_factor(map, 3)).await;
    all_know(&cluster, &taught).await;
    // Should it come back, it learns that it was removed.
    cluster.start("node-3").await;
    cluster.gone("node-3").await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_is_taken_back_and_the_grid_is_evened_out_again() {
    let cluster = Setup::of(6, 1).start().await;
    let taught = teach(&cluster, "before").await;
    cluster.resize(&remove("node-2")).await.unwrap();
    until("nothing moves", || counts(&cluster.newest_map())["node-2"] < 2).await;
    cluster.resize(&ResizeRequest::KeepNode { name: "node-2".into() }).await.unwrap();
    let is_kept = |map: &GridMap| map.nodes.len() == 3 && is_even(map) && map.meta.len() == 3;
    cluster.settled("the grid as it was", is_kept).await;
    all_know(&cluster, &taught).await;
    let refused = cluster.resize(&ResizeRequest::KeepNode { name: "node-2".into() }).await.unwrap_err();
    assert!(refused.contains("node node-2 is not being removed"), "{refused}");
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_s_only_replica_moves_and_it_is_led_all_the_while() {
    let mut cluster = Setup::of(1, 1).start().await;
    let shard = ShardId(1);
    let from = cluster.leader(shard).await;
    let is_over = Arc::new(AtomicBool::new(false));
    cluster.resize(&remove(&from)).await.unwrap();
    let (mut number, mut slowest) = (0_u32, Duration::ZERO);
    let write = async {
        while !is_over.load(Ordering::Acquire) {
            let began = std::time::Instant::now();
            cluster.write(shard, &learn(&format!("drug {number}"))).await;
            slowest = slowest.max(began.elapsed());
            number += 1;
        }
    };
    let moved = async {
        until("it does not move", || cluster.replicas(shard).keys().all(|name| *name != from)).await;
        is_over.store(true, Ordering::Release);
    };
    tokio::join!(write, moved);
    eprintln!("{number} writes, the slowest of which took {slowest:?}");
    let contents: Vec<String> = (0..number).map(|number| format!("drug {number}")).collect();
    let replicas = cluster.replicas(shard);
    assert_eq!(replicas.len(), 1);
    for (name, replica) in replicas {
        until(&format!("{name} has lost something"), || missing(replica.store(), &contents).is_empty()).await;
    }
    cluster.gone(&from).await;
    cluster.close().await;
}
