//! Replicas that are not what their group knows: found, not read, and made anew from the others, while everything else goes on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use sutra_grid::{CheckOutcome, ShardId};
use sutra_peer::Class;
use sutra_protocol::Namespace;
use sutra_protocol::command::{Amend, Command, Edit, LogIndex, Operation, RequestKey};
use sutra_protocol::concept::AttributeValue;
use sutra_protocol::founding::{CHECK, CheckReport, CheckRequest};
use sutra_storage::{Committed, Consensus, Cut, Directory, Fate, Placement, Proposal, Quarantined, Store, StoreConfig};
use sutra_wal::LogPoint;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::cluster::{Cluster, LIMIT, Setup, command, id, learn, missing, until};

/// Compares the replicas of a shard, asking any node, as `sutra cluster check` does.
async fn check(cluster: &Cluster, shard: ShardId) -> CheckReport {
    let request = rmp_serde::to_vec_named(&CheckRequest::default()).unwrap();
    let end = Instant::now() + LIMIT;
    loop {
        let asked = cluster.peer(&cluster.up()[0]).call(Class::Control, CHECK, shard.0, request.clone().into(), LIMIT).await;
        match asked {
            Ok(reply) => return rmp_serde::from_slice(&reply).unwrap(),
            // Who leads may be another by now.
            Err(refused) => assert!(Instant::now() < end, "shard {shard} can't be checked: {refused}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Checks until it comes to this.
async fn until_checked(cluster: &Cluster, shard: ShardId, outcome: CheckOutcome) -> CheckReport {
    let end = Instant::now() + LIMIT;
    loop {
        let report = check(cluster, shard).await;
        if report.outcome == outcome.as_str() {
            return report;
        }
        assert!(Instant::now() < end, "it does not come to {outcome:?}: {report:#?}");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Somebody who goes on teaching all shards, wherever they are led.
struct Load {
    stops: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    teaching: JoinHandle<()>,
}

impl Load {
    fn begin(cluster: &Cluster) -> Self {
        let (stops, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let grids: Vec<_> = cluster.up().iter().map(|name| cluster.grid(name).clone()).collect();
        let contents: Vec<(ShardId, Vec<String>)> =
            cluster.shards().into_iter().map(|shard| (shard, cluster.contents(shard, "load", 64))).collect();
        let (stopping, counted) = (Arc::clone(&stops), Arc::clone(&written));
        let teaching = tokio::spawn(async move {
            let mut at = 0;
            while !stopping.load(Ordering::Relaxed) {
                at += 1;
                for (shard, contents) in &contents {
                    let replicas = grids.iter().filter_map(|grid| grid.shard(*shard));
                    let Some(leader) = replicas.into_iter().find(|replica| replica.store().leads()) else { continue };
                    let command = learn(&contents[at % contents.len()]);
                    let written = timeout(LIMIT / 4, leader.store().submit(command)).await;
                    counted.fetch_add(u64::from(matches!(written, Ok(Ok(_)))), Ordering::Relaxed);
                }
                sleep(Duration::from_millis(10)).await;
            }
        });
        Self { stops, written, teaching }
    }

    async fn end(self) {
        until("nothing is written meanwhile", || self.written.load(Ordering::Relaxed) > 0).await;
        self.stops.store(true, Ordering::Relaxed);
        self.teaching.await.unwrap();
    }
}

/// A node whose replica of a shard follows.
async fn follower(cluster: &Cluster, shard: ShardId) -> String {
    let leader = cluster.leader(shard).await;
    cluster.names().into_iter().rfind(|name| *name != leader).unwrap()
}

fn placement(cluster: &Cluster, shard: ShardId, node: &str) -> Placement {
    let map = cluster.newest_map();
    let record = map.shard(shard).unwrap();
    let replica = record.replicas.iter().find(|replica| replica.node == node).unwrap().replica.0;
    Placement { shard: shard.0, replica, range: record.range(), epoch: map.epoch.0 }
}

fn folder(dir: &Path, shard: ShardId) -> PathBuf {
    if shard.0 == 1 { dir.into() } else { dir.join("shards").join(shard.0.to_string()) }
}

/// The largest segment of a replica.
fn segment(dir: &Path, shard: ShardId) -> PathBuf {
    let files = std::fs::read_dir(folder(dir, shard).join("segments")).unwrap().map(|file| file.unwrap());
    let segments = files.filter(|file| file.path().extension().is_some_and(|kind| kind == "sutradat"));
    segments.max_by_key(|file| file.metadata().unwrap().len()).expect("it has a segment").path()
}

fn flip(file: &Path, at: impl FnOnce(usize) -> usize) {
    let mut bytes = std::fs::read(file).unwrap();
    let at = at(bytes.len());
    bytes[at] ^= 0x10;
    std::fs::write(file, bytes).unwrap();
}

/// That a node's replica of a shard is healed, its others were left alone, and all replicas know everything.
async fn healed(cluster: &Cluster, node: &str, shard: ShardId, contents: &[String]) {
    let numbers = || cluster.grid(node).numbers();
    until("it is not healed", || numbers().replicas_healed >= 1 && numbers().quarantined.is_empty()).await;
    assert_eq!(numbers().replicas_quarantined, 1, "another was disturbed, too");
    until_checked(cluster, shard, CheckOutcome::Equal).await;
    let replica = cluster.grid(node).shard(shard).expect("it is read again");
    until("it does not know everything", || missing(replica.store(), contents).is_empty()).await;
}

async fn taught(cluster: &Cluster) -> Vec<(ShardId, Vec<String>)> {
    let mut all = Vec::new();
    for shard in cluster.shards() {
        // One is so long that it is in blocks of its own, in the middle of a segment.
        let long = cluster.contents(shard, &"On and on. ".repeat(16 << 10), 1);
        let contents = [cluster.contents(shard, "before", 40), long].concat();
        cluster.teach(shard, &contents).await;
        for replica in cluster.replicas(shard).values() {
            replica.store().checkpoint().await.unwrap();
        }
        all.push((shard, contents));
    }
    all
}

/// What is done to a node's directory.
type Damage<'a> = (&'static str, &'a dyn Fn(&Path));

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_whose_files_are_damaged_is_healed_while_the_others_serve() {
    let mut cluster = Setup::of(2, 3).start().await;
    let all = taught(&cluster).await;
    let (shard, contents) = &all[0];
    until_checked(&cluster, *shard, CheckOutcome::Equal).await;
    let node = follower(&cluster, *shard).await;
    let damages: [Damage<'_>; 4] = [
        ("in the middle of a segment", &|dir| flip(&segment(dir, *shard), |bytes| bytes / 2)),
        ("in the head of a segment", &|dir| flip(&segment(dir, *shard), |_| 20)),
        ("a segment is gone", &|dir| std::fs::remove_file(segment(dir, *shard)).unwrap()),
        ("in the manifest", &|dir| flip(&folder(dir, *shard).join("MANIFEST"), |bytes| bytes / 2)),
    ];
    for (what, damage) in damages {
        eprintln!("{what}");
        cluster.stop(&node).await;
        damage(cluster.dir(&node));
        cluster.start(&node).await;
        let load = Load::begin(&cluster);
        // What nobody reads is found by whoever looks.
        check(&cluster, *shard).await;
        healed(&cluster, &node, *shard, contents).await;
        load.end().await;
        for (shard, contents) in &all {
            cluster.teach(*shard, contents).await;
            until_checked(&cluster, *shard, CheckOutcome::Equal).await;
        }
    }
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_is_healed_however_much_its_shard_remembers() {
    /// More than what a message between nodes holds, each with the whole of a long text.
    const REQUESTS: usize = 18;
    let mut cluster = Setup::of(1, 3).start().await;
    let shard = cluster.shards()[0];
    let long = "x".repeat(1 << 20);
    cluster.teach(shard, std::slice::from_ref(&long)).await;
    let request = |at: usize| RequestKey { key: format!("order-{at}"), digest: 7 };
    for at in 0..REQUESTS {
        let amend = Amend {
            id: id(&long),
            expected: None,
            aliases: None,
            attributes: [("read".into(), Some(AttributeValue::Integer(at as i64)))].into(),
            confidence: None,
            valid_from: Edit::Keep,
            valid_to: Edit::Keep,
        };
        let amend = Command { request: Some(request(at)), ..command(Operation::Amend(Box::new(amend))) };
        cluster.write(shard, &amend).await;
    }
    let node = follower(&cluster, shard).await;
    for replica in cluster.replicas(shard).values() {
        replica.store().checkpoint().await.unwrap();
    }
    cluster.stop(&node).await;
    let manifest = folder(cluster.dir(&node), shard).join("MANIFEST");
    assert!(manifest.metadata().unwrap().len() > sutra_peer::FRAME_BYTES as u64, "nothing would be shown");
    flip(&manifest, |bytes| bytes / 2);
    cluster.start(&node).await;
    healed(&cluster, &node, shard, &[long]).await;
    let healed = cluster.grid(&node).shard(shard).unwrap();
    for at in 0..REQUESTS {
        let remembered = healed.store().remembered(&Namespace::default(), &request(at));
        assert!(matches!(remembered, Some(Ok(applied)) if applied.repeated), "request {at}");
    }
    drop(healed);
    cluster.close().await;
}

/// Nobody else is asked.
struct Nobody;

impl Consensus for Nobody {
    fn propose(&self, _: Vec<u8>, proposal: Proposal) {
        proposal.resolve(Fate::Refused);
    }

    fn checkpointed(&self, _: LogIndex) {}

    fn cut(&self, _: LogIndex, cut: Cut) {
        cut.resolve(Ok(()));
    }
}

#[derive(Serialize)]
struct Entry {
    proposal: u64,
    commands: Vec<Stamped>,
}

#[derive(Serialize)]
struct Stamped {
    recorded_at: i64,
    command: Command,
}

/// The replica of a stopped node takes something else for the next entry than what its group has agreed on, and has it in a segment
/// whose checksums are right.
async fn lead_astray(cluster: &mut Cluster, shard: ShardId, node: &str) {
    let placement = placement(cluster, shard, node);
    cluster.stop(node).await;
    let leader = cluster.leader(shard).await;
    cluster.teach(shard, &cluster.contents(shard, "what is so", 3)).await;
    let term = cluster.grid(&leader).shard(shard).unwrap().group().status().term;
    let config = StoreConfig::at(cluster.dir(node));
    let directory = Directory::open(&config, &cluster.map.grid_id).unwrap();
    let store = Store::replica(&directory, &placement, config, Arc::new(Nobody)).unwrap();
    let command = learn(&cluster.contents(shard, "what is not so", 1)[0]);
    let entry = Entry { proposal: 0, commands: vec![Stamped { recorded_at: store.now().as_micros(), command }] };
    let point = LogPoint { index: LogIndex(store.applied().0 + 1), term };
    store.apply(vec![Committed { point, payload: rmp_serde::to_vec_named(&entry).unwrap() }]).await.unwrap();
    store.checkpoint().await.unwrap();
    store.close().await;
    drop(store);
    directory.close().unwrap();
    cluster.start(node).await;
    let last = cluster.grid(&leader).shard(shard).unwrap().store().applied();
    let replica = cluster.grid(node).shard(shard).unwrap();
    timeout(LIMIT, replica.store().wait_applied(last)).await.expect("it does not go on from there");
    assert_eq!(missing(replica.store(), &cluster.contents(shard, "what is not so", 1)), Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_knows_something_else_is_found_and_healed() {
    let mut cluster = Setup::of(2, 3).start().await;
    let all = taught(&cluster).await;
    let (shard, contents) = &all[0];
    let node = follower(&cluster, *shard).await;
    lead_astray(&mut cluster, *shard, &node).await;
    let load = Load::begin(&cluster);
    let replica = placement(&cluster, *shard, &node).replica;
    let report = until_checked(&cluster, *shard, CheckOutcome::Diverged).await;
    let wrong: Vec<u64> = report.replicas.iter().filter(|one| one.wrong).map(|one| one.replica).collect();
    assert_eq!(wrong, [replica], "{report:#?}");
    healed(&cluster, &node, *shard, contents).await;
    load.end().await;
    let healthy = cluster.grid(&node).shard(*shard).unwrap();
    assert_eq!(healthy.group().replica().0, replica, "it keeps its number, its log and its vote");
    let astray = cluster.contents(*shard, "what is not so", 1);
    assert_eq!(missing(healthy.store(), &astray), [astray[0].as_str()], "it still knows what is not so");
    drop(healthy);
    // It has everything on its disk, too.
    cluster.stop(&node).await;
    cluster.start(&node).await;
    until_checked(&cluster, *shard, CheckOutcome::Equal).await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_knows_something_else_than_the_others_is_healed_by_them() {
    let mut cluster = Setup::of(1, 3).start().await;
    let all = taught(&cluster).await;
    let (shard, contents) = &all[0];
    let node = follower(&cluster, *shard).await;
    lead_astray(&mut cluster, *shard, &node).await;
    let replica = cluster.grid(&node).shard(*shard).unwrap().group().replica();
    let end = Instant::now() + LIMIT;
    let report = loop {
        let leader = cluster.leader(*shard).await;
        if leader == node {
            if let Ok(report) = cluster.grid(&node).check(*shard).await {
                break report;
            }
        } else if let Some(leads) = cluster.grid(&leader).shard(*shard) {
            leads.group().hand_over_to(replica, LIMIT / 10).await;
        }
        assert!(Instant::now() < end, "{node} does not come to lead");
    };
    assert_eq!(report.outcome, "diverged", "{report:#?}");
    assert!(report.replicas.iter().all(|one| one.wrong == (one.node == node)), "{report:#?}");
    healed(&cluster, &node, *shard, contents).await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quarantine_outlasts_the_process_and_ends_when_the_others_are_there() {
    let mut cluster = Setup::of(2, 3).start().await;
    let all = taught(&cluster).await;
    let (shard, contents) = &all[1];
    let node = follower(&cluster, *shard).await;
    let replica = placement(&cluster, *shard, &node).replica;
    for name in cluster.names() {
        cluster.stop(&name).await;
    }
    let config = StoreConfig::at(cluster.dir(&node));
    let directory = Directory::open(&config, &cluster.map.grid_id).unwrap();
    directory.quarantine(shard.0, Quarantined { replica, reason: "as the test says".into() }).unwrap();
    directory.close().unwrap();
    cluster.start(&node).await;
    let status = cluster.grid(&node).status();
    let role = |shard: ShardId| status.replicas.iter().find(|one| one.shard == shard).unwrap().role.clone();
    assert_eq!(role(*shard), "quarantined");
    assert_ne!(role(all[0].0), "quarantined");
    assert!(cluster.grid(&node).shard(*shard).is_none(), "nobody reads it");
    assert_eq!(cluster.grid(&node).quarantined()[&shard.0].reason, "as the test says");
    for name in cluster.names() {
        if name != node {
            cluster.start(&name).await;
        }
    }
    healed(&cluster, &node, *shard, contents).await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_replica_of_a_shard_is_never_given_up_however_damaged_it_is() {
    let mut cluster = Setup::of(3, 1).start().await;
    let all = taught(&cluster).await;
    let (shard, contents) = &all[0];
    let node = cluster.leader(*shard).await;
    let file = {
        let dir = cluster.dir(&node);
        segment(dir, *shard)
    };
    cluster.stop(&node).await;
    flip(&file, |bytes| bytes / 2);
    let damaged = std::fs::read(&file).unwrap();
    cluster.start(&node).await;
    cluster.leader(*shard).await;
    let hosted = cluster.grid(&node).shard(*shard).unwrap();
    until("the damage is not found", || {
        missing(hosted.store(), contents);
        hosted.store().damage().is_some()
    })
    .await;
    let refused = cluster.grid(&node).check(*shard).await.unwrap_err();
    assert!(refused.contains("one replica"), "{refused}");
    drop(hosted);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(cluster.grid(&node).numbers().replicas_quarantined, 0);
    assert_eq!(std::fs::read(&file).unwrap(), damaged, "it is as it was");
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_are_compared_by_themselves_now_and_then() {
    let cluster = Setup::of(2, 3).with_check_interval(Duration::from_secs(2)).start().await;
    let all = taught(&cluster).await;
    let load = Load::begin(&cluster);
    let count = |shard: ShardId, outcome: CheckOutcome| -> u64 {
        let counts = cluster.up().into_iter().flat_map(|name| cluster.grid(&name).numbers().checks);
        counts.filter(|(of, what, _)| *of == shard.0 && *what == outcome).map(|(_, _, count)| count).sum()
    };
    for (shard, _) in &all {
        let before = count(*shard, CheckOutcome::Equal);
        until("it is not compared", || count(*shard, CheckOutcome::Equal) >= before + 2).await;
        for outcome in [CheckOutcome::Diverged, CheckOutcome::Undecided] {
            assert_eq!(count(*shard, outcome), 0);
        }
    }
    load.end().await;
    cluster.close().await;
}

/// The oldest file of a node's log that has a successor, so that damage in it can't be a torn tail.
fn log_file(dir: &Path) -> PathBuf {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir.join("wal")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort_unstable();
    assert!(files.len() > 1, "{files:?}");
    files.remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_log_is_damaged_comes_anew_under_other_numbers() {
    let mut cluster = Setup::of(2, 3).start().await;
    let all = taught(&cluster).await;
    let node = follower(&cluster, all[0].0).await;
    // Enough for several files of the log.
    for (shard, _) in &all {
        cluster.write(*shard, &learn(&"of which nobody has heard ".repeat(16 << 10))).await;
    }
    let before: Vec<u64> = all.iter().map(|(shard, _)| placement(&cluster, *shard, &node).replica).collect();
    cluster.stop(&node).await;
    flip(&log_file(cluster.dir(&node)), |bytes| bytes / 2);
    let load = Load::begin(&cluster);
    timeout(LIMIT, cluster.start(&node)).await.expect("it does not come");
    for ((shard, contents), before) in all.iter().zip(before) {
        until("it gets no replica", || cluster.grid(&node).shard(*shard).is_some()).await;
        let replica = cluster.grid(&node).shard(*shard).unwrap();
        assert_ne!(replica.group().replica().0, before, "it has the number whose votes it does not know");
        let own = replica.group().replica();
        until("it does not get its vote", || replica.group().status().voters.contains(&own)).await;
        until("it does not know everything", || missing(replica.store(), contents).is_empty()).await;
    }
    load.end().await;
    cluster.settled("the old replicas have left", |_| true).await;
    for (shard, _) in &all {
        until_checked(&cluster, *shard, CheckOutcome::Equal).await;
    }
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn most_replicas_of_a_shard_may_be_in_quarantine_at_once_if_one_is_sound() {
    let mut cluster = Setup::of(2, 3).start().await;
    let all = taught(&cluster).await;
    let (shard, contents) = &all[0];
    for name in ["node-1", "node-2", "node-3"] {
        cluster.stop(name).await;
    }
    for name in ["node-1", "node-3"] {
        std::fs::remove_file(segment(cluster.dir(name), *shard)).unwrap();
    }
    for name in ["node-1", "node-2", "node-3"] {
        cluster.start(name).await;
    }
    for name in ["node-1", "node-3"] {
        healed(&cluster, name, *shard, contents).await;
    }
    assert_eq!(cluster.grid("node-2").numbers().replicas_quarantined, 0);
    for (shard, contents) in &all {
        cluster.teach(*shard, contents).await;
    }
    cluster.close().await;
}
