//! What was erased is on no replica's disk any more.

use sutra_disk::Disk;
use sutra_protocol::command::Operation;

use crate::cluster::{Cluster, Setup, command, id, until};

const SECRET: &str = "Q7xKossuth";

/// Files of a replica that hold the secret.
fn holders(cluster: &Cluster, node: u64) -> Vec<String> {
    let disk = cluster.hosts[&node].simulated.as_ref().unwrap().snapshot().disk(0);
    let texts = [SECRET.to_owned(), SECRET.to_lowercase()];
    let holds = |path: &std::path::PathBuf| {
        let bytes = disk.read(path).unwrap();
        texts.iter().any(|text| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    disk.paths().into_iter().filter(holds).map(|path| path.display().to_string()).collect()
}

async fn is_scrubbed(cluster: &Cluster, node: u64) {
    until("what was erased is not scrubbed", || cluster.store(node).stats().scrubs_pending == 0).await;
    let holders = holders(cluster, node);
    assert!(holders.is_empty(), "node {node}: {holders:?} still hold it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_erased_is_on_no_replica_s_disk() {
    for checkpoints in [false, true] {
        let cluster = Setup::of(3).start().await;
        let secret = format!("patient {SECRET}");
        cluster.learn(&secret).await;
        cluster.settle().await;
        for node in cluster.up() {
            if checkpoints {
                cluster.store(node).checkpoint().await.unwrap();
            }
            assert!(!holders(&cluster, node).is_empty(), "nothing would be shown");
        }
        let (_, erased) = cluster.write_among(&cluster.up(), &command([Operation::Erase(id(&secret))])).await;
        for node in cluster.up() {
            cluster.applied(node, erased.index).await;
            is_scrubbed(&cluster, node).await;
        }
        cluster.assert_equal_and_hold([]).await;
        cluster.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_away_keeps_no_other_from_scrubbing_and_scrubs_when_it_is_back() {
    let mut cluster = Setup::of(3).start().await;
    let secret = format!("patient {SECRET}");
    cluster.learn(&secret).await;
    cluster.settle().await;
    let leader = cluster.leader().await;
    let away = cluster.up().into_iter().find(|node| *node != leader).unwrap();
    cluster.stop(away).await;
    let (_, erased) = cluster.write_among(&cluster.up(), &command([Operation::Erase(id(&secret))])).await;
    for node in cluster.up() {
        cluster.applied(node, erased.index).await;
        is_scrubbed(&cluster, node).await;
    }
    assert!(!holders(&cluster, away).is_empty(), "nothing would be shown");
    cluster.start(away).await;
    cluster.applied(away, erased.index).await;
    until("what was erased is still there", || holders(&cluster, away).is_empty()).await;
    is_scrubbed(&cluster, away).await;
    cluster.assert_equal_and_hold([]).await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_erased_while_writes_go_on_is_scrubbed_soon() {
    let cluster = Setup::of(3).start().await;
    let write = async {
        for at in 0.. {
            cluster.learn(&format!("finding {at}")).await;
        }
    };
    let erase = async {
        for at in 0..3 {
            let secret = format!("patient {at} {SECRET}");
            cluster.learn(&secret).await;
            let (_, erased) = cluster.write_among(&cluster.up(), &command([Operation::Erase(id(&secret))])).await;
            for node in cluster.up() {
                cluster.applied(node, erased.index).await;
                is_scrubbed(&cluster, node).await;
            }
        }
    };
    tokio::select! {
        () = write => {},
        () = erase => {},
    }
    cluster.assert_equal_and_hold([]).await;
    cluster.close().await;
}
