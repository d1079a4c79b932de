//! The replicas of shards that a node keeps.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sutra_peer::Class;
use sutra_protocol::command::LogIndex;
use sutra_replication::{Call, Group, Member, ReplicaId, Role, Shard, Transport};
use sutra_storage::{OnFatal, Store};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::hosting::Hosting;
use crate::map::ShardId;
use crate::messages::{Index, READ_INDEX};
use crate::numbers::{ReplicaNumbers, Watched};
use crate::words;

/// How long other nodes have for a question.
const QUESTION: Duration = Duration::from_secs(2);
/// How long to wait before something is tried again.
const PAUSE: Duration = Duration::from_millis(250);
/// For how long a replica that has to go on may stand still before it counts as one that can't.
pub(crate) const STANDS_STILL: Duration = Duration::from_millis(500);
/// How long a leader that gives up its lead waits for a successor.
pub(crate) const HAND_OVER: Duration = Duration::from_secs(3);
/// How often it is looked at how the replicas are.
const LOOK: Duration = Duration::from_secs(1);

/// A node's replica of a shard. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct HostedShard(Arc<Inner>);

struct Inner {
    shard: Shard,
    /// Set once this replica has come to what its leader had when it was asked first.
    caught_up: AtomicBool,
    watched: Watched,
    /// The entry where it stood still when it was to go on; `u64::MAX`: it never did.
    stands_at: AtomicU64,
    /// Whether it was there when the node started, which serves only when such replicas have caught up.
    at_start: bool,
    /// Cancelled when it is about to be removed.
    leaves: CancellationToken,
    /// Cancelled when it is closed.
    closes: CancellationToken,
    /// Whether it is on its way into quarantine.
    heals: AtomicBool,
    /// What goes on in the background as long as it is open.
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl std::fmt::Debug for HostedShard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("HostedShard").field(&self.id()).finish()
    }
}

impl HostedShard {
    pub(crate) fn new(shard: Shard, at_start: bool) -> Self {
        Self(Arc::new(Inner {
            shard,
            caught_up: AtomicBool::new(false),
            watched: Watched::default(),
            stands_at: AtomicU64::new(u64::MAX),
            at_start,
            leaves: CancellationToken::new(),
            closes: CancellationToken::new(),
            heals: AtomicBool::new(false),
            tasks: Mutex::default(),
        }))
    }

    /// Does something as long as the replica is open.
    pub(crate) fn spawn(&self, doing: impl Future<Output = ()> + Send + 'static) {
        self.tasks().push(tokio::spawn(doing));
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it is no failure when the replica stops.
    pub(crate) fn leave(&self) {
        self.0.leaves.cancel();
    }

    /// From now on it is on its way into quarantine; `false`: it was before.
    pub(crate) fn begins_to_heal(&self) -> bool {
        !self.0.heals.swap(true, Ordering::AcqRel)
    }

    /// It is not, after all.
    pub(crate) fn heals_later(&self) {
        self.0.heals.store(false, Ordering::Release);
    }

    /// Whether it is about to be removed.
    pub(crate) fn is_leaving(&self) -> bool {
        self.0.leaves.is_cancelled()
    }

    /// Does something, unless the replica leaves meanwhile: then it gets no entry any more, and what waits for one would wait for ever.
    pub(crate) async fn unless_it_leaves<T>(&self, doing: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = doing => Some(done),
            () = self.0.leaves.cancelled() => None,
        }
    }

    /// Ends when an entry of its group is applied here; `false`: it leaves, or stands still while its leader has come to that, as one does whose
    /// disk is full. Whoever waits longer than others need for their answer had better ask those.
    pub(crate) async fn comes_to(&self, index: LogIndex, pool: &dyn Transport) -> bool {
        let coming = async {
            if self.is_only() {
                // Nobody else can be asked.
                self.store().wait_applied(index).await;
            }
            loop {
                let before = self.store().applied();
                if before >= index {
                    return true;
                }
                if self.0.stands_at.load(Ordering::Acquire) == before.0 {
                    return false;
                }
                let comes = tokio::time::timeout(STANDS_STILL, self.store().wait_applied(index)).await.is_ok();
                if comes || self.store().applied() > before {
                    continue;
                }
                let committed = tokio::time::timeout(QUESTION, self.read_index(pool, QUESTION)).await;
                let is_there = committed.ok().flatten().is_some_and(|committed| committed >= index);
                if is_there && self.store().applied() == before {
                    self.0.stands_at.store(before.0, Ordering::Release);
                }
            }
        };
        self.unless_it_leaves(coming).await.unwrap_or(false)
    }

