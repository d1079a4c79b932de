//! Which replicas of shards a node keeps, as the map changes.
//!
//! ```text
//!   the map gives it one ─→ opened, empty: its group's leader adds it, and it catches up
//!   the map takes it away ─→ kept until the group's leader says that it belongs to the group no more
//!                        ─→ closed ─→ its log is forgotten, durably ─→ its files are removed
//! ```
//!
//! A replica that the map has taken away may be the only one that has all that was acknowledged: only its group can say that it is not.
//! Whatever is found of a replica at a start is opened, and goes the same way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sutra_peer::Class;
use sutra_replication::{Call, Node, Shard, StartError, Transport};
use sutra_storage::{Directory, OpenError, Placement, StoreConfig};
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::deliver;
use crate::hosted::{self, HostedShard};
use crate::map::{GridMap, ShardId};
use crate::messages::{BELONGS, Belonging, Belongs};
use crate::to_leader::ToLeader;
use crate::words;

/// How long another node has for a question.
const QUESTION: Duration = Duration::from_secs(2);
/// How often it is looked whether a replica can go.
const PAUSE: Duration = Duration::from_millis(250);
/// How long to wait before what failed is tried again.
const FAILED_PAUSE: Duration = Duration::from_secs(1);

/// What a node keeps. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub(crate) struct Hosting(Arc<Inner>);

struct Inner {
    name: String,
    node: Node,
    directory: Directory,
    /// What all replicas of the node together may have.
    config: StoreConfig,
    pool: Arc<dyn Transport>,
    to: ToLeader,
    /// In the order of their shards' numbers.
    shards: watch::Sender<Arc<[HostedShard]>>,
    /// Held while a replica is opened or given up: the shards of those that are closed and not removed yet.
    owed: Mutex<BTreeSet<u64>>,
    closing: CancellationToken,
    opened: AtomicU64,
    given_up: AtomicU64,
}

/// What a node needs to keep replicas.
pub(crate) struct Means {
    pub(crate) name: String,
    pub(crate) node: Node,
    pub(crate) directory: Directory,
    pub(crate) config: StoreConfig,
    pub(crate) pool: Arc<dyn Transport>,
    pub(crate) to: ToLeader,
    /// Where the replicas are shown.
    pub(crate) shelf: watch::Sender<Arc<[HostedShard]>>,
}

/// What the map gives to a node, ascending by shard.
pub(crate) fn placements(map: &GridMap, node: &str) -> Vec<Placement> {
    let placement = |record: &crate::map::ShardRecord| {
        let own = record.replicas.iter().find(|replica| replica.node == node)?;
        Some(Placement { shard: record.shard.0, replica: own.replica.0, range: record.range(), epoch: map.epoch.0 })
    };
    let mut placements: Vec<Placement> = map.shards.iter().filter_map(placement).collect();
    placements.sort_unstable_by_key(|placement| placement.shard);
    placements
}

/// How many replicas a node is to have when all is evened out: each of them may have that share of the memory.
fn share(map: &GridMap, own: usize) -> usize {
    let even = (map.shards.len() * map.factor()).div_ceil(map.staying().max(1));
    own.max(even.min(map.shards.len()))
}

impl Hosting {
    /// Opens what the directory has, and what the map gives to this node beside.
    pub(crate) async fn open(means: Means, map: &GridMap) -> Result<Self, StartError> {
        let Means { name, node, directory, config, pool, to, shelf } = means;
        let wanted = placements(map, &name);
        let found = {
            let (directory, wanted) = (directory.clone(), wanted.clone());
            let look = move || {
                directory.replicas(|shard, replica| wanted.iter().any(|one| (one.shard, one.replica) == (shard, replica)))
            };
            blocking(look).await.map_err(StartError::Group)??
        };
        let is_found = |shard: u64| found.iter().any(|one| one.shard == shard);
        let beside = wanted.iter().filter(|one| !is_found(one.shard)).copied();
        let all: Vec<Placement> = found.iter().copied().chain(beside).collect();
        let hosting = Self(Arc::new(Inner {
            name,
            node,
            directory,
            config,
            pool,
            to,
            shards: shelf,
            owed: Mutex::default(),
            closing: CancellationToken::new(),
            opened: AtomicU64::new(0),
            given_up: AtomicU64::new(0),
        }));
        for placement in all {
            if let Err(error) = hosting.start(placement, map, true).await {
                hosting.stop().await;
                return Err(error);
            }
        }
        Ok(hosting)
    }

    /// The replicas, in the order of their shards' numbers.
    pub(crate) fn shards(&self) -> Arc<[HostedShard]> {
        Arc::clone(&self.0.shards.borrow())
    }

    /// The replica of a shard.
    pub(crate) fn shard(&self, id: ShardId) -> Option<HostedShard> {
        self.0.shards.borrow().iter().find(|shard| shard.id() == id).cloned()
    }

    /// Replicas that were opened, and given up, because the map changed: since the start.
    pub(crate) fn moved(&self) -> (u64, u64) {
        (self.0.opened.load(Ordering::Relaxed), self.0.given_up.load(Ordering::Relaxed))
    }

    /// Opens a replica and has it do its part.
    async fn start(&self, placement: Placement, map: &GridMap, at_start: bool) -> Result<(), StartError> {
        let inner = &*self.0;
        let config = inner.config.clone().shared_by(share(map, placements(map, &inner.name).len()));
        let shard = Shard::start(&inner.node, &inner.directory, placement, config).await?;
        let shard = HostedShard::new(shard, at_start);
        shard.spawn(hosted::catch_up(shard.clone(), Arc::clone(&inner.pool)));
        shard.spawn(deliver::keep(shard.clone(), inner.to.clone()));
        self.0.shards.send_modify(|shards| {
            let mut all = shards.to_vec();
            all.push(shard);
            all.sort_by_key(HostedShard::id);
            *shards = all.into();
        });
        Ok(())
    }

