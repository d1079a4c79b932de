//! The replicas of shards that a node keeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use sutra_peer::Class;
use sutra_replication::{Call, Group, Member, PeerPool, ReplicaId, Role, Shard, Transport as _};
use sutra_storage::{OnFatal, Store};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::map::ShardId;
use crate::messages::{Index, READ_INDEX};
use crate::numbers::{ReplicaNumbers, Watched};
use crate::words;

/// How long other nodes have for a question.
const QUESTION: Duration = Duration::from_secs(2);
/// How long to wait before something is tried again.
const PAUSE: Duration = Duration::from_millis(250);
/// How often it is looked at how the replicas are.
const LOOK: Duration = Duration::from_millis(500);

/// A node's replica of a shard. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct HostedShard(Arc<Inner>);

struct Inner {
    shard: Shard,
    /// Set once this replica has come to what its leader had when it was asked first.
    caught_up: AtomicBool,
    watched: Watched,
}

impl std::fmt::Debug for HostedShard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("HostedShard").field(&self.id()).finish()
    }
}

impl HostedShard {
    pub(crate) fn new(shard: Shard) -> Self {
        Self(Arc::new(Inner { shard, caught_up: AtomicBool::new(false), watched: Watched::default() }))
    }

    /// The shard.
    pub fn id(&self) -> ShardId {
        ShardId(self.group().id().0)
    }

    /// Its group.
    pub fn group(&self) -> &Group {
        self.0.shard.group()
    }

    /// Its store.
    pub fn store(&self) -> &Store {
        self.0.shard.store()
    }

    /// Whether the replica has caught up once since its start, or nobody leads it.
    pub fn has_caught_up(&self) -> bool {
        self.0.caught_up.load(Ordering::Acquire) || self.group().leader().is_none()
    }

    /// Whether what the node has of it may be from before its start, or nothing at all, while a leader could tell what is missing. A
    /// replica that is new has nothing to answer with even where nobody leads.
    pub(crate) fn is_behind(&self) -> bool {
        let caught_up = self.0.caught_up.load(Ordering::Acquire);
        !caught_up && (self.group().leader().is_some() || self.store().progress().applied.is_none())
    }

    /// The replica that leads the shard, if it is known, and whether it is this one.
    pub(crate) fn leader(&self) -> Option<(ReplicaId, Member, bool)> {
        let (leader, member) = self.group().leader()?;
        Some((leader, member, leader == self.group().replica()))
    }

    /// How far a read here has to wait, as the shard's leader says; `None`: nobody says it now.
    pub(crate) async fn read_index(&self, pool: &PeerPool, timeout: Duration) -> Index {
        let (_, member, is_here) = self.leader()?;
        if is_here {
            return self.group().read_index().await.ok();
        }
        let (group, timeout) = (self.id().0, timeout.min(QUESTION));
        let call = Call { class: Class::Control, service: READ_INDEX, group, payload: Bytes::new(), timeout };
        let reply = pool.call(&member, call).await.ok()?;
        words::decode::<Index>(&reply).ok().flatten()
    }

    /// What an operator watches of the replica.
    pub(crate) fn numbers(&self) -> ReplicaNumbers {
        let status = self.group().status();
        let (leader_changes, behind) = self.0.watched.seen(Instant::now());
        ReplicaNumbers {
            shard: self.id().0,
            role: status.role,
            term: status.term,
            leader_changes,
            last: status.last.unwrap_or_default().0,
            applied: status.applied.map(|at| at.index).unwrap_or_default().0,
            lag_seconds: behind.as_secs_f64(),
            snapshots_sent: self.group().snapshots_sent(),
            snapshots_installed: self.store().installs(),
        }
    }

    /// Stops the replica and closes its store.
    pub(crate) async fn stop(&self) {
        self.0.shard.stop().await;
    }

    /// Ends when the replica has come to what its leader had, and notes it.
    async fn catch_up(self, pool: Arc<PeerPool>) {
        let index = loop {
            match self.read_index(&pool, QUESTION).await {
                Some(index) => break index,
                None => tokio::time::sleep(PAUSE).await,
            }
        };
        self.store().wait_applied(index).await;
        self.0.caught_up.store(true, Ordering::Release);
    }
}

/// Notes of each replica when it has come to what its leader had.
pub(crate) async fn catch_up(shards: Vec<HostedShard>, pool: Arc<PeerPool>) {
    // Dropped, it ends with those that have not.
    let mut catching: JoinSet<()> = shards.into_iter().map(|shard| shard.catch_up(Arc::clone(&pool))).collect();
    while catching.join_next().await.is_some() {}
}

/// Notices what changes of the replicas, and ends the process once one has failed: what it knows is on the disk, and the next start goes on
/// from there.
pub(crate) async fn watch(meta: Group, shards: Vec<HostedShard>, on_fatal: OnFatal) {
    loop {
        let failed = shards.iter().find(|shard| {
            let status = shard.group().status();
            shard.0.watched.note(&status, Instant::now());
            status.role == Role::Stopped
        });
        let meta_failed = (meta.status().role == Role::Stopped).then_some(&meta);
        if let Some(group) = failed.map(HostedShard::group).or(meta_failed) {
            let why = group.failure().unwrap_or_else(|| "it was stopped".into());
            return on_fatal(&format!("the replica {} of group {} has failed: {why}", group.replica(), group.id()));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Stops them all.
pub(crate) async fn stop(shards: &[HostedShard]) {
    each(shards.iter().cloned(), |shard| async move { shard.stop().await }).await;
}

/// How many of them do something at once.
const AT_ONCE: usize = 8;

/// Does something with each, some at once; answers what came of it, in no order.
pub(crate) async fn each<T, R, F>(all: impl IntoIterator<Item = T>, act: impl Fn(T) -> F) -> Vec<R>
where
    R: Send + 'static,
    F: Future<Output = R> + Send + 'static,
{
    let (mut acting, mut done) = (JoinSet::new(), Vec::new());
    for one in all {
        if acting.len() >= AT_ONCE {
            done.extend(acting.join_next().await.and_then(Result::ok));
        }
        acting.spawn(act(one));
    }
    while let Some(ended) = acting.join_next().await {
        done.extend(ended);
    }
    done
}