    /// Does something for another node, unless the replica leaves or is closed meanwhile: nobody here ends it, and it would hold the store.
    pub(crate) async fn while_open<T>(&self, doing: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = self.unless_it_leaves(doing) => done,
            () = self.0.closes.cancelled() => None,
        }
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

    /// Whether the node serves no worse for it: one that came later is the group's matter until it has a vote.
    pub(crate) fn lets_serve(&self) -> bool {
        !self.0.at_start || self.has_caught_up()
    }

    /// Whether what the node has of it may be from before its start, or nothing at all, while a leader could tell what is missing. A
    /// replica that is new has nothing to answer with even where nobody leads.
    pub(crate) fn is_behind(&self) -> bool {
        let caught_up = self.0.caught_up.load(Ordering::Acquire);
        !caught_up && (self.group().leader().is_some() || self.store().progress().applied.is_none())
    }

    /// Whether its group has no other replica that votes.
    pub(crate) fn is_only(&self) -> bool {
        self.group().status().voters == [self.group().replica()]
    }

    /// The replica that leads the shard, if it is known, and whether it is this one.
    pub(crate) fn leader(&self) -> Option<(ReplicaId, Member, bool)> {
        let (leader, member) = self.group().leader()?;
        Some((leader, member, leader == self.group().replica()))
    }

    /// How far a read here has to wait, as the shard's leader says; `None`: nobody says it now.
    pub(crate) async fn read_index(&self, pool: &dyn Transport, timeout: Duration) -> Index {
        let (_, member, is_here) = self.leader()?;
        if is_here {
            return self.group().read_index().await.ok();
        }
        let (group, timeout) = (self.id().0, timeout.min(QUESTION));
        let call = Call { class: Class::Control, service: READ_INDEX, group, payload: Bytes::new(), timeout };
        let reply = pool.call(&member, call).await.ok()?;
        words::decode::<Index>(&reply).ok().flatten()
    }

    /// Of a leader: the node of each other replica, and how many entries of the log here that one is not known to have; `None`: it never
    /// answered this leader. Nothing of who does not lead.
    pub fn followers(&self) -> Vec<(String, Option<u64>)> {
        let (status, own) = (self.group().status(), self.group().replica());
        if status.role != Role::Leader {
            return Vec::new();
        }
        let others = status.members.iter().filter(|(id, _)| **id != own);
        others.map(|(id, member)| (member.node.clone(), status.behind(*id))).collect()
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
            followers: self.followers(),
            snapshots_sent: self.group().snapshots_sent(),
            snapshots_installed: self.store().installs(),
        }
    }

    /// Stops the replica and closes its store.
    pub(crate) async fn stop(&self) {
        self.0.closes.cancel();
        // Dropped, they would hold what they use until the last clone is gone.
        self.tasks().drain(..).for_each(|task| task.abort());
        self.0.shard.stop().await;
    }
}

/// Ends when a replica has come to what its leader had, and notes it.
pub(crate) async fn catch_up(shard: HostedShard, pool: Arc<dyn Transport>) {
    let index = loop {
        match shard.read_index(&pool, QUESTION).await {
            Some(index) => break index,
            None => tokio::time::sleep(PAUSE).await,
        }
    };
    shard.store().wait_applied(index).await;
    shard.0.caught_up.store(true, Ordering::Release);
}

/// Notices what changes of the replicas. One whose files are damaged is healed, where others have them; once another has failed, the process
/// ends: what it knows is on the disk, and the next start goes on from there.
pub(crate) async fn watch(meta: Group, hosting: Hosting, on_fatal: OnFatal) {
    loop {
        let shards = hosting.shards();
        let failed = shards.iter().find(|shard| {
            let status = shard.group().status();
            shard.0.watched.note(&status, Instant::now());
            let heals = hosting.heals(shard);
            if heals {
                hosting.send_to_quarantine(shard, shard.store().damage().unwrap_or_default());
            }
            status.role == Role::Stopped && !shard.0.leaves.is_cancelled() && !heals
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
