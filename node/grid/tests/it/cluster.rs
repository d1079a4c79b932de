//! Nodes of one grid, each with a data directory and a peer port of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sutra_disk::RealDisk;
use sutra_grid::{Door, Grid, GridMap, GridSetup, HostedShard, ShardId, ShardRecord, Waiting, found_here};
use sutra_peer::{Class, Identity, Peer, PeerSecret, Server, ServerIdentity};
use sutra_protocol::command::{Applied, Command, Learn, NewConcept, Operation};
use sutra_protocol::founding::{Card, NodeRecord, Plan, REPLACE, RESIZE, ReplaceRequest, ResizeRequest};
use sutra_protocol::{AsOf, ConceptId, Knowledge, Namespace};
use sutra_replication::Timing;
use sutra_storage::{Store, StoreConfig};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Nothing that is waited for takes so long, on however noisy a machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
const VERSION: &str = "0.1.0";

/// How a grid is to be.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    nodes: u16,
    plan: Plan,
    timing: Timing,
    log_file_bytes: u64,
    log_bytes: u64,
    check_interval: Duration,
}

impl Setup {
    /// Of three nodes.
    pub(crate) fn of(shards: u32, replicas: u32) -> Self {
        let timing = Timing { heartbeat: Duration::from_millis(60), election: [200, 350].map(Duration::from_millis) };
        Self {
            nodes: 3,
            plan: Plan { shards, replicas },
            timing,
            log_file_bytes: 256 << 10,
            log_bytes: 1 << 30,
            check_interval: Duration::ZERO,
        }
    }

    /// With so many nodes.
    pub(crate) fn with_nodes(self, nodes: u16) -> Self {
        Self { nodes, ..self }
    }

    /// With a log that may not be longer.
    pub(crate) fn with_log_bytes(self, log_bytes: u64) -> Self {
        Self { log_bytes, ..self }
    }

    /// With replicas that are compared by themselves.
    pub(crate) fn with_check_interval(self, check_interval: Duration) -> Self {
        Self { check_interval, ..self }
    }

    /// Founded, with a leader of every shard and of meta.
    pub(crate) async fn start(self) -> Cluster {
        let mut cluster = self.found().await;
        for name in cluster.names() {
            cluster.start(&name).await;
        }
        cluster.led().await;
        cluster
    }

    /// Map and secret are on every node's disk, and none runs.
    pub(crate) async fn found(self) -> Cluster {
        let folder = tempfile::tempdir().unwrap();
        let secret = PeerSecret::generate().unwrap();
        let mut hosts = BTreeMap::new();
        // All at once, so that no two have the same port.
        let mut listeners = Vec::new();
        for at in 1..=self.nodes {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let record = record(&listener);
            let name = format!("node-{at}");
            hosts.insert(name.clone(), Host { dir: folder.path().join(&name), record, running: None, fatal: Arc::default() });
            listeners.push(listener);
        }
        let nodes: Vec<_> = hosts.iter().map(|(name, host)| (name.clone(), host.record.clone())).collect();
        let map = GridMap::found("grid-of-the-test".into(), &nodes, self.plan).unwrap();
        for (name, host) in &hosts {
            found_here(&RealDisk, &host.dir, name, &map, &secret).unwrap();
        }
        Cluster { setup: self, secret, hosts, map, folder }
    }
}

fn record(listener: &TcpListener) -> NodeRecord {
    NodeRecord { peer: listener.local_addr().unwrap().to_string(), http: String::new(), tcp: String::new() }
}

/// The nodes.
pub(crate) struct Cluster {
    setup: Setup,
    secret: PeerSecret,
    hosts: BTreeMap<String, Host>,
    /// As the grid was founded.
    pub(crate) map: GridMap,
    folder: tempfile::TempDir,
}

struct Host {
    dir: PathBuf,
    record: NodeRecord,
    running: Option<Running>,
    /// Why it ended by itself.
    fatal: Arc<Mutex<Vec<String>>>,
}

struct Running {
    grid: Grid,
    port: Port,
}

/// A peer port that is open.
struct Port {
    close: CancellationToken,
    serving: JoinHandle<()>,
}

impl Port {
    fn open(listener: TcpListener, identity: ServerIdentity, door: &Door) -> Self {
        let close = CancellationToken::new();
        let server = Server::new(identity, Arc::new(door.clone())).serve(listener, close.clone());
        Self { close, serving: tokio::spawn(server) }
    }

