//! A replica that is taken away while its node hears nothing of it.

use sutra_grid::ShardId;

use super::nodes::{Nodes, Setup};
use super::rest::come_to_place;
use crate::cluster::{LIMIT, until};

const SHARD: ShardId = ShardId(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_only_a_leader_without_a_place_in_the_map_knows_to_be_obsolete_makes_room_for_the_next() {
    let nodes = Nodes::start(Setup { nodes: 5, ..Setup::of(13).calm() }).await;
    come_to_place(&nodes, LIMIT).await.unwrap();
    until("nobody leads it", || nodes.leader(SHARD).is_some()).await;
    let leader = nodes.leader(SHARD).unwrap();
    // Who leads meta tells the map.
    let tells = |node: &u64| nodes.running(*node).unwrap().grid.meta().leads();
    assert!(!tells(&leader), "each is led by another node");
    let (kept, free): (Vec<u64>, Vec<u64>) =
        nodes.numbers().into_iter().filter(|node| *node != leader).partition(|node| nodes.replicas()[&SHARD].contains_key(node));
    let (deaf, stays) = if tells(&kept[0]) { (kept[1], kept[0]) } else { (kept[0], kept[1]) };
    let spare = free[0];
    let replica = |node: u64| nodes.running(node).unwrap().grid.shard(SHARD).unwrap();
    let old = replica(deaf).group().replica();

    let others =
        |of: u64| nodes.numbers().into_iter().filter(|node| *node != of).map(|node| nodes.address(node)).collect::<Vec<_>>();
    nodes.net.part(&[nodes.address(deaf)], &others(deaf));
    nodes.place(SHARD, &[leader, stays, spare]).await;
    until("it belongs to the group still", || !replica(leader).group().status().members.contains_key(&old)).await;
    nodes.place(SHARD, &[deaf, stays, spare]).await;
    // The node learns of both at once: it has a replica that nobody wants, and shall have another, for which its group's leader waits.
    nodes.net.heal();
    nodes.net.part(&[nodes.address(deaf)], &[nodes.address(leader)]);
    let newest = nodes.newest_map().epoch;
    until("it does not know the map", || nodes.running(deaf).unwrap().grid.map().borrow().epoch == newest).await;
    assert_eq!((nodes.leader(SHARD), replica(deaf).group().replica()), (Some(leader), old));
    nodes.net.heal();
    come_to_place(&nodes, LIMIT / 2).await.unwrap();
    assert_ne!(replica(deaf).group().replica(), old);
    nodes.close().await;
}
