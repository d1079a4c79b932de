//! Replicas of one shard in one process, each with a data directory of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sutra_disk::{Disk, RealDisk, SimulatedDisk};
use sutra_peer::{Handler, Refusal, Request};
use sutra_protocol::command::{Applied, Command, Learn, LogIndex, NewConcept, Operation};
use sutra_protocol::{AsOf, Association, AssociationKey, Concept, Knowledge, Namespace};
use sutra_replication::{Group, Groups, Node, ReplicaId, Shard, Syncer, Timing};
use sutra_storage::{Directory, Placement, Store, StoreConfig, SubmitError, View};
use sutra_wal::{AppendError, GroupId};
use sutra_weather::{Net, member};
use tokio::time::{Instant, timeout};

use crate::slow::Slow;

/// Nothing that is waited for takes so long, on however noisy a machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
const GRID: &str = "grid-of-the-test";
/// The one shard.
pub(crate) const GROUP: GroupId = GroupId::FIRST_SHARD;

/// The services of a snapshot's transfer.
const TRANSFER: std::ops::RangeInclusive<u16> = 3..=5;

/// How a cluster is to be.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) nodes: u64,
    pub(crate) seed: u64,
    pub(crate) timing: Timing,
    /// On the operating system's files.
    pub(crate) is_real: bool,
    pub(crate) log_file_bytes: u64,
    pub(crate) delta_bytes: usize,
}

impl Setup {
    /// On disks that lose what was not synced.
    pub(crate) fn of(nodes: u64) -> Self {
        let timing = Timing { heartbeat: Duration::from_millis(60), election: [200, 350].map(Duration::from_millis) };
        Self { nodes, seed: 7, timing, is_real: false, log_file_bytes: 256 << 10, delta_bytes: 48 << 20 }
    }

    pub(crate) fn on_real_files(self) -> Self {
        Self { is_real: true, ..self }
    }

    pub(crate) fn seeded(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Founded on node 1, with a leader that takes commands.
    pub(crate) async fn start(self) -> Cluster {
        let mut cluster = Cluster {
            setup: self,
            net: Net::new(self.seed),
            hosts: BTreeMap::new(),
            transfer_delay: Arc::default(),
            install_delay: Arc::default(),
            folder: tempfile::tempdir().unwrap(),
        };
        for node in 1..=self.nodes {
            cluster.add(node).await;
        }
        let members = (1..=self.nodes).map(|node| (ReplicaId(node), member(node))).collect();
        cluster.group(1).found(members).await.unwrap();
        cluster.leader().await;
        cluster
    }
}

/// The replicas.
pub(crate) struct Cluster {
    pub(crate) setup: Setup,
    pub(crate) net: Net,
    pub(crate) hosts: BTreeMap<u64, Host>,
    /// By how many milliseconds each message of a snapshot's transfer is late, and no other.
    pub(crate) transfer_delay: Arc<AtomicU64>,
    /// How many milliseconds it takes to put a received file in place.
    pub(crate) install_delay: Arc<AtomicU64>,
    folder: tempfile::TempDir,
}

/// A node: its disk, and what runs on it.
pub(crate) struct Host {
    /// `None`: it is on the operating system's.
    pub(crate) simulated: Option<SimulatedDisk>,
    dir: PathBuf,
    /// The number of its replica.
    replica: u64,
    pub(crate) running: Option<Running>,
    /// By how many microseconds its wall clock is wrong.
    pub(crate) skew: Arc<AtomicI64>,
    /// Why it ended by itself.
    pub(crate) fatal: Arc<Mutex<Vec<String>>>,
}

pub(crate) struct Running {
    pub(crate) shard: Shard,
    directory: Directory,
}

impl Host {
    fn disk(&self) -> Arc<dyn Disk> {
        match &self.simulated {
            Some(disk) => Arc::new(disk.clone()),
            None => Arc::new(RealDisk),
        }
    }
}

impl Cluster {
    /// Starts an empty node.
    pub(crate) async fn add(&mut self, node: u64) {
        let simulated = (!self.setup.is_real).then(|| SimulatedDisk::new(self.setup.seed ^ (node << 32)));
        let dir = if self.setup.is_real { self.folder.path().join(node.to_string()) } else { "/node".into() };
        self.hosts
            .insert(node, Host { simulated, dir, replica: node, running: None, skew: Arc::default(), fatal: Arc::default() });
        self.start(node).await;
    }

    /// Starts a node with what is on its disk.
    pub(crate) async fn start(&mut self, node: u64) {
        self.try_start(node).await.unwrap_or_else(|error| panic!("node {node} does not start: {error}"));
    }

