//! Writers and readers, while links are cut and delayed, requests come twice, nodes crash and lose what was not synced, disks fill up,
//! clocks jump, and leaders leave. What they were told is checked against each other, and at the end against all replicas.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sutra_disk::Random;
use sutra_protocol::command::{Command, Learn, NewConcept, Operation};
use sutra_protocol::http::OnConflict;
use sutra_protocol::{AttributeValue, Knowledge, Namespace};
use sutra_replication::Shard;
use sutra_storage::{Store, SubmitError};
use sutra_weather::{Budget, Weather, each_seed};
use tokio::time::{Instant, sleep, timeout};

use crate::cluster::{Cluster, LIMIT, Setup, command, id, until, view};

/// Each writes to concepts that no other writes to.
const WRITERS: usize = 3;
/// How many of them there are, at most.
const SUBJECTS: usize = 40 * WRITERS;
const READERS: usize = 3;
/// How long the weather is bad.
const SPAN: Duration = Duration::from_secs(4);
/// What a log says whose beginning a snapshot was to take the place of.
const NOT_IN_PLACE: &str = "the checkpoint that holds it could not be put in place";
const DAY_MICROS: u64 = 24 * 3_600 * 1_000_000;
/// How long a writer waits for an answer.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// What was told of a concept. Its value is what its one writer has written last: 1, 2, 3, …
#[derive(Default)]
struct Told {
    /// The greatest that was acknowledged or read: whoever begins to read now must not see less.
    floor: AtomicU64,
    /// The greatest that was ever proposed.
    begun: AtomicU64,
    acknowledged: Mutex<Vec<u64>>,
    /// Those that were said to be in no log.
    refused: Mutex<Vec<u64>>,
}

/// What the writers and readers see of the replicas.
#[derive(Clone)]
struct Scene {
    shards: Arc<Mutex<BTreeMap<u64, Shard>>>,
    told: Arc<Vec<Told>>,
    is_over: Arc<AtomicBool>,
    /// Nodes whose disks were full at some time.
    filled: BTreeSet<u64>,
}

impl Scene {
    /// One that leads, or says so.
    fn leading(&self, random: &mut Random) -> Option<Shard> {
        let shards = self.shards.lock().unwrap();
        let leading: Vec<&Shard> = shards.values().filter(|shard| shard.store().leads()).collect();
        // Now and then somebody asks who does not.
        let all: Vec<&Shard> = shards.values().collect();
        let from = if random.one_in(10) { all } else { leading };
        random.pick(&from).map(|shard| Shard::clone(shard))
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }
}

fn subject(of: usize) -> String {
    format!("patient {of}")
}

fn mark(of: usize, value: u64) -> String {
    format!("patient {of}, finding {value}")
}

/// Writes the value of a subject, and a concept that tells for ever that it was written.
fn write(of: usize, value: u64) -> Command {
    let mut subject = NewConcept::bare(&Namespace::default(), &subject(of), None);
    subject.attributes.insert("value".into(), AttributeValue::Integer(value as i64));
    let mark = NewConcept::bare(&Namespace::default(), &mark(of, value), None);
    command([(subject, Some(OnConflict::Merge)), (mark, None)].map(|(concept, on_conflict)| {
        Operation::Learn(Box::new(Learn { concept, on_conflict, targets: Vec::new(), associations: Vec::new() }))
    }))
}

fn value(store: &Store, of: usize) -> u64 {
    let Some(subject) = view(store).concept(id(&subject(of))) else { return 0 };
    match subject.attributes.get("value") {
        Some(AttributeValue::Integer(value)) => *value as u64,
        other => panic!("the value is {other:?}"),
    }
}

async fn write_on(scene: Scene, mut of: usize, mut random: Random) {
    let mut next = 1;
    while !scene.is_over() {
        let told = &scene.told[of];
        let Some(shard) = scene.leading(&mut random) else {
            sleep(Duration::from_millis(5)).await;
            continue;
        };
        told.begun.store(next, Ordering::Release);
        let answer = timeout(PATIENCE, shard.store().submit(write(of, next))).await;
        match answer {
            Ok(Ok(_)) => {
                told.acknowledged.lock().unwrap().push(next);
                told.floor.fetch_max(next, Ordering::AcqRel);
            }
            Ok(Err(SubmitError::NotLeader | SubmitError::Refused { .. })) => {
                told.refused.lock().unwrap().push(next);
                sleep(Duration::from_millis(3)).await;
            }
            // It may be there, or not.
            Ok(Err(SubmitError::Unknown | SubmitError::Closed)) => {}
            Ok(Err(error)) => panic!("{error}"),
            // It may still come, whenever that is: it has to be the last that is written to its concept.
            Err(_) if of + WRITERS < SUBJECTS => (of, next) = (of + WRITERS, 0),
            Err(_) => return,
        }
        next += 1;
        if random.one_in(3) {
            sleep(Duration::from_millis(random.below(10))).await;
        }
    }
}

