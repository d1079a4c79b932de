//! What was erased in one shard is in no file of a node any more, though the log's files are those of other shards, too.

use std::fs;
use std::path::Path;

use sutra_grid::ShardId;
use sutra_protocol::command::Operation;

use crate::cluster::{Cluster, Setup, command, id, learn, until};

const SECRET: &str = "Q7xKossuth";

/// Files under a folder that hold the secret.
fn holders(dir: &Path) -> Vec<String> {
    let texts = [SECRET.to_owned(), SECRET.to_lowercase()];
    let mut found = Vec::new();
    // A file that is removed while this looks holds nothing any more.
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holders(&path));
            continue;
        }
        let bytes = fs::read(&path).unwrap_or_default();
        if texts.iter().any(|text| bytes.windows(text.len()).any(|window| window == text.as_bytes())) {
            found.push(path.display().to_string());
        }
    }
    found
}

async fn erase(cluster: &Cluster, shard: ShardId) {
    let secret = cluster.contents(shard, &format!("patient {SECRET}"), 1).remove(0);
    cluster.teach(shard, std::slice::from_ref(&secret)).await;
    for name in cluster.replicas(shard).into_keys() {
        assert!(!holders(cluster.dir(&name)).is_empty(), "nothing would be shown");
    }
    let erased = cluster.write(shard, &command(Operation::Erase(id(&secret)))).await;
    cluster.applied(shard, &erased).await;
    for (name, replica) in cluster.replicas(shard) {
        let is_scrubbed = || replica.store().stats().scrubs_pending == 0;
        until("what was erased is not scrubbed", is_scrubbed).await;
        let holders = holders(cluster.dir(&name));
        assert!(holders.is_empty(), "{name}: {holders:?} still hold it: {:?}", replica.store().stats().trouble);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_shard_erases_leaves_the_log_while_the_others_are_idle() {
    let cluster = Setup::of(4, 3).start().await;
    for shard in cluster.shards() {
        cluster.teach(shard, &cluster.contents(shard, "note", 2)).await;
    }
    for shard in [ShardId(2), ShardId(1), ShardId(2)] {
        erase(&cluster, shard).await;
    }
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_shard_erases_leaves_the_log_while_the_others_are_busy() {
    let cluster = Setup::of(4, 3).start().await;
    let write = async |shard: ShardId| {
        for number in 0.. {
            cluster.write(shard, &learn(&cluster.contents(shard, &format!("note {number}"), 1)[0])).await;
        }
    };
    let others = async { tokio::join!(write(ShardId(1)), write(ShardId(3)), write(ShardId(4))) };
    let erase = async {
        for _ in 0..3 {
            erase(&cluster, ShardId(2)).await;
        }
    };
    tokio::select! {
        _ = others => {},
        () = erase => {},
    }
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_is_idle_gives_up_the_log_s_oldest_file_when_another_has_filled_the_log() {
    const BUDGET: u64 = 2 << 20;
    let cluster = Setup::of(4, 3).with_log_bytes(BUDGET).start().await;
    let (idle, busy) = (ShardId(1), ShardId(3));
    cluster.teach(idle, &cluster.contents(idle, "idle", 3)).await;
    let filling = "x".repeat(60 << 10);
    for number in 0..60 {
        let content = cluster.contents(busy, &format!("{filling} {number}"), 1).remove(0);
        cluster.write(busy, &learn(&content)).await;
    }
    for (name, replica) in cluster.replicas(busy) {
        // The last file is never given up.
        let is_within = || replica.store().stats().wal_bytes <= BUDGET + (512 << 10);
        until(&format!("the log of {name} does not come back to its budget"), is_within).await;
    }
    for (name, replica) in cluster.replicas(idle) {
        until(&format!("{name} makes no checkpoint of the idle shard"), || replica.store().stats().checkpoints > 0).await;
    }
    cluster.teach(idle, &cluster.contents(idle, "idle", 3)).await;
    cluster.close().await;
}