    pub(crate) async fn try_start(&mut self, node: u64) -> Result<(), String> {
        let setup = self.setup;
        let host = self.hosts.get_mut(&node).unwrap();
        assert!(host.running.is_none());
        let fatal = Arc::clone(&host.fatal);
        let tell = move |reason: &str| fatal.lock().unwrap().push(reason.to_owned());
        let disk: Arc<dyn Disk> = Arc::new(Slow { inner: host.disk(), delay: Arc::clone(&self.install_delay) });
        let skew = Arc::clone(&host.skew);
        let right = StoreConfig::at(&host.dir).wall_clock;
        let config = StoreConfig {
            disk: Arc::clone(&disk),
            log_file_bytes: setup.log_file_bytes,
            delta_bytes: setup.delta_bytes,
            wall_clock: Arc::new(move || right().plus_micros(skew.load(Ordering::Acquire))),
            on_fatal: Arc::new(tell.clone()),
            ..StoreConfig::at(&host.dir)
        };
        let directory = Directory::open(&config, GRID).map_err(|error| format!("{error:?}"))?;
        let (syncer, _) = Syncer::start(directory.log().clone(), tell).unwrap();
        let incoming = host.dir.join("incoming");
        let groups = Groups::default();
        self.net.attach(node, answering(groups.clone(), Arc::clone(&self.transfer_delay)));
        let transport = self.net.transport(node);
        let shared = Node { log: directory.log().clone(), syncer, disk, incoming, transport, groups, timing: setup.timing };
        let placement = Placement { replica: host.replica, ..Placement::ALONE };
        let shard = Shard::start(&shared, &directory, placement, config).await;
        let shard = shard.map_err(|error| format!("{error:?}"))?;
        host.running = Some(Running { shard, directory });
        Ok(())
    }

    /// Starts a node that is down with an empty disk, for another replica than it had.
    pub(crate) async fn renew(&mut self, node: u64, replica: u64) {
        let host = self.hosts.get_mut(&node).unwrap();
        host.simulated = Some(SimulatedDisk::new(self.setup.seed ^ (replica << 32)));
        host.replica = replica;
        self.start(node).await;
    }

    /// Stops a node in order.
    pub(crate) async fn stop(&mut self, node: u64) {
        let Some(running) = self.hosts.get_mut(&node).unwrap().running.take() else { return };
        timeout(LIMIT, running.shard.stop()).await.expect("a replica does not stop");
        self.net.detach(node);
        drop(running.shard);
        match running.directory.close() {
            Ok(()) => {}
            // What it would have written is a hint for its next start.
            Err(AppendError::Refused(error)) if error.kind() == ErrorKind::StorageFull => {}
            Err(error) => panic!("the log of node {node} can't be closed: {error}"),
        }
    }

    /// The power of a node goes: what was not synced is lost, or not.
    pub(crate) async fn crash(&mut self, node: u64) {
        self.net.detach(node);
        let host = self.hosts.get_mut(&node).unwrap();
        let disk = host.simulated.take().expect("only a simulated disk loses something");
        let after = disk.crash();
        if let Some(running) = host.running.take() {
            timeout(LIMIT, running.shard.stop()).await.expect("a replica does not stop");
        }
        host.simulated = Some(after);
        host.fatal.lock().unwrap().clear();
    }

    pub(crate) fn up(&self) -> Vec<u64> {
        self.hosts.iter().filter(|(_, host)| host.running.is_some()).map(|(node, _)| *node).collect()
    }

    pub(crate) fn is_up(&self, node: u64) -> bool {
        self.hosts[&node].running.is_some()
    }

    fn running(&self, node: u64) -> &Running {
        self.hosts[&node].running.as_ref().expect("the node runs")
    }

    pub(crate) fn shard(&self, node: u64) -> &Shard {
        &self.running(node).shard
    }

    pub(crate) fn group(&self, node: u64) -> &Group {
        self.shard(node).group()
    }

    pub(crate) fn store(&self, node: u64) -> &Store {
        self.shard(node).store()
    }

    pub(crate) fn log(&self, node: u64) -> &sutra_wal::Log {
        self.running(node).directory.log()
    }