async fn read_on(scene: Scene, mut random: Random) {
    while !scene.is_over() {
        let Some(shard) = scene.leading(&mut random) else {
            sleep(Duration::from_millis(5)).await;
            continue;
        };
        // Most of them were never written to.
        let last = scene.told.iter().rposition(|told| told.begun.load(Ordering::Acquire) > 0);
        let of = random.index(last.map_or(WRITERS, |last| last + 1));
        let told = &scene.told[of];
        let floor = told.floor.load(Ordering::Acquire);
        let Ok(Ok(index)) = timeout(PATIENCE, shard.group().read_index()).await else { continue };
        if timeout(PATIENCE, shard.store().wait_applied(index)).await.is_err() {
            continue;
        }
        let value = value(shard.store(), of);
        assert!(value >= floor, "{} was {floor}, and is {value} at {index:?} of {:?}", subject(of), shard.group().status());
        assert!(value <= told.begun.load(Ordering::Acquire), "{value} was never written");
        assert!(!told.refused.lock().unwrap().contains(&value), "{value} was refused, and is there");
        told.floor.fetch_max(value, Ordering::AcqRel);
        if random.one_in(3) {
            sleep(Duration::from_millis(random.below(5))).await;
        }
    }
}

/// Makes bad weather until the time is over.
async fn storm(cluster: &mut Cluster, scene: &mut Scene, random: &mut Random) {
    let end = Instant::now() + SPAN;
    let nodes: Vec<u64> = cluster.hosts.keys().copied().collect();
    while Instant::now() < end {
        let node = *random.pick(&nodes).unwrap();
        let other = *random.pick(&nodes).unwrap();
        match random.below(15) {
            0 | 1 => cluster.net.heal(),
            2 => cluster.net.cut(node, other),
            3 => cluster.net.part(&[node], &nodes.iter().copied().filter(|other| *other != node).collect::<Vec<_>>()),
            4 => {
                let leader = nodes.iter().copied().find(|node| cluster.is_up(*node) && cluster.store(*node).leads());
                if let Some(leader) = leader {
                    cluster.net.part(&[leader], &nodes.iter().copied().filter(|other| *other != leader).collect::<Vec<_>>());
                }
            }
            5 => {
                let weather =
                    Weather { is_cut: false, delay: random.below(80), lost_replies: random.below(20), doubled: random.below(30) };
                for from in &nodes {
                    for to in &nodes {
                        cluster.net.set(*from, *to, weather);
                    }
                }
            }
            6 | 7 if cluster.is_up(node) => {
                scene.shards.lock().unwrap().remove(&node);
                if random.one_in(3) {
                    // In the middle of whatever it is about.
                    cluster.hosts[&node].simulated.as_ref().unwrap().crash_after(1 + random.below(20));
                    sleep(Duration::from_millis(random.below(60))).await;
                }
                cluster.crash(node).await;
            }
            6..=8 if !cluster.is_up(node) => start(cluster, scene, node).await,
            8 => {
                scene.shards.lock().unwrap().remove(&node);
                cluster.stop(node).await;
            }
            9 if cluster.is_up(node) => {
                cluster.group(node).hand_over(Duration::from_millis(300)).await;
            }
            10 | 11 if cluster.is_up(node) => {
                // It fails where the power goes, and where the disk is full.
                let _ = cluster.store(node).checkpoint().await;
            }
            12 => {
                scene.filled.insert(node);
                let disk = cluster.hosts[&node].simulated.as_ref().unwrap();
                disk.set_capacity(Some(disk.used() + random.below(96 << 10)));
            }
            13 => cluster.hosts[&node].simulated.as_ref().unwrap().set_capacity(None),
            14 => {
                // Up to a day in either direction.
                let skew = random.below(2 * DAY_MICROS) as i64 - DAY_MICROS as i64;
                cluster.hosts[&node].skew.store(skew, Ordering::Release);
            }
            _ => {}
        }
        sleep(Duration::from_millis(random.below(250))).await;
    }
}

