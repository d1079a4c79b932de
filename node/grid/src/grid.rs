//! A node of a grid: its replicas, and its part in meta.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use sutra_disk::Disk;
use sutra_peer::{Class, Identity, PeerSecret, ServerIdentity};
use sutra_protocol::Timestamp;
use sutra_protocol::command::LogIndex;
use sutra_protocol::founding::{CheckReport, NodeRecord};
use sutra_replication::{Call, Group, GroupSetup, Groups, Member, Node, PeerPool, StartError, Syncer, Timing, Transport};
use sutra_storage::{Directory, OnFatal, OpenError, Quarantined, StoreConfig, WallClock};
use sutra_wal::GroupId;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::answers::{Answers, Own};
use crate::asking::{Asking, announce};
use crate::beginning;
use crate::check::{self, Checks};
use crate::converge;
use crate::door::Door;
use crate::heal::Giving;
use crate::hosted::{self, HAND_OVER, HostedShard};
use crate::hosting::{Hosting, Means};
use crate::map::{GridMap, ShardId};
use crate::messages::{NodeStatus, SCRUB, STATUS};
use crate::meta::{self, MetaFile, MetaFileError, MetaMachine};
use crate::numbers::NodeNumbers;
use crate::pins::Pins;
use crate::reach::{KnownShard, Reach};
use crate::rejoin;
use crate::replace::{self, GivenUp};
use crate::resize;
use crate::spread;
use crate::to_leader::ToLeader;
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
    /// How often the replicas of each shard are compared that the node leads; never, if that is nothing.
    pub check_interval: Duration,
}

/// A node of a grid. Cheap to clone; all clones are the same node.
#[derive(Clone)]
pub struct Grid(Arc<Inner>);

struct Inner {
    node: String,
    version: &'static str,
    directory: Directory,
    pool: Arc<dyn Transport>,
    meta: Group,
    machine: Arc<MetaMachine>,
    own: Own,
    door: Door,
    to: ToLeader,
    /// What other nodes have pinned here.
    pins: Pins,
    checks: Checks,
    wall_clock: WallClock,
    /// Whether it has noticed that the grid has removed it.
    given_up: Arc<AtomicBool>,
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
    /// It has left its grid.
    #[error("node {node} was removed from grid {grid_id}: what is in its data directory counts no more")]
    Removed {
        /// This node.
        node: String,
        /// The grid.
        grid_id: String,
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

/// For how many leases a node that was removed goes on answering, unready: 15 s. Whoever sends clients to nodes learns in that time that none
/// should come here any more.
const LAST_ANSWERS: u32 = 20;

/// Ends a node that belongs to its grid no more: at once where another has taken its place.
async fn last_answers(
    given_up: impl Future<Output = GivenUp>,
    is_unready: Arc<AtomicBool>,
    for_a_while: Duration,
    on_fatal: OnFatal,
) {
    match given_up.await {
        GivenUp::Removed(why) => {
            tracing::warn!(reason = why, ?for_a_while, "this node answers for a while yet, and ends");
            is_unready.store(true, Ordering::Release);
            tokio::time::sleep(for_a_while).await;
            on_fatal(&why);
        }
        GivenUp::Replaced(why) => on_fatal(&why),
    }
}

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
        let (disk, dir) = (Arc::clone(&setup.store.disk), setup.store.dir.clone());
        let finished = tokio::task::spawn_blocking(move || rejoin::finish(&disk, &dir)).await;
        finished.map_err(|error| GridError::System(error.to_string()))??;
        let file = MetaFile::read(&*setup.store.disk, &setup.store.dir)?.ok_or(GridError::NoGrid)?;
        let identity = Identity::new(file.map.grid_id.as_str(), file.node.as_str());
        let identity = identity.map_err(|error| GridError::System(error.to_string()))?;
        let pool = Arc::new(PeerPool::new(identity, setup.secret.clone()));
        Self::run(file, setup, door, pool).await
    }

