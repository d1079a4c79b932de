//! A node of a grid: its replicas, and its part in meta.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use sutra_disk::Disk;
use sutra_peer::{Class, Identity, PeerSecret};
use sutra_protocol::command::LogIndex;
use sutra_protocol::founding::NodeRecord;
use sutra_replication::{
    Call, Group, GroupSetup, Groups, Member, Node, PeerPool, ReplicaId, Role, Shard, StartError, Syncer, Timing, Transport,
};
use sutra_storage::{Directory, OnFatal, OpenError, Placement, Store, StoreConfig};
use sutra_wal::GroupId;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::answers::{Answers, status};
use crate::asking::{Asking, announce};
use crate::converge;
use crate::door::Door;
use crate::map::{Epoch, GridMap, ReplicaRecord};
use crate::messages::{Index, NodeStatus, READ_INDEX, SCRUB, STATUS};
use crate::meta::{self, MetaFile, MetaFileError, MetaMachine};
use crate::numbers::{self, ReplicaNumbers, Watched};
use crate::replace;
use crate::words;

/// What a node needs to take its place in its grid.
#[derive(Clone, Debug)]
pub struct GridSetup {
    /// Its data directory, and how much of everything it may have.
    pub store: StoreConfig,
    /// Raft's timers.
    pub timing: Timing,
    /// The grid's secret.
    pub secret: PeerSecret,
    /// Where others find it now.
    pub record: NodeRecord,
    /// Its release.
    pub version: &'static str,
}

/// A node of a grid. Cheap to clone; all clones are the same node.
#[derive(Clone)]
pub struct Grid(Arc<Inner>);

struct Inner {
    node: String,
    version: &'static str,
    directory: Directory,
    pool: Arc<PeerPool>,
    meta: Group,
    machine: Arc<MetaMachine>,
    shard: Shard,
    door: Door,
    /// Set once this replica has come to what its leader had when it was asked first.
    caught_up: Arc<AtomicBool>,
    watched: Arc<Watched>,
    /// How often a command was given to a leader again.
    retries: AtomicU64,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl std::fmt::Debug for Grid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grid").field("node", &self.0.node).finish_non_exhaustive()
    }
}

