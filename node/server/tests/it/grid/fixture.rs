//! A grid of processes: three at first, if nothing else is said.
//!
//! Each node listens at an address of its own; its peer port is reached through a proxy, which has the address that it advertises.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, Signal, prlimit};
use serde_json::Value;
use sutra_peer::{CallError, Class, Identity, Peer, PeerSecret};
use sutra_protocol::founding::{FOUND, FoundRequest, Founded, Plan, RESIZE, ResizeRequest};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::proxy::Proxies;
use crate::address::Addresses;
use crate::node::{Node, Starting, program};

pub(super) const NODES: usize = 3;

/// How a grid is to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) nodes: usize,
    pub(super) shards: u32,
    pub(super) replicas: u32,
}

impl Shape {
    /// Three nodes, each with a replica of all.
    pub(super) fn of(shards: u32) -> Self {
        Self { nodes: NODES, shards, replicas: NODES as u32 }
    }
}

/// More than anything takes on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);
/// How long to wait before something is looked at again.
const PAUSE: Duration = Duration::from_millis(20);

/// Runs what the tests do themselves: proxies, and calls to peer ports.
pub(super) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
}

/// Looks until there is an answer.
pub(super) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(since.elapsed() < PATIENCE, "{what} did not come to be in {PATIENCE:?}");
        std::thread::sleep(PAUSE);
    }
}

/// Ports of a host that are free, and other than its peer port, whether its node runs or not.
fn free_beside<const N: usize>(peer: SocketAddr, addresses: Addresses, host: u8) -> [SocketAddr; N] {
    // It fails where the node itself holds it.
    let _held = TcpListener::bind(peer);
    addresses.free(host)
}

/// Most lines of a node's log that a failed test tells.
const TOLD: usize = 60;

impl Drop for Grid {
    fn drop(&mut self) {
        for place in self.places.iter().filter(|_| std::thread::panicking()) {
            let State::Up(node) = &place.state else { continue };
            let log = node.logged();
            println!("{}:\n{}", place.name, log[log.len().saturating_sub(TOLD)..].join("\n"));
        }
    }
}

/// Where a node of a grid is, and its process.
struct Place {
    name: String,
    dir: PathBuf,
    http: SocketAddr,
    tcp: SocketAddr,
    peer: SocketAddr,
    /// Where the others find it: its proxy.
    advertised: SocketAddr,
    state: State,
}

enum State {
    Down,
    /// It was removed from the grid.
    Gone,
    Waiting(Starting),
    Up(Node),
}

impl Place {
    /// Where a node can be, beside the others.
    fn free(number: u8, addresses: Addresses, proxies: &mut Proxies, dir: &Path) -> Self {
        let name = format!("node-{number}");
        let own = addresses.host(number);
        let advertised = proxies.open(&name, addresses.host(100 + number), own);
        let peer = SocketAddr::new(own, advertised.port());
        let [http, tcp] = free_beside(peer, addresses, number);
        Self { dir: dir.join(&name), name, http, tcp, peer, advertised, state: State::Down }
    }
}

/// A grid of processes, killed when this is dropped.
pub(super) struct Grid {
    places: Vec<Place>,
    shape: Shape,
    flags: Vec<String>,
    pub(super) proxies: Proxies,
    client: reqwest::blocking::Client,
    addresses: Addresses,
    dir: TempDir,
}

impl Grid {
    /// Three nodes that run, wait for a grid, and have nothing.
    pub(super) fn waiting(flags: &[&str]) -> Self {
        Self::waiting_as(Shape::of(1), flags)
    }

    fn waiting_as(shape: Shape, flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let addresses = Addresses::fresh();
        let mut proxies = Proxies::default();
        let mut places = Vec::new();
        for number in 1..=shape.nodes as u8 {
            places.push(Place::free(number, addresses, &mut proxies, dir.path()));
        }
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let client = reqwest::blocking::Client::builder().timeout(PATIENCE).pool_max_idle_per_host(0).build().unwrap();
        let mut grid = Self { places, shape, flags, proxies, client, addresses, dir };
        (0..shape.nodes).for_each(|at| grid.start_waiting(at));
        grid
    }

    /// A grid of one shard that has a leader.
    pub(super) fn start(flags: &[&str]) -> Self {
        Self::of(1, flags)
    }

    /// A grid whose shards have leaders.
    pub(super) fn of(shards: u32, flags: &[&str]) -> Self {
        Self::shaped(Shape::of(shards), flags)
    }

    /// The same of any shape.
    pub(super) fn shaped(shape: Shape, flags: &[&str]) -> Self {
        let mut grid = Self::waiting_as(shape, flags);
        grid.found().unwrap();
        (0..shape.nodes).for_each(|at| grid.ready(at));
        grid.healthy();
        grid
    }

    /// How many nodes it has.
    pub(super) fn size(&self) -> usize {
        self.places.len()
    }