    /// Ends when another can have its address.
    async fn close(self) {
        self.close.cancel();
        self.serving.await.unwrap();
    }
}

impl Cluster {
    /// Starts a node with what is on its disk.
    pub(crate) async fn start(&mut self, name: &str) {
        let listener = TcpListener::bind(&self.hosts[name].record.peer).await.unwrap();
        let identity = Identity::new(self.map.grid_id.as_str(), name).unwrap();
        let identity = ServerIdentity::of(identity, self.secret.clone());
        let door = Door::default();
        let port = Port::open(listener, identity.clone(), &door);
        self.open(name, &door, port, &identity).await;
    }

    async fn open(&mut self, name: &str, door: &Door, port: Port, identity: &ServerIdentity) {
        let setup = self.setup;
        let host = self.hosts.get_mut(name).unwrap();
        let fatal = Arc::clone(&host.fatal);
        let store = StoreConfig {
            log_file_bytes: setup.log_file_bytes,
            log_bytes: setup.log_bytes,
            on_fatal: Arc::new(move |reason| fatal.lock().unwrap().push(reason.to_owned())),
            ..StoreConfig::at(&host.dir)
        };
        let secret = self.secret.clone();
        let setup = GridSetup {
            store,
            timing: setup.timing,
            secret,
            record: host.record.clone(),
            version: VERSION,
            check_interval: setup.check_interval,
        };
        let grid =
            Grid::start_or_rejoin(setup, door, identity).await.unwrap_or_else(|error| panic!("{name} does not start: {error:?}"));
        host.running = Some(Running { grid, port });
    }

    /// Stops a node in order.
    pub(crate) async fn stop(&mut self, name: &str) {
        let Some(Running { grid, port }) = self.hosts.get_mut(name).unwrap().running.take() else { return };
        timeout(LIMIT, grid.stop()).await.expect("a node does not stop");
        port.close().await;
    }

    /// Lets others lead what a node leads, and stops it.
    pub(crate) async fn leave(&mut self, name: &str) {
        self.grid(name).hand_over().await;
        self.stop(name).await;
    }

    /// A node that is down has lost its disk, and another takes its place under its name.
    pub(crate) async fn replace(&mut self, name: &str) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = self.hosts.get_mut(name).unwrap();
        std::fs::remove_dir_all(&host.dir).unwrap();
        host.record = record(&listener);
        let (door, identity) = (Door::default(), ServerIdentity::founding(Some(self.secret.clone())));
        let port = Port::open(listener, identity.clone(), &door);
        let card = Card { node: name.into(), record: host.record.clone(), version: VERSION.into() };
        let waiting = Waiting::at(&door, card, Arc::new(RealDisk), host.dir.clone(), Some(self.secret.clone())).unwrap();
        let request = ReplaceRequest { name: name.into(), address: host.record.peer.clone(), lost: None };
        let request = rmp_serde::to_vec_named(&request).unwrap();
        let other = self.up().into_iter().find(|other| *other != name).unwrap();
        let peer = self.peer(&other);
        let end = Instant::now() + LIMIT;
        // The lost node may have led meta.
        while let Err(refused) = peer.call(Class::Control, REPLACE, 0, request.clone().into(), LIMIT).await {
            assert!(Instant::now() < end, "it is not decided: {refused}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        timeout(LIMIT, waiting.joined()).await.expect("the new node is not invited");
        self.open(name, &door, port, &identity).await;
        identity.set(Identity::new(self.map.grid_id.as_str(), name).unwrap(), self.secret.clone());
    }

    /// A node with an empty directory waits at a peer port of its own; answers once it is told which grid it belongs to.
    pub(crate) async fn add(&mut self, name: &str) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dir = self.folder.path().join(name);
        let record = record(&listener);
        let (door, identity) = (Door::default(), ServerIdentity::founding(Some(self.secret.clone())));
        let port = Port::open(listener, identity.clone(), &door);
        let card = Card { node: name.into(), record: record.clone(), version: VERSION.into() };
        let waiting = Waiting::at(&door, card, Arc::new(RealDisk), dir.clone(), Some(self.secret.clone())).unwrap();
        self.resize(&ResizeRequest::AddNode { address: record.peer.clone(), zone: None }).await.unwrap();
        self.hosts.insert(name.into(), Host { dir, record, running: None, fatal: Arc::default() });
        timeout(LIMIT, waiting.joined()).await.expect("the new node is not invited");
        self.open(name, &door, port, &identity).await;
        identity.set(Identity::new(self.map.grid_id.as_str(), name).unwrap(), self.secret.clone());
    }