/// Why a node can't take its place in its grid.
#[derive(Debug, thiserror::Error)]
pub enum GridError {
    /// The map on its disk.
    #[error(transparent)]
    Map(#[from] MetaFileError),
    /// There is no map on its disk.
    #[error("the data directory belongs to no grid")]
    NoGrid,
    /// Its files.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its replicas.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Meta's replica.
    #[error("meta's log can't be used: {0}")]
    Meta(String),
    /// The grid keeps nothing here.
    #[error("the grid has no replica on node {node}")]
    NoReplica {
        /// This node.
        node: String,
    },
    /// It is found elsewhere than its grid believes.
    #[error("the grid knows node {node} at {known}, and its peer port is {found} now: the other nodes would look for it in vain")]
    Moved {
        /// This node.
        node: String,
        /// What the map says.
        known: String,
        /// What the configuration says.
        found: String,
    },
    /// The system has no thread, or a name is no name.
    #[error("start the node: {0}")]
    System(String),
}

/// How long a leader that leaves looks for a successor.
const HAND_OVER: Duration = Duration::from_secs(3);
/// How long other nodes have for a question.
const QUESTION: Duration = Duration::from_secs(2);
/// How long to wait before something is tried again.
const PAUSE: Duration = Duration::from_millis(250);

impl Grid {
    /// Takes this node's place in the grid that its data directory belongs to, and answers the other nodes at `door`.
    ///
    /// # Errors
    /// A [`GridError`] whose text is a sentence for the operator.
    pub async fn start(setup: GridSetup, door: &Door) -> Result<Self, GridError> {
        let file = MetaFile::read(&*setup.store.disk, &setup.store.dir)?.ok_or(GridError::NoGrid)?;
        let (node, map) = (file.node.clone(), file.map.clone());
        let known = map.nodes.get(&node).map(|record| record.peer.clone()).unwrap_or_default();
        if known != setup.record.peer {
            return Err(GridError::Moved { node, known, found: setup.record.peer });
        }
        let own = |replicas: &[ReplicaRecord]| {
            let replica = replicas.iter().find(|record| record.node == node).map(|record| record.replica);
            replica.ok_or_else(|| GridError::NoReplica { node: node.clone() })
        };
        let meta_replica = own(&map.meta)?;
        let shard = map.shards.first().ok_or_else(|| GridError::NoReplica { node: node.clone() })?;
        let shard_replica = own(&shard.replicas)?;

        let (config, grid_id) = (setup.store.clone(), map.grid_id.clone());
        let opened = tokio::task::spawn_blocking(move || Directory::open(&config, &grid_id)).await;
        let directory = opened.map_err(|error| GridError::System(error.to_string()))??;
        let on_fatal = setup.store.on_fatal.clone();
        let fatal = on_fatal.clone();
        let syncer = Syncer::start(directory.log().clone(), move |reason| fatal(reason));
        let (syncer, _) = syncer.map_err(|error| GridError::System(error.to_string()))?;
        let identity =
            Identity::new(map.grid_id.as_str(), node.as_str()).map_err(|error| GridError::System(error.to_string()))?;
        let pool = Arc::new(PeerPool::new(identity, setup.secret.clone()));
        let shared = Node {
            log: directory.log().clone(),
            syncer,
            disk: Arc::clone(directory.disk()),
            incoming: directory.path().join("incoming"),
            transport: Arc::clone(&pool) as Arc<dyn Transport>,
            groups: Groups::default(),
            timing: setup.timing,
        };
        let machine = Arc::new(MetaMachine::new(Arc::clone(directory.disk()), directory.path().to_owned(), file));
        let meta_setup = GroupSetup { group: GroupId::META, replica: meta_replica };
        let meta = Group::start(&shared, meta_setup, Arc::clone(&machine) as _).await.map_err(GridError::Meta)?;
        let placement = Placement { replica: shard_replica.0, ..Placement::ALONE };
        let shard = match Shard::start(&shared, &directory, placement, setup.store).await {
            Ok(shard) => shard,
            Err(error) => {
                meta.stop().await;
                return Err(error.into());
            }
        };
        let asking = Arc::new(Asking { meta: meta.clone(), machine: Arc::clone(&machine), pool: Arc::clone(&pool) });
        let handler = Answers {
            asking: Arc::clone(&asking),
            secret: setup.secret.clone(),
            node: node.as_str().into(),
            version: setup.version,
            groups: shared.groups.clone(),
            meta: meta.clone(),
            shard: shard.clone(),
        };
        door.open(Arc::new(handler));
        let mut tasks = Vec::new();
        // Later maps are meta's work, so its group exists; and one that takes the founder's place must not found it again.
        if map.founder == node && map.epoch == Epoch::FIRST {
            let of_shard = map.members(shard_replicas(&map));
            // Meta comes last: while there is none, the map stays as it is.
            let groups = [(shard.group().clone(), of_shard), (meta.clone(), map.members(&map.meta))];
            tasks.push(tokio::spawn(async move {
                for (group, members) in groups {
                    found(group, members).await;
                }
            }));
        }
        tasks.push(tokio::spawn(meta::keep_short(meta.clone())));
        tasks.push(tokio::spawn(announce(Arc::clone(&asking), node.clone(), setup.record)));
        tasks.push(tokio::spawn(converge::keep(meta.clone(), machine.map(), |map| &map.meta)));
        tasks.push(tokio::spawn(converge::keep(shard.group().clone(), machine.map(), shard_replicas)));
        tasks.push(tokio::spawn(replace::look_after_awaited(Arc::clone(&asking), setup.secret)));
        let replaced = replace::notice_replacement(asking, node.clone(), vec![meta_replica.0, shard_replica.0]);
        let fatal = on_fatal.clone();
        tasks.push(tokio::spawn(async move { fatal(&replaced.await) }));
        let watched = Arc::new(Watched::default());
        tasks.push(tokio::spawn(numbers::watch(shard.group().clone(), Arc::clone(&watched))));
        for group in [meta.clone(), shard.group().clone()] {
            tasks.push(tokio::spawn(end_with(group, on_fatal.clone())));
        }
        let caught_up = Arc::new(AtomicBool::new(false));
        tasks.push(tokio::spawn(catch_up(shard.clone(), Arc::clone(&pool), Arc::clone(&caught_up))));
        Ok(Self(Arc::new(Inner {
            node,
            version: setup.version,
            directory,
            pool,
            meta,
            machine,
            shard,
            door: door.clone(),
            caught_up,
            watched,
            retries: AtomicU64::new(0),
            tasks,
        })))
    }

