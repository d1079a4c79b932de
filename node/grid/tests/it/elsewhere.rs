//! Reads of a shard on nodes that keep none of its replicas.

use std::time::Duration;

use sutra_grid::{HostedShard, Missing, Reading, Router, View};
use sutra_protocol::{AsOf, Knowledge as _, Namespace};
use tokio::time::Instant;

use crate::cluster::{Cluster, Setup, id, until};

/// What a node without a replica shows to somebody without a token.
fn view(cluster: &Cluster, node: &str) -> View {
    let reading = Reading { until: Some(Instant::now() + Duration::from_secs(4)), ..Reading::default() };
    let as_of = AsOf { valid_at: None, known_at: None };
    Router::of(cluster.grid(node).clone()).view(&Namespace::default(), as_of, reading).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_does_not_remember_what_it_has_shown_asks_the_leader_before_it_shows_anything() {
    let mut cluster = Setup::of(1, 3).with_nodes(5).start().await;
    let shard = cluster.shards()[0];
    let [content] = &cluster.contents(shard, "drug", 1)[..] else { panic!("one was asked for") };
    cluster.teach(shard, std::slice::from_ref(content)).await;
    let keepers: Vec<String> = cluster.replicas(shard).into_keys().collect();
    let others: Vec<String> = cluster.names().into_iter().filter(|name| !keepers.contains(name)).collect();
    let [restarted, lasting] = &others[..] else { panic!("two of five nodes keep none: {others:?}") };
    for node in &others {
        let seen = view(&cluster, node);
        assert!(seen.concept(id(content)).is_some() && seen.missing().is_empty(), "{:?}", seen.missing());
    }
    // Of a replica that has not heard from a leader yet that it has everything, nobody learns anything once there is none.
    until("a replica does not know that it has everything", || cluster.replicas(shard).values().all(HostedShard::has_caught_up))
        .await;
    cluster.leave(restarted).await;
    cluster.start(restarted).await;
    for keeper in &keepers[1..] {
        cluster.leave(keeper).await;
    }
    // One replica is left, which may lack what was acknowledged. Whoever has seen that knows what it has to show.
    let seen = view(&cluster, lasting);
    assert!(seen.concept(id(content)).is_some() && seen.missing().is_empty(), "{:?}", seen.missing());
    let seen = view(&cluster, restarted);
    assert!(seen.concept(id(content)).is_none());
    assert!(matches!(seen.missing()[..], [Missing::Unreachable { .. }]), "{:?}", seen.missing());
    cluster.close().await;
}
