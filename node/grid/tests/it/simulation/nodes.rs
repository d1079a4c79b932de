//! The nodes of a grid, on disks that lose what was not synced.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use sutra_disk::SimulatedDisk;
use sutra_grid::{Change, Door, Grid, GridMap, GridSetup, HostedShard, ProposedChange, Router, ShardId, found_here};
use sutra_peer::{Class, PeerSecret};
use sutra_protocol::command::{Command, Operation};
use sutra_protocol::founding::{NodeRecord, Plan};
use sutra_replication::{Call, FIRST_OTHER, Timing};
use sutra_storage::StoreConfig;
use sutra_weather::{Net, OUTSIDE, member};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::power::Powered;
use crate::cluster::{LIMIT, until};

/// By which a command is submitted to a shard's leader.
const SUBMIT: u16 = FIRST_OTHER;
/// By which a change of the map is proposed.
const PROPOSE: u16 = FIRST_OTHER + 4;
/// By which a node is asked for its map.
const MAP: u16 = FIRST_OTHER + 6;

const TIMING: Timing =
    Timing { heartbeat: Duration::from_millis(60), election: [Duration::from_millis(200), Duration::from_millis(350)] };

const CALM: Timing =
    Timing { heartbeat: Duration::from_millis(200), election: [Duration::from_millis(1_500), Duration::from_millis(2_500)] };

/// How a grid is to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    pub(super) seed: u64,
    /// Three replicas of each shard are on them at first.
    pub(super) nodes: u64,
    pub(super) shards: u32,
    pub(super) log_file_bytes: u64,
    pub(super) delta_bytes: usize,
    pub(super) timing: Timing,
}

impl Setup {
    /// Of three nodes and two shards, with room.
    pub(super) fn of(seed: u64) -> Self {
        Self { seed, nodes: 3, shards: 2, log_file_bytes: 256 << 10, delta_bytes: 48 << 20, timing: TIMING }
    }

    /// In which nobody comes to lead because the machine is busy for a while.
    pub(super) fn calm(self) -> Self {
        Self { timing: CALM, ..self }
    }
}

/// The nodes, by number.
pub(super) struct Nodes {
    setup: Setup,
    pub(super) net: Net,
    secret: PeerSecret,
    hosts: BTreeMap<u64, Host>,
    /// The last address that a node was given.
    last_address: u64,
    folder: tempfile::TempDir,
}

struct Host {
    /// Where the network finds it.
    address: u64,
    disk: SimulatedDisk,
    dir: PathBuf,
    /// By how many microseconds its wall clock is wrong.
    skew: Arc<AtomicI64>,
    /// Why it ended by itself.
    fatal: Arc<Mutex<Vec<String>>>,
    running: Option<Running>,
}

#[derive(Clone)]
pub(super) struct Running {
    pub(super) grid: Grid,
    pub(super) router: Router,
    pub(super) disk: SimulatedDisk,
    /// Cancelled when the process ends: nobody whom it has not answered by then is answered.
    pub(super) ends: CancellationToken,
}

pub(super) fn name(node: u64) -> String {
    format!("node-{node}")
}

fn record(address: u64) -> NodeRecord {
    NodeRecord { peer: address.to_string(), http: String::new(), tcp: String::new() }
}

/// A connection gives each request to the other side once. Those that come twice here are such as nodes send again themselves when they
/// had no answer: they have to be done once.
fn may_come_twice(call: &Call) -> bool {
    let is_safe = |operation: &Operation| matches!(operation, Operation::Take(_) | Operation::Delivered(_));
    call.service != SUBMIT
        || rmp_serde::from_slice::<Command>(&call.payload)
            .is_ok_and(|command| command.request.is_some() || command.operations.iter().all(is_safe))
}

impl Nodes {
    /// All running. Each shard has three replicas.
    pub(super) async fn start(setup: Setup) -> Self {
        let net = Net::doubling(setup.seed, may_come_twice);
        let folder = tempfile::tempdir().unwrap();
        let secret = PeerSecret::generate().unwrap();
        let numbers = 1..=setup.nodes;
        let nodes: Vec<_> = numbers.clone().map(|node| (name(node), record(node))).collect();
        let map = GridMap::found("grid-of-the-test".into(), &nodes, Plan { shards: setup.shards, replicas: 3 }).unwrap();
        let mut all = Self { setup, net, secret, hosts: BTreeMap::new(), last_address: 0, folder };
        for node in numbers {
            all.add(node, &map);
            all.start_node(node).await;
        }
        // Until there is meta, the map can't change: one of these is all that ever founds it.
        let leads = |running: &Running| running.grid.meta().status().leads_fully(setup.timing.lease());
        until("nobody leads meta", || all.all_running().any(|(_, running)| leads(running))).await;
        all
    }