    /// Who the node of a data directory is; `None`: it belongs to no grid of several nodes.
    ///
    /// # Errors
    /// Its map can't be read.
    pub fn member(disk: &dyn Disk, dir: &std::path::Path) -> Result<Option<Identity>, GridError> {
        let Some(file) = MetaFile::read(disk, dir)? else { return Ok(None) };
        let identity = Identity::new(file.map.grid_id, file.node);
        identity.map(Some).map_err(|error| GridError::System(error.to_string()))
    }

    /// This node's name.
    pub fn node(&self) -> &str {
        &self.0.node
    }

    /// Its release.
    pub fn version(&self) -> &'static str {
        self.0.version
    }

    /// The store of its replica.
    pub fn store(&self) -> &Store {
        self.0.shard.store()
    }

    /// The group of its replica.
    pub fn shard(&self) -> &Group {
        self.0.shard.group()
    }

    /// Its replica of meta.
    pub fn meta(&self) -> &Group {
        &self.0.meta
    }

    /// The map, and its changes.
    pub fn map(&self) -> watch::Receiver<Arc<GridMap>> {
        self.0.machine.map()
    }

    /// Whether this node's replica has caught up once since its start, or nobody leads it.
    pub fn has_caught_up(&self) -> bool {
        self.0.caught_up.load(Ordering::Acquire) || self.shard().leader().is_none()
    }

    /// Whether what this node has may be from before its start, or nothing at all, while a leader could tell what is missing. A replica
    /// that is new has nothing to answer with even where nobody leads.
    pub(crate) fn is_behind(&self) -> bool {
        let caught_up = self.0.caught_up.load(Ordering::Acquire);
        !caught_up && (self.shard().leader().is_some() || self.store().progress().applied.is_none())
    }

    /// Asks another node.
    pub(crate) async fn ask(
        &self,
        to: &Member,
        class: Class,
        service: u16,
        payload: Bytes,
        timeout: Duration,
    ) -> Result<Bytes, sutra_peer::CallError> {
        let group = self.shard().id().0;
        self.0.pool.call(to, Call { class, service, group, payload, timeout }).await
    }

    /// How this node is.
    pub fn status(&self) -> NodeStatus {
        status(&self.0.node, self.0.version, [&self.0.meta, self.0.shard.group()])
    }

    /// How another node says that it is.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn status_of(&self, node: &str) -> Result<NodeStatus, String> {
        if node == self.0.node {
            return Ok(self.status());
        }
        let map = Arc::clone(&self.map().borrow());
        let record = map.nodes.get(node).ok_or("the grid has no such node")?;
        let member = Member { node: node.to_owned(), address: record.peer.clone() };
        let reply = self.ask(&member, Class::Control, STATUS, Bytes::new(), QUESTION).await;
        words::decode(&reply.map_err(|error| error.to_string())?)
    }

    /// Lets others lead what this node leads. It goes on serving.
    pub async fn hand_over(&self) {
        let (shard, meta) = tokio::join!(self.shard().hand_over(HAND_OVER), self.0.meta.hand_over(HAND_OVER));
        if !(shard && meta) {
            tracing::warn!("no other node leads yet what this one led; the others elect a leader once it is gone");
        }
    }

    /// Leaves the grid until the next start. What is acknowledged stays on the disk.
    pub async fn stop(&self) {
        self.0.door.close();
        self.0.tasks.iter().for_each(tokio::task::JoinHandle::abort);
        self.0.shard.stop().await;
        self.0.meta.stop().await;
        let directory = self.0.directory.clone();
        match tokio::task::spawn_blocking(move || directory.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the log could not be marked as whole; nothing acknowledged is lost"),
            Err(error) => tracing::error!(%error, "closing the log failed"),
        }
    }

    /// A command is given to a leader again.
    pub(crate) fn count_retry(&self) {
        self.0.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// What an operator watches of this node's replica.
    pub fn numbers(&self) -> ReplicaNumbers {
        let status = self.shard().status();
        let (leader_changes, behind) = self.0.watched.seen(Instant::now());
        let (peer_calls, peer_failures) = self.0.pool.calls();
        ReplicaNumbers {
            shard: self.shard().id().0,
            role: status.role,
            term: status.term,
            leader_changes,
            last: status.last.unwrap_or_default().0,
            applied: status.applied.map(|at| at.index).unwrap_or_default().0,
            lag_seconds: behind.as_secs_f64(),
            snapshots_sent: self.shard().snapshots_sent(),
            retries: self.0.retries.load(Ordering::Relaxed),
            peer_calls,
            peer_failures,
        }
    }
}