    /// The same, and where the node's log is damaged, and the others have all that it had, the node comes to its grid anew: its replicas are
    /// removed, deleted, and made again under other numbers. `identity` is that of the peer port.
    ///
    /// # Errors
    /// As [`Grid::start`]'s.
    pub async fn start_or_rejoin(setup: GridSetup, door: &Door, identity: &ServerIdentity) -> Result<Self, GridError> {
        let damage = match Self::start(setup.clone(), door).await {
            Err(error) if rejoin::is_of_its_log(&error) => error,
            started => return started,
        };
        let secret = setup.secret.clone();
        let own = identity.get();
        identity.wait(Some(secret.clone()));
        let rejoined = rejoin::rejoin(&setup, door, damage).await;
        if let Some(own) = own {
            identity.set(own, secret);
        }
        rejoined?;
        Self::start(setup, door).await
    }

    /// The same over another network than the peer connections: one that a test makes.
    ///
    /// # Errors
    /// As [`Grid::start`]'s.
    pub async fn start_over(setup: GridSetup, door: &Door, network: Arc<dyn Transport>) -> Result<Self, GridError> {
        let file = MetaFile::read(&*setup.store.disk, &setup.store.dir)?.ok_or(GridError::NoGrid)?;
        Self::run(file, setup, door, network).await
    }