async fn start(cluster: &mut Cluster, scene: &Scene, node: u64) {
    cluster.start(node).await;
    scene.shards.lock().unwrap().insert(node, cluster.shard(node).clone());
}

async fn history(seed: u64) {
    let mut random = Random::new(seed);
    let nodes = if random.one_in(4) { 5 } else { 3 };
    let mut setup = Setup::of(nodes).seeded(seed);
    if random.one_in(2) {
        // Memory is full all the time.
        setup.delta_bytes = 20_000;
    }
    if random.one_in(2) {
        setup.log_file_bytes = 32 << 10;
    }
    let mut cluster = setup.start().await;
    let shards = cluster.hosts.keys().map(|node| (*node, cluster.shard(*node).clone())).collect();
    let told = (0..SUBJECTS).map(|_| Told::default()).collect();
    let mut scene =
        Scene { shards: Arc::new(Mutex::new(shards)), told: Arc::new(told), is_over: Arc::default(), filled: BTreeSet::new() };
    let mut people = tokio::task::JoinSet::new();
    for of in 0..WRITERS {
        people.spawn(write_on(scene.clone(), of, random.fork()));
    }
    for _ in 0..READERS {
        people.spawn(read_on(scene.clone(), random.fork()));
    }
    until("nothing is written in good weather", || scene.told.iter().any(|told| told.floor.load(Ordering::Acquire) > 0)).await;
    storm(&mut cluster, &mut scene, &mut random).await;
    cluster.net.heal();
    let nodes: Vec<u64> = cluster.hosts.keys().copied().collect();
    for node in &nodes {
        cluster.hosts[node].simulated.as_ref().unwrap().set_capacity(None);
        let failure = cluster.is_up(*node).then(|| cluster.group(*node).failure()).flatten();
        let of_installing = |why: &String| why.contains("Snapshot(") || why.contains(NOT_IN_PLACE);
        if failure.as_ref().is_some_and(of_installing) && scene.filled.contains(node) {
            // It found no room when it was put in place: that ends the process, and whoever looks after it starts it again.
            scene.shards.lock().unwrap().remove(node);
            cluster.stop(*node).await;
        }
        if !cluster.is_up(*node) {
            start(&mut cluster, &scene, *node).await;
        }
    }
    scene.is_over.store(true, Ordering::Release);
    timeout(LIMIT, async {
        while let Some(person) = people.join_next().await {
            person.unwrap_or_else(|failure| std::panic::resume_unwind(failure.into_panic()));
        }
    })
    .await
    .expect("somebody waits for ever");
    scene.shards.lock().unwrap().clear();
    for node in &nodes {
        let fatal = cluster.hosts[node].fatal.lock().unwrap().clone();
        assert!(fatal.is_empty(), "node {node} has ended by itself: {fatal:?}");
        let failure = cluster.group(*node).failure();
        assert!(failure.is_none(), "node {node} has stopped by itself: {failure:?}");
    }
    cluster.assert_equal_and_hold([]).await;
    let held = crate::cluster::Seen::of(cluster.store(nodes[0])).contents;
    let mut acknowledged = 0;
    for (of, told) in scene.told.iter().enumerate() {
        for value in told.acknowledged.lock().unwrap().iter() {
            assert!(held.contains(&mark(of, *value)), "{} was acknowledged, and is not there", mark(of, *value));
            acknowledged += 1;
        }
        for value in told.refused.lock().unwrap().iter() {
            assert!(!held.contains(&mark(of, *value)), "{} was refused, and is there", mark(of, *value));
        }
        let last = value(cluster.store(nodes[0]), of);
        assert!(last >= told.floor.load(Ordering::Acquire), "{} was {:?}, and is {last}", subject(of), told.floor);
    }
    assert!(acknowledged > 0, "nothing was written, and nothing was shown");
    cluster.close().await;
}

#[test]
fn nothing_acknowledged_is_lost_and_reads_never_go_back() {
    let command = "-p sutra-replication --test it nothing_acknowledged";
    each_seed("history", Budget { span: Duration::from_secs(20), at_once: 6, command }, history);
}
