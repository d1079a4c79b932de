//! Disks that fill up.

use std::time::Duration;

use tokio::time::timeout;

use crate::cluster::{Cluster, Setup, learn};

/// More than what is left to a log that was full before.
const WRITES: usize = 40;
/// A note that takes a few of them to fill what is left of a log's file.
const NOTE_BYTES: usize = 16 << 10;

/// Nothing more fits on a node's disk.
fn fill(cluster: &Cluster, node: u64) {
    let disk = cluster.hosts[&node].simulated.as_ref().unwrap();
    disk.set_capacity(Some(disk.used()));
}

/// A node has none of the notes, and gets them all when there is room.
async fn catches_up(cluster: Cluster, full: u64, notes: &[String]) {
    assert!(!cluster.knows(full, notes.last().unwrap()), "its disk was not full");
    cluster.hosts[&full].simulated.as_ref().unwrap().set_capacity(None);
    cluster.assert_equal_and_hold(notes.iter().map(String::as_str)).await;
    assert!(cluster.hosts[&full].fatal.lock().unwrap().is_empty());
    cluster.close().await;
}

fn note(at: usize) -> String {
    format!("note {at}: {}", "x".repeat(NOTE_BYTES))
}

/// Writes through whoever leads among all but `full`, until it is acknowledged.
async fn write_without(cluster: &Cluster, full: u64) -> Vec<String> {
    let others: Vec<u64> = cluster.up().into_iter().filter(|node| *node != full).collect();
    let mut notes = Vec::new();
    for at in 0..WRITES {
        let note = note(at);
        cluster.write_among(&others, &learn(&note)).await;
        notes.push(note);
    }
    notes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_whose_disk_is_full_is_behind_until_there_is_room() {
    let cluster = Setup::of(3).start().await;
    let (leader, _) = cluster.learn("before").await;
    let full = cluster.up().into_iter().find(|node| *node != leader).unwrap();
    fill(&cluster, full);
    let notes = write_without(&cluster, full).await;
    catches_up(cluster, full, &notes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_disk_is_full_makes_way_for_another() {
    let cluster = Setup::of(3).start().await;
    let (full, _) = cluster.learn("before").await;
    fill(&cluster, full);
    // What it is given is in nobody's log, or in one more than its own: it can't be told.
    for at in 0..WRITES {
        let _ = timeout(Duration::from_millis(20), cluster.store(full).submit(learn(&note(WRITES + at)))).await;
    }
    let notes = write_without(&cluster, full).await;
    catches_up(cluster, full, &notes).await;
}