    /// Asks for other nodes, or another number of replicas; the refusal of a node that knows.
    pub(crate) async fn resize(&self, request: &ResizeRequest) -> Result<(), String> {
        let request = rmp_serde::to_vec_named(request).unwrap();
        let (peer, end) = (self.peer(&self.up()[0]), Instant::now() + LIMIT);
        loop {
            let asked = peer.call(Class::Control, RESIZE, 0, request.clone().into(), LIMIT).await;
            match asked.map(drop).map_err(|error| error.to_string()) {
                // As it says, on a busy machine meta's leader may have changed meanwhile.
                Err(refused) if refused.contains("try again") && Instant::now() < end => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                decided => return decided,
            }
        }
    }

    /// The newest map that a running node knows.
    pub(crate) fn newest_map(&self) -> GridMap {
        let maps = self.up().into_iter().map(|name| GridMap::clone(&self.grid(&name).map().borrow()));
        maps.max_by_key(|map| map.epoch).unwrap()
    }

    /// Waits until the groups are what the map says, on the nodes that run, and the map is like this.
    pub(crate) async fn settled(&self, what: &str, is_so: impl Fn(&GridMap) -> bool) {
        let seen = || {
            let map = self.newest_map();
            let is_kept = |shard: &ShardRecord| {
                let replicas = self.replicas(shard.shard);
                let on: Vec<&String> = replicas.keys().collect();
                let mut wanted: Vec<&String> = shard.replicas.iter().map(|one| &one.node).collect();
                wanted.sort_unstable();
                let mut voters: Vec<_> = shard.replicas.iter().map(|one| one.replica).collect();
                voters.sort_unstable();
                on == wanted && replicas.values().all(|one| one.group().status().voters == voters)
            };
            is_so(&map) && map.leaving.is_empty() && map.shards.iter().all(is_kept)
        };
        let end = Instant::now() + LIMIT;
        while !seen() {
            assert!(Instant::now() < end, "{what} does not come to be: {:#?}", self.newest_map());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until a node has ended because it was removed, and forgets it.
    pub(crate) async fn gone(&mut self, name: &str) {
        let host = &self.hosts[name];
        until("a node that was removed goes on", || !host.fatal.lock().unwrap().is_empty()).await;
        let why = host.fatal.lock().unwrap().clone();
        assert!(why[0].contains(&format!("{name} was removed from grid")), "{why:?}");
        self.stop(name).await;
        self.hosts.remove(name);
    }

    /// Waits until every shard has a leader that takes commands, and meta has one.
    pub(crate) async fn led(&self) {
        for shard in self.shards() {
            self.leader(shard).await;
        }
        let lease = self.setup.timing.lease();
        let leads = |name: &String| self.grid(name).meta().status().leads_fully(lease);
        until("nobody leads meta", || self.up().iter().any(leads)).await;
    }

    /// The names of all nodes.
    pub(crate) fn names(&self) -> Vec<String> {
        self.hosts.keys().cloned().collect()
    }

    /// The names of the nodes that run.
    pub(crate) fn up(&self) -> Vec<String> {
        self.hosts.iter().filter(|(_, host)| host.running.is_some()).map(|(name, _)| name.clone()).collect()
    }

    pub(crate) fn grid(&self, name: &str) -> &Grid {
        &self.hosts[name].running.as_ref().expect("the node runs").grid
    }

    /// The way to a node for somebody who knows the grid's secret.
    pub(crate) fn peer(&self, name: &str) -> Peer {
        let caller = Identity::new(self.map.grid_id.as_str(), "sutra").unwrap();
        Peer::new(self.hosts[name].record.peer.clone(), caller, self.secret.clone())
    }

    pub(crate) fn dir(&self, name: &str) -> &Path {
        &self.hosts[name].dir
    }

    pub(crate) fn shards(&self) -> Vec<ShardId> {
        self.map.shards.iter().map(|record| record.shard).collect()
    }

    /// The running replicas of a shard, by node.
    pub(crate) fn replicas(&self, shard: ShardId) -> BTreeMap<String, HostedShard> {
        let running = self.hosts.iter().filter_map(|(name, host)| Some((name, host.running.as_ref()?)));
        running.filter_map(|(name, running)| Some((name.clone(), running.grid.shard(shard)?))).collect()
    }

    /// The node that takes commands for a shard; waits for one.
    pub(crate) async fn leader(&self, shard: ShardId) -> String {
        let end = Instant::now() + LIMIT;
        loop {
            if let Some((name, _)) = self.replicas(shard).iter().find(|(_, replica)| replica.store().leads()) {
                return name.clone();
            }
            let told: Vec<_> = self.replicas(shard).iter().map(|(name, one)| (name.clone(), one.group().status())).collect();
            assert!(Instant::now() < end, "nobody leads shard {shard}: {told:#?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Who leads each shard now.
    pub(crate) async fn leaders(&self) -> BTreeMap<ShardId, String> {
        let mut leaders = BTreeMap::new();
        for shard in self.shards() {
            leaders.insert(shard, self.leader(shard).await);
        }
        leaders
    }

    /// Waits until each shard is led by the node that the map prefers.
    pub(crate) async fn evenly_led(&self) {
        let preferred: BTreeMap<ShardId, String> =
            self.map.shards.iter().map(|record| (record.shard, record.preferred().unwrap().node.clone())).collect();
        let end = Instant::now() + LIMIT;
        loop {
            let leaders = self.leaders().await;
            if leaders == preferred {
                return;
            }
            assert!(Instant::now() < end, "{leaders:?} lead, not {preferred:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Has a command written by whoever leads the shard. It may be written more than once: it has to be one that can be repeated.
    pub(crate) async fn write(&self, shard: ShardId, command: &Command) -> Applied {
        let end = Instant::now() + LIMIT;
        loop {
            let leader = self.leader(shard).await;
            let Some(hosted) = self.grid(&leader).shard(shard) else { continue };
            let store = hosted.store();
            match timeout(LIMIT / 4, store.submit(command.clone())).await {
                Ok(Ok(applied)) => return applied,
                answer => assert!(Instant::now() < end, "it can't be written: {answer:?}"),
            }
        }
    }

    /// Teaches a shard these, and waits until all of its running replicas know them.
    pub(crate) async fn teach(&self, shard: ShardId, contents: &[String]) {
        for content in contents {
            let applied = self.write(shard, &learn(content)).await;
            self.applied(shard, &applied).await;
        }
        for (name, replica) in self.replicas(shard) {
            assert_eq!(missing(replica.store(), contents), Vec::<&str>::new(), "{name} does not know them");
        }
    }

    /// Waits until all running replicas of a shard have applied a command.
    pub(crate) async fn applied(&self, shard: ShardId, applied: &Applied) {
        for (name, replica) in self.replicas(shard) {
            if timeout(LIMIT, replica.store().wait_applied(applied.index)).await.is_err() {
                panic!("{name} does not apply {applied:?}: {:#?}", replica.group().status());
            }
        }
    }

    /// Contents whose concepts are in the range of a shard.
    pub(crate) fn contents(&self, shard: ShardId, what: &str, count: usize) -> Vec<String> {
        let range = self.map.shard(shard).unwrap().range();
        let all = (0..).map(|number| format!("{what} {number}"));
        all.filter(|content| range.keeps(id(content))).take(count).collect()
    }

    pub(crate) async fn close(mut self) {
        for name in self.up() {
            self.stop(&name).await;
        }
        for (name, host) in &self.hosts {
            let fatal = host.fatal.lock().unwrap().clone();
            assert!(fatal.is_empty(), "{name} had ended: {fatal:?}");
        }
    }
}

/// Those of these that a store does not know.
pub(crate) fn missing<'a>(store: &Store, contents: &'a [String]) -> Vec<&'a str> {
    let view = store.view(&Namespace::default(), AsOf { valid_at: None, known_at: None }).unwrap();
    contents.iter().filter(|content| view.concept(id(content)).is_none()).map(String::as_str).collect()
}

pub(crate) fn learn(content: &str) -> Command {
    let concept = NewConcept::bare(&Namespace::default(), content, None);
    command(Operation::Learn(Box::new(Learn { concept, on_conflict: None, targets: Vec::new(), associations: Vec::new() })))
}

pub(crate) fn command(operation: Operation) -> Command {
    Command {
        namespace: Namespace::default(),
        asserted_by: "dr.rao".into(),
        request: None,
        operations: vec![operation],
        foreign: Vec::new(),
    }
}

pub(crate) fn id(content: &str) -> ConceptId {
    ConceptId::derive(&Namespace::default(), content, None)
}

/// Waits until it is so.
pub(crate) async fn until(otherwise: &str, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("{otherwise}"));
}