    /// A new machine with an empty disk, which is told that it belongs to the grid.
    fn add(&mut self, node: u64, map: &GridMap) {
        self.last_address += 1;
        let address = self.last_address;
        let disk = SimulatedDisk::new(self.setup.seed ^ (address << 32));
        // The secret is not kept on the simulated disk: it does not change.
        let dir = self.folder.path().join(address.to_string());
        std::fs::create_dir_all(&dir).unwrap();
        found_here(&disk, &dir, &name(node), map, &self.secret).unwrap();
        let host = Host { address, disk, dir, skew: Arc::default(), fatal: Arc::default(), running: None };
        self.hosts.insert(node, host);
    }

    /// Starts a node with what is on its disk.
    pub(super) async fn start_node(&mut self, node: u64) {
        let end = Instant::now() + LIMIT / 2;
        // Of a process that has just ended something may still be held.
        let mut errors: Vec<String> = Vec::new();
        while let Err(error) = self.try_start(node).await {
            errors.push(error);
            errors.dedup();
            assert!(Instant::now() < end, "node {node} does not start: {errors:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn try_start(&mut self, node: u64) -> Result<(), String> {
        let host = self.hosts.get_mut(&node).unwrap();
        assert!(host.running.is_none());
        let (fatal, skew) = (Arc::clone(&host.fatal), Arc::clone(&host.skew));
        let right = StoreConfig::at(&host.dir).wall_clock;
        let store = StoreConfig {
            disk: Arc::new(host.disk.clone()),
            log_file_bytes: self.setup.log_file_bytes,
            delta_bytes: self.setup.delta_bytes,
            wall_clock: Arc::new(move || right().plus_micros(skew.load(Ordering::Acquire))),
            on_fatal: Arc::new(move |reason| fatal.lock().unwrap().push(reason.to_owned())),
            ..StoreConfig::at(&host.dir)
        };
        let secret = self.secret.clone();
        let setup = GridSetup {
            store,
            timing: self.setup.timing,
            secret,
            record: record(host.address),
            version: "0.1.0",
            check_interval: Duration::ZERO,
        };
        let door = Door::default();
        let disk = host.disk.clone();
        self.net.attach(host.address, Arc::new(Powered { disk: disk.clone(), inner: door.clone() }));
        let network = Arc::new(Powered { disk: disk.clone(), inner: self.net.transport(host.address) });
        let started = Grid::start_over(setup, &door, network).await;
        let grid = started.map_err(|error| {
            self.net.detach(host.address);
            format!("{error:?}")
        })?;
        let router = Router::of(grid.clone());
        host.running = Some(Running { grid, router, disk, ends: CancellationToken::new() });
        Ok(())
    }

    /// Stops a node in order.
    pub(super) async fn stop(&mut self, node: u64) {
        let host = self.hosts.get_mut(&node).unwrap();
        let Some(running) = host.running.take() else { return };
        running.ends.cancel();
        timeout(LIMIT, running.grid.stop()).await.expect("a node does not stop");
        self.net.detach(host.address);
    }

    /// The power of these nodes goes at once: what was not synced is lost, or not.
    pub(super) async fn crash(&mut self, nodes: &[u64]) {
        for node in nodes {
            let host = self.hosts.get_mut(node).unwrap();
            self.net.detach(host.address);
            host.disk = host.disk.crash();
            if let Some(running) = &host.running {
                running.ends.cancel();
            }
        }
        for node in nodes {
            let host = self.hosts.get_mut(node).unwrap();
            if let Some(running) = host.running.take() {
                timeout(LIMIT, running.grid.stop()).await.expect("a node does not stop");
            }
            host.fatal.lock().unwrap().clear();
        }
    }

    /// The power of a node goes in the middle of whatever it writes then.
    pub(super) fn crash_soon(&self, node: u64, writes: u64) {
        self.hosts[&node].disk.crash_after(writes);
    }

    /// A node is lost with its disk, and another takes its place under its name. All others run.
    pub(super) async fn replace(&mut self, node: u64) {
        self.crash(&[node]).await;
        let successor = record(self.last_address + 1);
        let change = Change::ReplaceNode { name: name(node), node: successor.clone() };
        let map = self.changed(&change, |map| map.nodes[&name(node)] == successor).await;
        self.add(node, &map);
        self.start_node(node).await;
    }

    /// Has a node be in a zone: where others of a group are there, one of them moves. All nodes run.
    pub(super) async fn put(&self, node: u64, zone: &str) {
        let change = Change::SetZone { name: name(node), zone: Some(zone.into()) };
        self.changed(&change, |map| map.zones.get(&name(node)).is_some_and(|known| known == zone)).await;
    }

    /// Has a shard be on these nodes, whoever is there to do it.
    pub(super) async fn place(&self, shard: ShardId, nodes: &[u64]) {
        let nodes: Vec<String> = nodes.iter().map(|node| name(*node)).collect();
        let change = Change::PlaceGroup { group: shard, nodes: nodes.clone() };
        let is_made = |map: &GridMap| map.shard(shard).unwrap().replicas.iter().map(|one| &one.node).eq(&nodes);
        self.changed(&change, is_made).await;
    }

    /// Has so many replicas made of each shard, or taken away. All nodes run.
    pub(super) async fn replicate(&self, count: u32) {
        self.changed(&Change::SetReplicas { count }, |map| map.factor() == count as usize).await;
    }

    /// Has a node told by the map to serve HTTP elsewhere; the map.
    pub(super) async fn rename(&self, node: u64, http: &str) -> GridMap {
        let renamed = NodeRecord { http: http.into(), ..record(self.address(node)) };
        let change = Change::SetNode { name: name(node), node: renamed.clone() };
        self.changed(&change, |map| map.nodes[&name(node)] == renamed).await
    }

    /// Has the map changed; ends when it is so.
    async fn changed(&self, change: &Change, is_made: impl Fn(&GridMap) -> bool) -> GridMap {
        let running: Vec<u64> = self.hosts.values().filter(|host| host.running.is_some()).map(|host| host.address).collect();
        let end = Instant::now() + LIMIT;
        loop {
            for node in &running {
                let Some(bytes) = self.ask(*node, MAP, &()).await else { continue };
                let map: GridMap = rmp_serde::from_slice(&bytes).unwrap();
                if is_made(&map) {
                    return map;
                }
                // Whoever does not lead meta does nothing; and it is changed once, whoever is asked how often.
                self.ask(*node, PROPOSE, &ProposedChange { known: map.epoch, change: change.clone() }).await;
            }
            assert!(Instant::now() < end, "the map is not changed");
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn ask(&self, address: u64, service: u16, what: &impl Serialize) -> Option<Bytes> {
        let payload = rmp_serde::to_vec_named(what).unwrap().into();
        let call = Call { class: Class::Control, service, group: 0, payload, timeout: Duration::from_secs(2) };
        self.net.transport(OUTSIDE).call(&member(address), call).await.ok()
    }

    pub(super) fn numbers(&self) -> Vec<u64> {
        self.hosts.keys().copied().collect()
    }

    /// Where the network finds a node.
    pub(super) fn address(&self, node: u64) -> u64 {
        self.hosts[&node].address
    }

    pub(super) fn running(&self, node: u64) -> Option<&Running> {
        self.hosts[&node].running.as_ref()
    }

    pub(super) fn all_running(&self) -> impl Iterator<Item = (u64, &Running)> {
        self.hosts.iter().filter_map(|(node, host)| Some((*node, host.running.as_ref()?)))
    }

    /// The node that takes commands for a shard, if one does now.
    pub(super) fn leader(&self, shard: ShardId) -> Option<u64> {
        let leads = |running: &Running| running.grid.shard(shard).is_some_and(|shard| shard.store().leads());
        self.all_running().find(|(_, running)| leads(running)).map(|(node, _)| node)
    }

    /// Waits until these shards are led by those whom the map prefers, so that they stay so, and answers who that is.
    pub(super) async fn leaders(&self, shards: [ShardId; 2]) -> [u64; 2] {
        let (_, running) = self.all_running().next().expect("a node runs");
        let map = GridMap::clone(&running.grid.map().borrow());
        let preferred = shards.map(|shard| {
            let preferred = &map.shard(shard).unwrap().preferred().unwrap().node;
            self.numbers().into_iter().find(|node| name(*node) == *preferred).unwrap()
        });
        assert_ne!(preferred[0], preferred[1]);
        until("they lead less than the map says", || shards.map(|shard| self.leader(shard)) == preferred.map(Some)).await;
        preferred
    }

    pub(super) fn set_skew(&self, node: u64, micros: i64) {
        self.hosts[&node].skew.store(micros, Ordering::Release);
    }

    /// The newest map that a running node knows.
    pub(super) fn newest_map(&self) -> GridMap {
        let maps = self.all_running().map(|(_, running)| GridMap::clone(&running.grid.map().borrow()));
        maps.max_by_key(|map| map.epoch).expect("a node runs")
    }

    /// The running replicas of each shard, by the number of their node.
    pub(super) fn replicas(&self) -> BTreeMap<ShardId, BTreeMap<u64, HostedShard>> {
        let mut all: BTreeMap<ShardId, BTreeMap<u64, HostedShard>> = BTreeMap::new();
        for (node, running) in self.all_running() {
            for shard in running.grid.shards().iter() {
                all.entry(shard.id()).or_default().insert(node, shard.clone());
            }
        }
        all
    }

    /// That none has ended by itself.
    pub(super) fn assert_sound(&self) {
        for (node, host) in &self.hosts {
            let fatal = host.fatal.lock().unwrap().clone();
            assert!(fatal.is_empty(), "node {node} has ended by itself: {fatal:?}");
        }
    }

    pub(super) async fn close(mut self) {
        for node in self.numbers() {
            self.stop(node).await;
        }
        self.assert_sound();
    }
}
