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
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sutra_peer::Class;
use sutra_replication::{Call, Node, ReplicaId, Shard, StartError, Transport};
use sutra_storage::{Directory, OpenError, Placement, Quarantined, StoreConfig};
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::deliver;
use crate::heal::{self, Wards};
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
    /// Those that are in quarantine.
    wards: Wards,
    map: watch::Receiver<Arc<GridMap>>,
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
    pub(crate) map: watch::Receiver<Arc<GridMap>>,
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
        let Means { name, node, directory, config, pool, to, map: maps, shelf } = means;
        let wanted = placements(map, &name);
        let found = {
            let (directory, wanted) = (directory.clone(), wanted.clone());
            let look = move || {
                directory.replicas(|shard, replica| {
                    wanted.iter().any(|one| one.shard == shard && replica.is_none_or(|replica| one.replica == replica))
                })
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
            wards: Wards::default(),
            map: maps,
            closing: CancellationToken::new(),
            opened: AtomicU64::new(0),
            given_up: AtomicU64::new(0),
        }));
        for placement in all {
            if let Err(error) = hosting.begin(placement, map).await {
                hosting.stop().await;
                return Err(error);
            }
        }
        heal::begin(&hosting);
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

    /// Opens a replica that the node has at its start, unless it is in quarantine, or comes there because it can't be opened.
    async fn begin(&self, placement: Placement, map: &GridMap) -> Result<(), StartError> {
        let directory = self.0.directory.clone();
        let marked = blocking(move || directory.quarantined(placement.shard)).await.map_err(StartError::Group)??;
        if let Some(marked) = marked {
            tracing::warn!(shard = placement.shard, reason = marked.reason, "a replica is in quarantine, and is healed");
            self.0.wards.admit(placement, marked.reason);
            return Ok(());
        }
        let error = match self.start(placement, map, true).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let is_given =
            placements(map, &self.0.name).iter().any(|one| (one.shard, one.replica) == (placement.shard, placement.replica));
        if !(is_given && heal::can_do_without_one(map, placement.shard) && heal::is_of_its_state(&error)) {
            return Err(error);
        }
        let reason = words::told(&error);
        tracing::error!(shard = placement.shard, reason, "a replica can't be opened, and is healed from the others");
        let marker = Quarantined { replica: placement.replica, reason: reason.clone() };
        let directory = self.0.directory.clone();
        blocking(move || directory.quarantine(placement.shard, marker)).await.map_err(StartError::Group)??;
        self.0.wards.admit(placement, reason);
        Ok(())
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
            let may_go = self.may_be_removed(map, shard.id(), shard.group().replica().0).await;
            is_done &= may_go && self.whole(self.clone().give_up(shard.clone())).await;
        }
        let owed = self.0.owed.lock().await.clone();
        for shard in owed {
            is_done &= self.whole(self.clone().remove(shard)).await;
        }
        for placement in wanted {
            if self.0.wards.has(placement.shard) {
                // Should that be another replica of the shard, this one is opened when it has gone.
                is_done = false;
            } else if self.shard(ShardId(placement.shard)).is_none() {
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
    pub(crate) async fn may_be_removed(&self, map: &GridMap, shard: ShardId, replica: u64) -> bool {
        let question = Belongs { replica: ReplicaId(replica), epoch: map.epoch };
        let Ok(payload) = words::encode(&question) else { return false };
        for member in map.to_be_asked(shard).iter().filter(|member| member.node != self.0.name) {
            let (group, payload) = (shard.0, payload.clone().into());
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
            self.take_off(&shard);
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
        let incoming = self.incoming(shard);
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
        let is_there = self.shard(ShardId(placement.shard)).is_some() || self.0.wards.has(placement.shard);
        if self.0.closing.is_cancelled() || owed.contains(&placement.shard) || is_there {
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

    /// Shows a replica no more.
    pub(crate) fn take_off(&self, shard: &HostedShard) {
        let is_other = |other: &&HostedShard| other.id() != shard.id();
        self.0.shards.send_modify(|shards| *shards = shards.iter().filter(is_other).cloned().collect());
    }

    /// The right to close a replica; `None`: the node is stopping, or the replica is another by now.
    pub(crate) async fn changing(&self, shard: &HostedShard) -> Option<MutexGuard<'_, BTreeSet<u64>>> {
        let changing = self.0.owed.lock().await;
        let is_it = self.shard(shard.id()).is_some_and(|here| here.group().replica() == shard.group().replica());
        (is_it && !self.0.closing.is_cancelled() && !shard.is_leaving()).then_some(changing)
    }

    /// The same of one in quarantine.
    pub(crate) async fn changing_ward(&self, shard: u64) -> Option<MutexGuard<'_, BTreeSet<u64>>> {
        let changing = self.0.owed.lock().await;
        (self.0.wards.has(shard) && !self.0.closing.is_cancelled()).then_some(changing)
    }

    /// Opens a replica that was healed.
    pub(crate) async fn open_again(&self, placement: Placement, map: &GridMap) -> Result<(), StartError> {
        // What it answers with is what the leader knows: it asks first.
        self.start(placement, map, false).await
    }

    /// Removes a replica in quarantine that belongs to its group no more.
    pub(crate) async fn discharge(&self, shard: u64) {
        self.0.owed.lock().await.insert(shard);
        self.0.wards.release(shard);
        // Where it fails it is owed, and tried again.
        self.clone().remove(shard).await;
    }

    /// The replicas that are in quarantine.
    pub(crate) fn wards(&self) -> &Wards {
        &self.0.wards
    }

    pub(crate) fn map(&self) -> Arc<GridMap> {
        Arc::clone(&self.0.map.borrow())
    }

    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.0.directory
    }

    pub(crate) fn pool(&self) -> &dyn Transport {
        &*self.0.pool
    }

    /// Where what others send of a shard lies until it is put in place.
    pub(crate) fn incoming(&self, shard: u64) -> PathBuf {
        self.0.node.incoming.join(shard.to_string())
    }

    /// Ends when the node stops.
    pub(crate) async fn closing(&self) {
        self.0.closing.cancelled().await;
    }

    /// Closes all replicas.
    pub(crate) async fn stop(&self) {
        self.0.closing.cancel();
        // What is being opened is opened first.
        let _changing = self.0.owed.lock().await;
        hosted::stop(&self.shards()).await;
    }
}

pub(crate) async fn blocking<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(act).await.map_err(|error| error.to_string())
}