    /// Waits until one of the nodes takes commands.
    pub(crate) async fn leader_among(&self, nodes: &[u64]) -> u64 {
        let leads = || nodes.iter().copied().find(|node| self.is_up(*node) && self.store(*node).leads());
        until("none of the replicas leads", || leads().is_some()).await;
        loop {
            if let Some(leader) = leads() {
                return leader;
            }
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn leader(&self) -> u64 {
        self.leader_among(&self.up()).await
    }

    /// Has a command written by whoever leads among these. It may be written more than once: it has to be one that can be repeated.
    pub(crate) async fn write_among(&self, nodes: &[u64], command: &Command) -> (u64, Applied) {
        let end = Instant::now() + LIMIT;
        loop {
            let leader = self.leader_among(nodes).await;
            match timeout(LIMIT / 4, self.store(leader).submit(command.clone())).await {
                Ok(Ok(applied)) => return (leader, applied),
                answer => assert!(Instant::now() < end, "it can't be written: {answer:?}"),
            }
        }
    }

    pub(crate) async fn learn(&self, content: &str) -> (u64, LogIndex) {
        let (leader, applied) = self.write_among(&self.up(), &learn(content)).await;
        (leader, applied.index)
    }

    /// Waits until all running replicas have applied what the leader has.
    pub(crate) async fn settle(&self) {
        let (_, index) = self.learn("the last word").await;
        for node in self.up() {
            self.applied(node, index).await;
        }
    }

    pub(crate) async fn applied(&self, node: u64, index: LogIndex) {
        let wait = self.store(node).wait_applied(index);
        if timeout(LIMIT, wait).await.is_err() {
            panic!("node {node} does not apply {index:?}: {:#?} {:?}", self.group(node).status(), self.hosts[&node].fatal);
        }
    }

    pub(crate) fn knows(&self, node: u64, content: &str) -> bool {
        view(self.store(node)).concept(id(content)).is_some()
    }

    /// That all running replicas hold the same, and these.
    pub(crate) async fn assert_equal_and_hold<'a>(&self, contents: impl IntoIterator<Item = &'a str>) {
        let up = self.up();
        let points = || up.iter().map(|node| self.store(*node).progress()).collect::<Vec<_>>();
        let end = Instant::now() + LIMIT;
        let seen = loop {
            self.settle().await;
            // Commands whose callers have gone away may still be written.
            let before = points();
            let seen: Vec<Seen> = up.iter().map(|node| Seen::of(self.store(*node))).collect();
            if before.iter().all(|point| *point == before[0]) && before == points() {
                break seen;
            }
            assert!(Instant::now() < end, "the replicas are never at one point: {before:?}");
        };
        for (node, other) in up.iter().zip(&seen).skip(1) {
            assert!(seen[0] == *other, "replicas {} and {node} differ: {:#?}", up[0], seen[0].difference(other));
        }
        let missing: Vec<_> = contents.into_iter().filter(|content| !seen[0].contents.contains(*content)).collect();
        assert!(missing.is_empty(), "acknowledged, and not there: {missing:?}");
    }

    pub(crate) async fn close(mut self) {
        for node in self.up() {
            self.stop(node).await;
            let fatal = self.hosts[&node].fatal.lock().unwrap().clone();
            assert!(fatal.is_empty(), "node {node} had ended: {fatal:?}");
        }
    }
}

/// All that a replica knows.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    concepts: Vec<Concept>,
    associations: Vec<Association>,
    pub(crate) contents: BTreeSet<String>,
}

impl Seen {
    pub(crate) fn of(store: &Store) -> Self {
        const PAGE: usize = 1_000;
        let view = view(store);
        let mut concepts: Vec<Concept> = Vec::new();
        loop {
            let more = view.concepts(concepts.last().map(|last| last.id), PAGE);
            concepts.extend(more.iter().map(|concept| Concept::clone(concept)));
            if more.len() < PAGE {
                break;
            }
        }
        let mut associations: Vec<Association> = Vec::new();
        loop {
            let last: Option<AssociationKey> = associations.last().map(|last| last.key.clone());
            let more = view.associations(last.as_ref(), PAGE);
            let is_last = more.len() < PAGE;
            associations.extend(more);
            if is_last {
                break;
            }
        }
        let contents = concepts.iter().map(|concept| concept.content.to_string()).collect();
        Self { concepts, associations, contents }
    }

    fn difference(&self, other: &Self) -> Vec<String> {
        let only = |one: &Self, other: &Self| -> Vec<String> {
            one.concepts
                .iter()
                .filter(|concept| !other.concepts.contains(concept))
                .map(|concept| format!("{concept:?}"))
                .collect()
        };
        [only(self, other), only(other, self)].concat()
    }
}

/// Who answers for a node that has nothing but replicas.
fn answering(groups: Groups, transfer_delay: Arc<AtomicU64>) -> Arc<dyn Handler> {
    Arc::new(move |request: Request| {
        let (groups, transfer_delay) = (groups.clone(), Arc::clone(&transfer_delay));
        async move {
            if TRANSFER.contains(&request.service) {
                tokio::time::sleep(Duration::from_millis(transfer_delay.load(Ordering::Acquire))).await;
            }
            groups.handle(request.service, request.group, &request.payload).await.map_err(Refusal::new)
        }
    })
}

pub(crate) fn learn(content: &str) -> Command {
    let concept = NewConcept::bare(&Namespace::default(), content, None);
    command([Operation::Learn(Box::new(Learn { concept, on_conflict: None, targets: Vec::new(), associations: Vec::new() }))])
}

pub(crate) fn command(operations: impl IntoIterator<Item = Operation>) -> Command {
    let operations = operations.into_iter().collect();
    Command { namespace: Namespace::default(), asserted_by: "dr.rao".into(), request: None, operations, foreign: Vec::new() }
}

pub(crate) fn id(content: &str) -> sutra_protocol::ConceptId {
    sutra_protocol::ConceptId::derive(&Namespace::default(), content, None)
}

pub(crate) fn view(store: &Store) -> View {
    store.view(&Namespace::default(), AsOf { valid_at: None, known_at: None }).unwrap()
}

/// Whether an answer leaves open what becomes of the write.
pub(crate) fn is_open(answer: &Result<Applied, SubmitError>) -> bool {
    matches!(answer, Err(SubmitError::Unknown | SubmitError::Closed))
}

/// Waits until it is so.
pub(crate) async fn until(otherwise: &str, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("{otherwise}"));
}