/// Those of the one shard.
fn shard_replicas(map: &GridMap) -> &[ReplicaRecord] {
    map.shards.first().map_or(&[], |shard| &shard.replicas)
}

/// Calls a group into being; a group that exists stays as it is.
async fn found(group: Group, members: sutra_replication::Members) {
    while let Err(error) = group.found(members.clone()).await {
        tracing::warn!(group = %group.id(), error, "the group could not be founded yet");
        tokio::time::sleep(PAUSE).await;
    }
}

/// How far a read on this node has to wait, as the shard's leader says; `None`: nobody says it now.
pub(crate) async fn read_index(grid: &Grid, until: Instant) -> Index {
    let left = until.saturating_duration_since(Instant::now());
    index_of(grid.shard(), &grid.0.pool, left.min(QUESTION)).await
}

async fn index_of(group: &Group, pool: &PeerPool, timeout: Duration) -> Index {
    let (leader, member) = group.leader()?;
    if leader == group.replica() {
        return group.read_index().await.ok();
    }
    let call = Call { class: Class::Control, service: READ_INDEX, group: group.id().0, payload: Bytes::new(), timeout };
    let reply = pool.call(&member, call).await.ok()?;
    words::decode::<Index>(&reply).ok().flatten()
}

/// Ends the process once a replica has failed: what it knows is on the disk, and the next start goes on from there.
async fn end_with(group: Group, on_fatal: OnFatal) {
    if group.wait_until(Duration::MAX, |status| status.role == Role::Stopped).await.is_some() {
        let why = group.failure().unwrap_or_else(|| "it was stopped".into());
        on_fatal(&format!("the replica {} of group {} has failed: {why}", group.replica(), group.id()));
    }
}

/// Notes when the replica has come to what its leader had.
async fn catch_up(shard: Shard, pool: Arc<PeerPool>, caught_up: Arc<AtomicBool>) {
    let index = loop {
        match index_of(shard.group(), &pool, QUESTION).await {
            Some(index) => break index,
            None => tokio::time::sleep(PAUSE).await,
        }
    };
    shard.store().wait_applied(index).await;
    caught_up.store(true, Ordering::Release);
}

/// The replica that leads the shard, if it is known, and whether it is this node's.
pub(crate) fn shard_leader(grid: &Grid) -> Option<(ReplicaId, Member, bool)> {
    let (leader, member) = grid.shard().leader()?;
    Some((leader, member, leader == grid.shard().replica()))
}

/// Has every other replica say that what an entry erased has left its files.
pub(crate) async fn scrub_others(grid: &Grid, index: LogIndex, until: Instant) -> Result<(), String> {
    let own = grid.shard().replica();
    let payload = Bytes::from(words::encode(&index)?);
    let others: Vec<Member> =
        grid.shard().status().members.into_iter().filter(|(id, _)| *id != own).map(|(_, one)| one).collect();
    for member in others {
        // A node that is away may come back while there is time.
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match grid.ask(&member, Class::Bulk, SCRUB, payload.clone(), left).await {
                Ok(_) => break,
                Err(error) if left <= PAUSE => return Err(error.to_string()),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
    Ok(())
}
