//! What becomes of those who wait for a replica that is closed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::timeout;

use super::*;

/// Entries, each of which fills the memory of [`follower`] by itself.
const ENTRIES: u64 = 24;
const ROUNDS: u64 = 20;
const LIMIT: Duration = Duration::from_secs(30);

/// Entries as a leader has proposed them, in order.
async fn proposed() -> Vec<Committed> {
    let disk = disk();
    let (directory, replicas) = open(&disk, &[1]);
    let [leader] = &replicas[..] else { panic!("one is opened") };
    let mut all = Vec::new();
    for at in 0..ENTRIES {
        let content = leader.like(&format!("{} {at}", "a leaflet ".repeat(6_000)));
        all.push(leader.entry(learn(&content).operations.remove(0)).await);
    }
    close(directory, replicas).await;
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_room_in_the_memory_of_a_replica_learns_that_it_is_closed() {
    let entries = proposed().await;
    for round in 0..ROUNDS {
        let disk = disk();
        let config = StoreConfig { delta_bytes: 20_000, ..config(&disk) };
        let directory = Directory::open(&config, GRID).unwrap();
        let replica = Replica::open(&directory, &placement(1), &config).unwrap();
        let applied = Arc::new(AtomicU64::new(0));
        // Its group hands it over what is committed as long as it takes it.
        let group = tokio::spawn({
            let (store, entries, applied) = (replica.store.clone(), entries.clone(), Arc::clone(&applied));
            async move {
                for entry in entries {
                    if store.apply(vec![entry]).await.is_err() {
                        break;
                    }
                    applied.fetch_add(1, Ordering::AcqRel);
                }
            }
        });
        until("it applies nothing", || applied.load(Ordering::Acquire) > round % (ENTRIES / 2)).await;
        replica.store.close().await;
        timeout(LIMIT, group).await.unwrap_or_else(|_| panic!("round {round}: it waits for ever")).unwrap();
        close(directory, vec![replica]).await;
        Directory::open(&config, GRID).expect("nobody holds it any more").close().unwrap();
    }
}