    /// Follows the map until the node stops.
    pub(crate) async fn follow(self, maps: watch::Receiver<Arc<GridMap>>) {
        tokio::select! {
            () = self.keep_up(maps) => {}
            () = self.0.closing.cancelled() => {}
        }
    }

    async fn keep_up(&self, mut maps: watch::Receiver<Arc<GridMap>>) {
        loop {
            let map = Arc::clone(&maps.borrow_and_update());
            let changed =
                if self.step(&map).await { maps.changed().await } else { timeout(PAUSE, maps.changed()).await.unwrap_or(Ok(())) };
            if changed.is_err() {
                return;
            }
        }
    }

    /// Opens and gives up what it now can; whether nothing is left to do.
    async fn step(&self, map: &Arc<GridMap>) -> bool {
        let wanted = placements(map, &self.0.name);
        let is_wanted =
            |shard: &HostedShard| wanted.iter().any(|one| (one.shard, one.replica) == (shard.id().0, shard.group().replica().0));
        let mut is_done = true;
        for shard in self.shards().iter().filter(|shard| !is_wanted(shard)) {
            is_done &= self.may_go(map, shard).await && self.whole(self.clone().give_up(shard.clone())).await;
        }
        let owed = self.0.owed.lock().await.clone();
        for shard in owed {
            is_done &= self.whole(self.clone().remove(shard)).await;
        }
        for placement in wanted {
            if self.shard(ShardId(placement.shard)).is_none() {
                is_done &= self.whole(self.clone().take_in(placement, Arc::clone(map))).await;
            }
        }
        is_done
    }

    /// Does something to its end, even if the node is stopped meanwhile.
    async fn whole(&self, doing: impl Future<Output = bool> + Send + 'static) -> bool {
        tokio::spawn(doing).await.unwrap_or(false)
    }

    /// Whether the leader of the group says that the replica belongs to it no more.
    async fn may_go(&self, map: &GridMap, shard: &HostedShard) -> bool {
        let question = Belongs { replica: shard.group().replica(), epoch: map.epoch };
        let Ok(payload) = words::encode(&question) else { return false };
        let members = map.members(map.replicas(shard.id()));
        for member in members.values().filter(|member| member.node != self.0.name) {
            let (group, payload) = (shard.id().0, payload.clone().into());
            let call = Call { class: Class::Control, service: BELONGS, group, payload, timeout: QUESTION };
            let Ok(reply) = self.0.pool.call(member, call).await else { continue };
            // Otherwise it does not lead.
            if let Ok(Some(belongs)) = words::decode::<Belonging>(&reply) {
                return !belongs;
            }
        }
        false
    }

    async fn give_up(self, shard: HostedShard) -> bool {
        let id = shard.id().0;
        {
            let mut owed = self.0.owed.lock().await;
            if self.0.closing.is_cancelled() {
                return false;
            }
            owed.insert(id);
            shard.leave();
            self.0.shards.send_modify(|shards| *shards = shards.iter().filter(|other| other.id().0 != id).cloned().collect());
            shard.stop().await;
        }
        tracing::info!(shard = id, replica = %shard.group().replica(), "a replica has left its group, and is removed from this node");
        drop(shard);
        self.remove(id).await
    }

    /// Removes what the node has of a replica that is closed.
    async fn remove(self, shard: u64) -> bool {
        let mut owed = self.0.owed.lock().await;
        if self.0.closing.is_cancelled() {
            return false;
        }
        let directory = self.0.directory.clone();
        let incoming = self.0.node.incoming.join(shard.to_string());
        let removed = blocking(move || {
            directory.give_up(shard)?;
            // What was received, and never put in place.
            let disk = directory.disk();
            for name in disk.list(&incoming).unwrap_or_default() {
                let _ = disk.remove(&incoming.join(name));
            }
            Ok::<_, OpenError>(())
        });
        match removed.await {
            Ok(Ok(())) => {
                owed.remove(&shard);
                self.0.given_up.fetch_add(1, Ordering::Relaxed);
                true
            }
            Ok(Err(error)) => {
                tracing::warn!(shard, error = words::told(&error), "a replica could not be removed yet");
                false
            }
            Err(reason) => {
                tracing::warn!(shard, reason, "a replica could not be removed yet");
                false
            }
        }
    }

    async fn take_in(self, placement: Placement, map: Arc<GridMap>) -> bool {
        let owed = self.0.owed.lock().await;
        if self.0.closing.is_cancelled() || owed.contains(&placement.shard) || self.shard(ShardId(placement.shard)).is_some() {
            return false;
        }
        match self.start(placement, &map, false).await {
            Ok(()) => {
                self.0.opened.fetch_add(1, Ordering::Relaxed);
                tracing::info!(
                    shard = placement.shard,
                    replica = placement.replica,
                    "a replica is opened, and waits for its group"
                );
                true
            }
            Err(error) => {
                let error = words::told(&error);
                tracing::warn!(shard = placement.shard, error, "a replica that the map gives to this node can't be opened yet");
                tokio::time::sleep(FAILED_PAUSE).await;
                false
            }
        }
    }

    /// Closes all replicas.
    pub(crate) async fn stop(&self) {
        self.0.closing.cancel();
        // What is being opened is opened first.
        let _changing = self.0.owed.lock().await;
        hosted::stop(&self.shards()).await;
    }
}

async fn blocking<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(act).await.map_err(|error| error.to_string())
}
