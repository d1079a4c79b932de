//! Who leads which shard.

use std::collections::BTreeMap;

use sutra_grid::Router;

use crate::cluster::Setup;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_shard_of_a_new_grid_is_led_by_whom_the_map_prefers_and_what_is_written_is_on_all_its_replicas() {
    for (shards, replicas) in [(4, 3), (8, 1)] {
        let cluster = Setup::of(shards, replicas).start().await;
        cluster.evenly_led().await;
        let mut led: BTreeMap<String, u32> = BTreeMap::new();
        for leader in cluster.leaders().await.into_values() {
            *led.entry(leader).or_default() += 1;
        }
        assert!(led.len() == 3 && led.values().max().unwrap() - led.values().min().unwrap() <= 1, "{led:?}");
        for shard in cluster.shards() {
            let record = cluster.map.shard(shard).unwrap();
            let replicas_of = cluster.replicas(shard);
            assert_eq!(replicas_of.len(), replicas as usize);
            for replica in replicas_of.values() {
                assert_eq!((replica.store().shard(), replica.store().range()), (shard.0, record.range()));
            }
            cluster.teach(shard, &cluster.contents(shard, "drug", 3)).await;
        }
        for name in cluster.up() {
            let grid = cluster.grid(&name);
            let numbers: Vec<u64> = grid.numbers().replicas.iter().map(|replica| replica.shard).collect();
            assert_eq!(numbers, grid.shards().iter().map(|shard| shard.id().0).collect::<Vec<_>>());
            assert_eq!(Router::of(grid.clone()).shard_count(), shards as usize, "also those that it keeps no replica of");
        }
        cluster.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_comes_back_gets_the_lead_of_its_shards_again() {
    let mut cluster = Setup::of(6, 3).start().await;
    cluster.evenly_led().await;
    cluster.leave("node-2").await;
    for shard in cluster.shards() {
        assert_ne!(cluster.leader(shard).await, "node-2");
        cluster.teach(shard, &cluster.contents(shard, "meanwhile", 2)).await;
    }
    cluster.start("node-2").await;
    cluster.evenly_led().await;
    for shard in cluster.shards() {
        cluster.teach(shard, &cluster.contents(shard, "afterwards", 2)).await;
    }
    cluster.close().await;
}