    /// The nodes that were not removed, by their places.
    pub(super) fn members(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.places.len()).filter(|at| !matches!(self.places[*at].state, State::Gone))
    }

    /// Starts one more node, which waits for a grid; its place.
    pub(super) fn another(&mut self) -> usize {
        let at = self.places.len();
        let place = Place::free(at as u8 + 1, self.addresses, &mut self.proxies, self.dir.path());
        self.places.push(place);
        self.start_waiting(at);
        at
    }

    /// Asks a node for other nodes, or another number of replicas, as `sutra cluster` does.
    pub(super) fn resize(&self, asked: usize, request: &ResizeRequest) -> Result<(), CallError> {
        let grid = until("a node that knows its grid", || self.get(asked, "/v1/grid"));
        let identity = Identity::new(grid["grid_id"].as_str().unwrap(), "sutra").unwrap();
        let secret = PeerSecret::read(self.places[asked].dir.join("peer-secret")).unwrap();
        let peer = Peer::new(self.places[asked].advertised.to_string(), identity, secret);
        let request = rmp_serde::to_vec_named(request).unwrap();
        let runtime = runtime();
        until("an answer of somebody who can decide", || {
            let call = async { peer.call(Class::Control, RESIZE, 0, request.clone().into(), PATIENCE).await };
            // As it says, on a busy machine meta's leader may have changed meanwhile.
            let decided = runtime.block_on(call).map(drop);
            (!decided.as_ref().is_err_and(|error| error.to_string().contains("try again"))).then_some(decided)
        })
    }

    /// That node `at` becomes one of the grid.
    pub(super) fn adding(&self, at: usize) -> ResizeRequest {
        ResizeRequest::AddNode { address: self.places[at].advertised.to_string(), zone: None }
    }

    /// Waits until a node that was removed says so, and counts it no more. It answers for a while yet, and says that nobody should come.
    pub(super) fn gone(&mut self, at: usize) {
        let sentence = format!("{} was removed from grid", self.places[at].name);
        until("the end of a node that was removed", || {
            self.node(at).logged().iter().any(|line| line.contains(&sentence)).then_some(())
        });
        until("a node that was removed is unready, and answers", || {
            let status = |path: &str| Some(self.client.get(self.url(at, path)).send().ok()?.status());
            (status("/readyz")? == 503 && status("/v1/export?consistency=strong")? == 200).then_some(())
        });
        self.kill(at);
        self.places[at].state = State::Gone;
    }

    /// Asks the first node to make a grid of all.
    pub(super) fn found(&self) -> Result<Founded, CallError> {
        self.found_through(0)
    }

    /// Asks this node to make a grid of all, itself first.
    pub(super) fn found_through(&self, first: usize) -> Result<Founded, CallError> {
        let mut nodes: Vec<String> = self.places.iter().map(|place| place.advertised.to_string()).collect();
        nodes.rotate_left(first);
        let founder = nodes[0].clone();
        let request = FoundRequest { nodes, plan: Plan { shards: self.shape.shards, replicas: self.shape.replicas } };
        let request = rmp_serde::to_vec_named(&request).unwrap();
        let call = async { Peer::founding(founder, None).call(Class::Founding, FOUND, 0, request.into(), PATIENCE).await };
        runtime().block_on(call).map(|reply| rmp_serde::from_slice(&reply).unwrap())
    }

    /// The command that runs a node; `more` may say again what is said here, but for its directory.
    pub(super) fn command(&self, at: usize, more: &[&str]) -> Command {
        let place = &self.places[at];
        let [http, tcp, peer] = [place.http, place.tcp, place.peer].map(|address| address.to_string());
        let host = place.advertised.ip().to_string();
        let flags = [
            ["--http", http.as_str()],
            ["--tcp", tcp.as_str()],
            ["--peer", peer.as_str()],
            ["--advertise", host.as_str()],
            ["--node-name", place.name.as_str()],
        ];
        let mut arguments = vec!["serve", "--data-dir", place.dir.to_str().unwrap()];
        for flag in flags.iter().filter(|flag| !more.contains(&flag[0])) {
            arguments.extend(flag);
        }
        arguments.extend(self.flags.iter().map(String::as_str));
        arguments.extend(more);
        // A write beyond a file's limit fails then, as on a full disk, and does not end the process.
        let ignoring = ["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_sutra-node")];
        program("/bin/sh", ignoring.into_iter().chain(arguments))
    }

    /// Starts a node, and waits until it waits for a grid.
    pub(super) fn start_waiting(&mut self, at: usize) {
        let mut starting = Starting::spawn(&mut self.command(at, &["--wait-for-grid"]));
        assert!(starting.says("waiting for a grid http="), "{} ended: {:#?}", self.places[at].name, starting.seen());
        self.places[at].state = State::Waiting(starting);
    }

    /// Starts a node, wherever it is in its life.
    pub(super) fn spawn(&mut self, at: usize) {
        self.places[at].state = State::Waiting(Starting::spawn(&mut self.command(at, &["--wait-for-grid"])));
    }

    /// Waits until a node serves.
    pub(super) fn ready(&mut self, at: usize) {
        let place = &mut self.places[at];
        match std::mem::replace(&mut place.state, State::Down) {
            State::Waiting(starting) => place.state = State::Up(starting.ready()),
            State::Up(node) => place.state = State::Up(node),
            State::Down | State::Gone => panic!("{} is down", place.name),
        }
    }

    /// Starts a node of a grid that is there already.
    pub(super) fn restart(&mut self, at: usize) {
        let mut starting = self.command(at, &[]);
        self.places[at].state = State::Up(Node::start(&mut starting));
    }

    /// SIGKILL, and the end of it.
    pub(super) fn kill(&mut self, at: usize) {
        match std::mem::replace(&mut self.places[at].state, State::Down) {
            State::Down | State::Gone => {}
            State::Waiting(starting) => starting.kill(),
            State::Up(node) => node.kill(),
        }
    }

    /// SIGTERM, and the clean end that must follow.
    pub(super) fn stop(&mut self, at: usize) {
        match std::mem::replace(&mut self.places[at].state, State::Down) {
            State::Up(node) => node.stop(),
            State::Waiting(_) | State::Down | State::Gone => panic!("{} does not serve", self.places[at].name),
        }
    }

    /// From now on a node has other ports for its clients.
    pub(super) fn moves(&mut self, at: usize) {
        [self.places[at].http, self.places[at].tcp] = free_beside(self.places[at].peer, self.addresses, at as u8 + 1);
    }

    pub(super) fn tcp(&self, at: usize) -> SocketAddr {
        self.places[at].tcp
    }

    /// A port at which nobody looks for the node.
    pub(super) fn another_port(&self, at: usize) -> SocketAddr {
        let [other] = free_beside(self.places[at].peer, self.addresses, at as u8 + 1);
        other
    }

    pub(super) fn signal(&self, at: usize, signal: Signal) {
        self.node(at).signal(signal);
    }

    /// From now on a node can write nothing behind this many bytes of a file; `None`: as it likes.
    pub(super) fn limit_files(&self, at: usize, bytes: Option<u64>) {
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(self.node(at).process()), Resource::Fsize, limit).unwrap();
    }

    pub(super) fn node(&self, at: usize) -> &Node {
        match &self.places[at].state {
            State::Up(node) => node,
            State::Waiting(_) | State::Down | State::Gone => panic!("{} does not serve", self.places[at].name),
        }
    }

    pub(super) fn name(&self, at: usize) -> &str {
        &self.places[at].name
    }

    pub(super) fn dir(&self, at: usize) -> &PathBuf {
        &self.places[at].dir
    }

    pub(super) fn advertised(&self, at: usize) -> SocketAddr {
        self.places[at].advertised
    }

    /// The beginnings of the nodes' URLs, which they keep.
    pub(super) fn urls(&self) -> Vec<String> {
        self.places.iter().map(|place| format!("http://{}", place.http)).collect()
    }

    pub(super) fn client(&self) -> &reqwest::blocking::Client {
        &self.client
    }

    pub(super) fn url(&self, at: usize, path: &str) -> String {
        format!("http://{}{path}", self.places[at].http)
    }

    /// What a node answers to GET, if it answers well.
    pub(super) fn get(&self, at: usize, path: &str) -> Option<Value> {
        let reply = self.client.get(self.url(at, path)).send().ok()?;
        if reply.status().is_success() { reply.json().ok() } else { None }
    }

    /// Which node leads the shard; waits until one does, and a node that serves knows it.
    pub(super) fn leader(&self) -> usize {
        until("a leader", || {
            let up = self.members().filter(|at| matches!(self.places[*at].state, State::Up(_)));
            up.filter_map(|at| self.get(at, "/health/detailed").map(|health| (at, health)))
                .find(|(_, health)| health["shards"][0]["role"] == "leader")
                .map(|(at, _)| at)
        })
    }

    /// Another node than this.
    pub(super) fn other(&self, than: usize) -> usize {
        (than + 1) % self.size()
    }

    /// Waits until all nodes serve, have caught up, and say that nothing is wrong.
    pub(super) fn healthy(&self) {
        for at in self.members() {
            until("a ready node", || self.get(at, "/readyz"));
            until("a whole grid", || self.get(at, "/v1/grid").filter(|grid| grid["healthy"] == true));
        }
    }

    /// What a node exports, as sorted lines.
    pub(super) fn export(&self, at: usize) -> Vec<String> {
        let exported = until("an export", || {
            let reply = self.client.get(self.url(at, "/v1/export?consistency=strong")).send().ok()?;
            if reply.status().is_success() { reply.text().ok() } else { None }
        });
        let mut lines: Vec<String> = exported.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    }

    /// What every node exports: the same.
    pub(super) fn exports(&self) -> Vec<String> {
        self.healthy();
        let exports: Vec<Vec<String>> = self.members().map(|at| self.export(at)).collect();
        for (at, export) in exports.iter().enumerate().skip(1) {
            let differing = export.iter().filter(|line| exports[0].binary_search(line).is_err());
            let missing = exports[0].iter().filter(|line| export.binary_search(line).is_err());
            let differing: Vec<&String> = differing.chain(missing).take(4).collect();
            assert!(*export == exports[0], "{} exports something else than {}: {differing:#?}", self.name(at), self.name(0));
        }
        exports.into_iter().next().unwrap()
    }
}
