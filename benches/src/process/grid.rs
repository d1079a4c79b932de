//! A grid of `sutra-node` processes of our own.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use sutra_peer::{Class, Identity, Peer, PeerSecret};
use sutra_protocol::ConceptId;
use sutra_protocol::founding::{FOUND, FoundRequest, Plan, REPLACE, ReplaceRequest};
use sutra_protocol::http::{GridResponse, GridShard};
use tempfile::TempDir;

use super::child::pause;
use super::node::{Node, Starting};
use super::questions::Questions;
use crate::setting::Setting;

/// How long a grid may take to be made, to find a leader, to catch up.
const PATIENCE: Duration = Duration::from_secs(600);
/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(50);

/// Nodes and the shards that they keep; killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Grid {
    program: PathBuf,
    places: Vec<Place>,
    client: reqwest::blocking::Client,
    runtime: tokio::runtime::Runtime,
    _directory: TempDir,
}

#[derive(Debug)]
struct Place {
    name: String,
    data: PathBuf,
    /// `HOST:PORT`, which the node keeps.
    peer: String,
    node: Option<Node>,
}

impl Grid {
    /// So many nodes, founded, each with a replica of the one shard, which has a leader; all caught up.
    pub(crate) fn start(setting: &Setting, nodes: usize) -> anyhow::Result<Self> {
        Self::of(setting, nodes, 1)
    }

    /// The same with several shards.
    pub(crate) fn of(setting: &Setting, nodes: usize, shards: u32) -> anyhow::Result<Self> {
        Self::placed(setting, nodes, Plan { shards, replicas: u32::try_from(nodes)? })
    }

