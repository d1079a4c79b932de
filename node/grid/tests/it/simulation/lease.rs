//! How long a leader may take itself for one.

use std::time::Duration;

use sutra_grid::ShardId;
use tokio::time::{Instant, sleep};

use super::nodes::{Nodes, Setup};
use super::rest::come_to_rest;
use crate::cluster::{LIMIT, until};

/// Each time another leader is cut off.
const ROUNDS: usize = 6;
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_cut_off_gives_up_its_lease_before_another_leads() {
    let nodes = Nodes::start(Setup { shards: 1, ..Setup::of(12) }).await;
    for round in 0..ROUNDS {
        come_to_rest(&nodes, LIMIT).await.unwrap();
        let groups = || nodes.all_running().map(|(node, running)| (node, running.grid.shard(ShardId(1)).unwrap()));
        let mut held = None;
        until("nobody has a lease", || {
            held = groups().find(|(_, shard)| shard.group().holds_lease());
            held.is_some()
        })
        .await;
        let (cut, leader) = held.expect("somebody has it");
        let others: Vec<_> = groups().filter(|(node, _)| *node != cut).collect();
        let addresses: Vec<u64> = others.iter().map(|(node, _)| nodes.address(*node)).collect();
        nodes.net.part(&[nodes.address(cut)], &addresses);
        let end = Instant::now() + LIMIT;
        loop {
            let is_led = others.iter().any(|(_, shard)| shard.group().leads());
            let is_held = leader.group().holds_lease();
            assert!(!(is_led && is_held), "round {round}: another leads, and node {cut} relies on its lease");
            if is_led {
                break;
            }
            assert!(Instant::now() < end, "round {round}: nobody else comes to lead");
            sleep(LOOK).await;
        }
        nodes.net.heal();
    }
    nodes.close().await;
}