    async fn run(file: MetaFile, setup: GridSetup, door: &Door, pool: Arc<dyn Transport>) -> Result<Self, GridError> {
        let (node, map) = (file.node.clone(), file.map.clone());
        let Some(meta_replica) = map.meta_replica(&node) else { return Err(GridError::Removed { node, grid_id: map.grid_id }) };
        let known = map.nodes.get(&node).map(|record| record.peer.clone()).unwrap_or_default();
        if known != setup.record.peer {
            return Err(GridError::Moved { node, known, found: setup.record.peer });
        }
        let (config, grid_id) = (setup.store.clone(), map.grid_id.clone());
        let opened = tokio::task::spawn_blocking(move || Directory::open(&config, &grid_id)).await;
        let directory = opened.map_err(|error| GridError::System(error.to_string()))??;
        let on_fatal = setup.store.on_fatal.clone();
        let fatal = on_fatal.clone();
        let syncer = Syncer::start(directory.log().clone(), move |reason| fatal(reason));
        let (syncer, _) = syncer.map_err(|error| GridError::System(error.to_string()))?;
        let shared = Node {
            log: directory.log().clone(),
            syncer,
            disk: Arc::clone(directory.disk()),
            incoming: directory.path().join("incoming"),
            transport: Arc::clone(&pool),
            groups: Groups::default(),
            timing: setup.timing,
        };
        let lease = setup.timing.lease();
        let machine = Arc::new(MetaMachine::new(Arc::clone(directory.disk()), directory.path().to_owned(), file));
        let meta_setup = GroupSetup { group: GroupId::META, replica: meta_replica };
        let meta = Group::start(&shared, meta_setup, Arc::clone(&machine) as _).await.map_err(GridError::Meta)?;
        let wall_clock = setup.store.wall_clock.clone();
        let shelf = watch::Sender::new(Arc::from(Vec::new()));
        let reach = Reach::new(Arc::clone(&pool), machine.map(), shelf.subscribe());
        let to = ToLeader::new(reach.clone());
        let means = Means {
            name: node.clone(),
            node: shared.clone(),
            directory: directory.clone(),
            config: setup.store,
            pool: Arc::clone(&pool),
            to: to.clone(),
            map: machine.map(),
            shelf,
        };
        let hosting = match Hosting::open(means, &map).await {
            Ok(hosting) => hosting,
            Err(error) => {
                meta.stop().await;
                return Err(error.into());
            }
        };
        let own = Own {
            node: node.as_str().into(),
            version: setup.version,
            meta: meta.clone(),
            map: machine.map(),
            hosting: hosting.clone(),
            leaving: Arc::new(AtomicBool::new(false)),
        };
        let asking = Arc::new(Asking { meta: meta.clone(), machine: Arc::clone(&machine), pool: Arc::clone(&pool) });
        let pins = Pins::default();
        let checks = Checks::default();
        let handler = Answers {
            asking: Arc::clone(&asking),
            secret: setup.secret.clone(),
            own: own.clone(),
            groups: shared.groups.clone(),
            reach: reach.clone(),
            pins: pins.clone(),
            checks: checks.clone(),
            giving: Giving::default(),
        };
        door.open(Arc::new(handler));
        let given_up = Arc::new(AtomicBool::new(false));
        let last = last_answers(
            replace::notice_replacement(Arc::clone(&asking), node.clone()),
            Arc::clone(&given_up),
            LAST_ANSWERS * lease,
            on_fatal.clone(),
        );
        let tasks = vec![
            tokio::spawn(beginning::begin(node.clone(), Arc::clone(&asking), hosting.clone())),
            tokio::spawn(meta::keep_short(meta.clone())),
            tokio::spawn(meta::leave_the_lead(meta.clone(), machine.is_hindered())),
            tokio::spawn(announce(Arc::clone(&asking), node.clone(), setup.record)),
            tokio::spawn(converge::keep(meta.clone(), hosting.clone(), machine.map())),
            tokio::spawn(replace::look_after_awaited(Arc::clone(&asking), setup.secret)),
            tokio::spawn(resize::keep_balanced(Arc::clone(&asking), own.clone())),
            tokio::spawn(spread::keep(asking, hosting.clone())),
            tokio::spawn(last),
            tokio::spawn(hosted::watch(meta.clone(), hosting.clone(), on_fatal)),
            tokio::spawn(check::keep(checks.clone(), hosting.clone(), Arc::clone(&pool), setup.check_interval)),
            tokio::spawn(hosting.follow(machine.map())),
            tokio::spawn(pins.clone().sweep()),
            tokio::spawn(reach.pins().clone().tell(reach.clone())),
        ];
        let door = door.clone();
        Ok(Self(Arc::new(Inner {
            node,
            version: setup.version,
            directory,
            pool,
            meta,
            machine,
            own,
            door,
            to,
            pins,
            checks,
            wall_clock,
            given_up,
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

    /// The shards that it keeps a replica of, in the order of their numbers.
    pub fn shards(&self) -> Arc<[HostedShard]> {
        self.0.own.hosting.shards()
    }

    /// Its replica of a shard, if it keeps one.
    pub fn shard(&self, id: ShardId) -> Option<HostedShard> {
        self.0.own.hosting.shard(id)
    }

    /// Its replicas that are not what their groups know, by shard: nobody reads them until they are healed.
    pub fn quarantined(&self) -> BTreeMap<u64, Quarantined> {
        self.0.own.hosting.wards().all()
    }

    /// Compares the replicas of a shard that this node leads, now, and has those healed that are wrong.
    ///
    /// # Errors
    /// It could not be done: a sentence.
    pub async fn check(&self, id: ShardId) -> Result<CheckReport, String> {
        let shard = self.shard(id).ok_or_else(|| format!("there is no replica of shard {id} here"))?;
        self.0.checks.check(&shard, &self.0.own.hosting, &self.0.pool).await
    }

    /// Its replica of meta.
    pub fn meta(&self) -> &Group {
        &self.0.meta
    }

    /// The map, and its changes.
    pub fn map(&self) -> watch::Receiver<Arc<GridMap>> {
        self.0.machine.map()
    }

    /// Whether each of the replicas that this node had at its start has caught up once since then, or nobody leads it; not of a node that was
    /// removed.
    pub fn has_caught_up(&self) -> bool {
        !self.0.given_up.load(Ordering::Acquire) && self.shards().iter().all(HostedShard::lets_serve)
    }

    /// Asks another node.
    pub(crate) async fn ask(&self, to: &Member, call: Call) -> Result<Bytes, sutra_peer::CallError> {
        self.0.pool.call(to, call).await
    }

    /// How it asks other nodes.
    pub(crate) fn pool(&self) -> &dyn Transport {
        &*self.0.pool
    }

    /// How this node is.
    pub fn status(&self) -> NodeStatus {
        self.0.own.status()
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
        let call = Call { class: Class::Control, service: STATUS, group: 0, payload: Bytes::new(), timeout: QUESTION };
        let reply = self.ask(&member, call).await;
        words::decode(&reply.map_err(|error| error.to_string())?)
    }

    /// Lets others lead what this node leads. It goes on serving.
    pub async fn hand_over(&self) {
        self.0.own.leaving.store(true, Ordering::Release);
        let groups: Vec<Group> = self.shards().iter().map(|shard| shard.group().clone()).collect();
        let shards = hosted::each(groups, |group| async move { group.hand_over(HAND_OVER).await });
        let (shards, meta) = tokio::join!(shards, self.0.meta.hand_over(HAND_OVER));
        if !(shards.into_iter().all(|is_led| is_led) && meta) {
            tracing::warn!("no other node leads yet what this one led; the others elect a leader once it is gone");
        }
    }

    /// Leaves the grid until the next start. What is acknowledged stays on the disk.
    pub async fn stop(&self) {
        let answering = self.0.door.close();
        self.0.tasks.iter().for_each(tokio::task::JoinHandle::abort);
        self.0.own.hosting.stop().await;
        self.0.meta.stop().await;
        answering.cancel();
        let directory = self.0.directory.clone();
        match tokio::task::spawn_blocking(move || directory.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the log could not be marked as whole; nothing acknowledged is lost"),
            Err(error) => tracing::error!(%error, "closing the log failed"),
        }
    }

    /// The way to the leaders of shards.
    pub(crate) fn to_leader(&self) -> &ToLeader {
        &self.0.to
    }

    /// How it reaches shards.
    pub(crate) fn reach(&self) -> &Reach {
        self.0.to.reach()
    }

    /// The wall clock.
    pub(crate) fn now(&self) -> Timestamp {
        (self.0.wall_clock)()
    }

    /// What an operator watches of this node.
    pub fn numbers(&self) -> NodeNumbers {
        let (peer_calls, peer_failures) = self.0.pool.calls();
        let map = Arc::clone(&self.map().borrow());
        let is_moving = |shard: &&HostedShard| {
            let own = shard.group().replica();
            let is_given = map.replicas(shard.id()).iter().any(|record| record.replica == own);
            !is_given || !shard.group().status().voters.contains(&own)
        };
        let replicas_moving = self.shards().iter().filter(is_moving).count() as u64;
        let hosting = &self.0.own.hosting;
        let (replicas_opened, replicas_given_up) = hosting.moved();
        let (replicas_quarantined, replicas_healed) = hosting.wards().counts();
        let quarantined = self.quarantined();
        NodeNumbers {
            replicas_opened,
            replicas_given_up,
            replicas_moving,
            quarantined: quarantined.into_keys().collect(),
            replicas_quarantined,
            replicas_healed,
            checks: self.0.checks.counts(),
            replicas: self.shards().iter().map(HostedShard::numbers).collect(),
            retries: self.0.to.retries(),
            hedges: self.reach().hedges(),
            questions: self.reach().questions(),
            pinned: self.0.pins.count(),
            peer_calls,
            peer_failures,
        }
    }
}

/// The other nodes that have files of a shard.
fn scrubbers(grid: &Grid, shard: ShardId) -> Vec<Member> {
    let Some(shard) = grid.reach().shard(shard) else { return Vec::new() };
    // Who has just left the group, or comes to it, is known there first.
    let members: Vec<Member> = match shard.here() {
        Some(here) => here.group().status().members.values().cloned().collect(),
        None => shard.members().cloned().collect(),
    };
    members.into_iter().filter(|member| member.node != grid.node()).collect()
}

/// Has every replica of a shard on another node say that what an entry erased has left its files.
pub(crate) async fn scrub_others(grid: &Grid, shard: &KnownShard, index: LogIndex, until: Instant) -> Result<(), String> {
    let payload = Bytes::from(words::encode(&index)?);
    for member in scrubbers(grid, shard.id()) {
        // A node that is away may come back while there is time, unless its replica leaves the group meanwhile: then its files go.
        while scrubbers(grid, shard.id()).contains(&member) {
            let left = until.saturating_duration_since(Instant::now());
            let group = shard.id().0;
            let call = Call { class: Class::Bulk, service: SCRUB, group, payload: payload.clone(), timeout: left };
            match grid.ask(&member, call).await {
                Ok(_) => break,
                Err(error) if left <= PAUSE => return Err(error.to_string()),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
    Ok(())
}