    /// The same with replicas on only some of the nodes.
    pub(crate) fn placed(setting: &Setting, nodes: usize, plan: Plan) -> anyhow::Result<Self> {
        let directory = setting.directory("grid")?;
        // Each at an address of its own, where no other process is given the same port meanwhile.
        let peer = |at: u8| TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2 + at), 0))?.local_addr();
        let peers = (0..u8::try_from(nodes)?).map(|at| Ok(peer(at)?.to_string())).collect::<std::io::Result<Vec<_>>>()?;
        let places = peers.iter().enumerate().map(|(at, peer)| {
            let name = format!("node-{}", at + 1);
            Place { data: directory.path().join(&name), name, peer: peer.clone(), node: None }
        });
        let mut grid = Self {
            program: setting.node()?.to_owned(),
            places: places.collect(),
            client: reqwest::blocking::Client::builder().no_proxy().timeout(PATIENCE).build().context("make an HTTP client")?,
            runtime: tokio::runtime::Runtime::new()?,
            _directory: directory,
        };
        let mut starting = (0..nodes).map(|at| grid.spawn(at)).collect::<anyhow::Result<Vec<_>>>()?;
        starting.iter_mut().try_for_each(Starting::waits)?;
        let request = FoundRequest { nodes: peers.clone(), plan };
        grid.call(|| Peer::founding(peers[0].clone(), None), Class::Founding, FOUND, &request).context("found the grid")?;
        for (place, starting) in grid.places.iter_mut().zip(starting) {
            place.node = Some(starting.ready()?);
        }
        grid.whole()?;
        Ok(grid)
    }

    fn spawn(&self, at: usize) -> anyhow::Result<Starting> {
        let Place { name, data, peer, .. } = &self.places[at];
        Starting::spawn(&self.program, data, ["--wait-for-grid", "--node-name", name, "--peer", peer])
    }

    fn call(
        &self,
        peer: impl FnOnce() -> Peer,
        class: Class,
        service: u16,
        request: &impl serde::Serialize,
    ) -> anyhow::Result<()> {
        let payload = rmp_serde::to_vec_named(request)?;
        self.runtime.block_on(async { peer().call(class, service, 0, payload.into(), PATIENCE).await })?;
        Ok(())
    }

    /// How many nodes there are, running or not.
    pub(crate) fn size(&self) -> usize {
        self.places.len()
    }

    /// A node that runs.
    pub(crate) fn node(&self, at: usize) -> anyhow::Result<&Node> {
        let place = &self.places[at];
        place.node.as_ref().with_context(|| format!("{} does not run", place.name))
    }

    /// Its data directory.
    pub(crate) fn data(&self, at: usize) -> &Path {
        &self.places[at].data
    }

    fn take(&mut self, at: usize) -> anyhow::Result<Node> {
        let place = &mut self.places[at];
        place.node.take().with_context(|| format!("{} does not run", place.name))
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self, at: usize) -> anyhow::Result<()> {
        self.take(at)?.kill()
    }

    /// SIGTERM, and its end.
    pub(crate) fn stop(&mut self, at: usize) -> anyhow::Result<()> {
        self.take(at)?.stop()
    }

    /// Starts a node again over what it has.
    pub(crate) fn restart(&mut self, at: usize) -> anyhow::Result<()> {
        let node = self.spawn(at)?.ready()?;
        self.places[at].node = Some(node);
        Ok(())
    }

    /// Starts a node with an empty directory in the place of one that was ended, and has it take that place.
    pub(crate) fn replace(&mut self, at: usize) -> anyhow::Result<()> {
        let data = &self.places[at].data;
        std::fs::remove_dir_all(data).with_context(|| format!("empty {}", data.display()))?;
        let asked = (0..self.size()).find(|other| self.places[*other].node.is_some()).context("no node runs")?;
        let mut starting = self.spawn(at)?;
        starting.waits()?;
        let grid = self.seen_by(asked)?;
        let secret = PeerSecret::read(self.places[asked].data.join("peer-secret"))?;
        let identity = Identity::new(grid.grid_id.as_str(), "sutra-bench")?;
        let (name, address) = (self.places[at].name.clone(), self.places[at].peer.clone());
        let peer = || Peer::new(self.places[asked].peer.clone(), identity, secret);
        self.call(peer, Class::Control, REPLACE, &ReplaceRequest { name, address, lost: None }).context("replace a node")?;
        self.places[at].node = Some(starting.ready()?);
        Ok(())
    }

    /// `GET /v1/grid` of a node.
    pub(crate) fn seen_by(&self, at: usize) -> anyhow::Result<GridResponse> {
        let text = self.get(at, "/v1/grid")?;
        serde_json::from_str(&text).with_context(|| format!("understand {text}"))
    }

    /// What all nodes together have asked each other's shards since they were started.
    pub(crate) fn questions(&self) -> anyhow::Result<Questions> {
        let nodes = (0..self.size()).map(|at| Questions::read(&self.get(at, "/metrics")?)).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(nodes.into_iter().sum())
    }

    fn get(&self, at: usize, path: &str) -> anyhow::Result<String> {
        let url = format!("http://{}{path}", self.node(at)?.http);
        let reply = self.client.get(&url).send().and_then(reqwest::blocking::Response::error_for_status);
        reply.and_then(reqwest::blocking::Response::text).with_context(|| format!("ask {url}"))
    }

    /// Whether a node keeps a replica of the shard that a concept is in.
    pub(crate) fn keeps(&self, grid: &GridResponse, at: usize, id: ConceptId) -> bool {
        shard_of(grid, id).is_some_and(|shard| self.has_replica(shard, at))
    }

    /// The shards of these concepts of which a node keeps no replica.
    pub(crate) fn elsewhere(&self, grid: &GridResponse, at: usize, ids: &[ConceptId]) -> BTreeSet<u64> {
        let shards = ids.iter().filter_map(|id| shard_of(grid, *id));
        shards.filter(|shard| !self.has_replica(shard, at)).map(|shard| shard.shard).collect()
    }

    fn has_replica(&self, shard: &GridShard, at: usize) -> bool {
        shard.replicas.iter().any(|replica| replica.node == self.places[at].name)
    }

    /// Which node leads the shard, as a node that runs sees it; waits until one does.
    pub(crate) fn leader(&self) -> anyhow::Result<usize> {
        let mut found = None;
        self.until("a leader", |grid| {
            let name = grid.shards.first().and_then(|shard| shard.leader.as_deref());
            found = self.places.iter().position(|place| Some(place.name.as_str()) == name && place.node.is_some());
            found.is_some()
        })?;
        found.context("no node leads")
    }

    /// Waits until every node serves and has applied all that any has.
    pub(crate) fn whole(&self) -> anyhow::Result<()> {
        self.until("a whole grid", |grid| {
            let mut replicas = grid.shards.iter().flat_map(|shard| &shard.replicas);
            grid.healthy && grid.nodes.len() == self.size() && replicas.all(|replica| replica.lag == Some(0))
        })
    }

    fn until(&self, what: &str, mut is_so: impl FnMut(&GridResponse) -> bool) -> anyhow::Result<()> {
        let since = Instant::now();
        let mut last = None;
        while since.elapsed() < PATIENCE {
            for at in (0..self.size()).filter(|at| self.places[*at].node.is_some()) {
                match self.seen_by(at) {
                    Ok(grid) if is_so(&grid) => return Ok(()),
                    Ok(grid) => last = Some(grid.problems.join("; ")),
                    Err(error) => last = Some(error.to_string()),
                }
            }
            pause(PAUSE);
        }
        bail!("there was not {what} within {PATIENCE:?}: {}", last.unwrap_or_default())
    }
}

/// The shard that a concept is in.
fn shard_of(grid: &GridResponse, id: ConceptId) -> Option<&GridShard> {
    // Places are written as ids are, which makes their order that of the texts.
    let place = id.to_string();
    let holds = |end: &Option<String>| end.as_ref().is_none_or(|end| place < *end);
    grid.shards.iter().find(|shard| shard.range_start <= place && holds(&shard.range_end))
}
