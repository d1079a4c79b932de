//! The shards as a node reaches them: here, where it keeps a replica, or on the nodes that do.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sutra_peer::{CallError, Class};
use sutra_protocol::command::LogIndex;
use sutra_protocol::{KeyRange, PlacementKey};
use sutra_replication::{Call, GroupStatus, Member, ReplicaId, Transport};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::hosted::HostedShard;
use crate::map::{GridMap, ReplicaRecord, ShardId};
use crate::messages::{LEADER, Led};
use crate::pins::HeldPins;
use crate::questions::Kind;
use crate::words;

/// How long other nodes have to say who leads, or that they are there.
pub(crate) const QUESTION: Duration = Duration::from_millis(500);
/// How long a node that did not answer is asked last; doubled with each time, to the second.
const REST: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(4)];
/// After how long without an answer nobody waits for a node any more: it is asked, and has [`QUESTION`].
const GIVEN_UP: Duration = Duration::from_secs(3);
/// After how long in which nobody has asked it a node's silence is another one.
const FORGOTTEN: Duration = Duration::from_secs(10);
/// How long to wait before those who did not answer are asked again.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);
/// How long one replica has to answer before another is asked instead.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(2);
/// How long a reply may take before another replica is asked as well.
pub(crate) const HEDGE: Duration = Duration::from_millis(75);

/// The shards of a grid as one of its nodes reaches them. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub(crate) struct Reach(Arc<Inner>);

struct Inner {
    /// What the grid runs on.
    runtime: tokio::runtime::Handle,
    pool: Arc<dyn Transport>,
    map: watch::Receiver<Arc<GridMap>>,
    /// The replicas of this node.
    hosted: watch::Receiver<Arc<[HostedShard]>>,
    /// What was made of this map.
    known: Mutex<Option<Made>>,
    /// What is known of shards beyond the map.
    notes: Mutex<BTreeMap<ShardId, Arc<Notes>>>,
    /// Nodes that did not answer, by address.
    silent: Mutex<HashMap<String, Silence>>,
    /// What this node has pinned on others.
    pins: HeldPins,
    turn: AtomicUsize,
    hedges: AtomicU64,
    /// Requests for something of a view, by what is asked.
    questions: [AtomicU64; Kind::ALL.len()],
}

/// The shards as they follow from a map, and from what is here.
type Made = (Arc<GridMap>, Arc<[HostedShard]>, Arc<[KnownShard]>);

/// What is noted of a shard.
struct Notes {
    /// The last entry of its log that this node has seen anything of: who asks here again sees no less.
    seen: AtomicU64,
    /// Whether that is no less than what it had shown, or acknowledged, before its start.
    is_settled: AtomicBool,
    /// Who was said to lead it, where no replica is here.
    leader: watch::Sender<Led>,
}

/// Of a node that did not answer.
struct Silence {
    /// Since when.
    since: Instant,
    /// Until when it is asked last.
    until: Instant,
    next: Duration,
}

/// A shard as a node reaches it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct KnownShard(Arc<Known>);

struct Known {
    id: ShardId,
    range: KeyRange,
    /// The replica here.
    here: Option<HostedShard>,
    /// All replicas, the one that is to lead first.
    members: Vec<(ReplicaId, Member)>,
    notes: Arc<Notes>,
}

impl Reach {
    /// What the grid runs on.
    pub(crate) fn runtime(&self) -> &tokio::runtime::Handle {
        &self.0.runtime
    }

    pub(crate) fn new(
        pool: Arc<dyn Transport>,
        map: watch::Receiver<Arc<GridMap>>,
        hosted: watch::Receiver<Arc<[HostedShard]>>,
    ) -> Self {
        let (known, notes, silent) = (Mutex::default(), Mutex::default(), Mutex::default());
        let (pins, turn, hedges) = (HeldPins::default(), AtomicUsize::new(0), AtomicU64::new(0));
        let runtime = tokio::runtime::Handle::current();
        Self(Arc::new(Inner {
            runtime,
            pool,
            map,
            hosted,
            known,
            notes,
            silent,
            pins,
            turn,
            hedges,
            questions: Default::default(),
        }))
    }

    /// All shards, in the order of their ranges.
    pub(crate) fn shards(&self) -> Arc<[KnownShard]> {
        let map = Arc::clone(&self.0.map.borrow());
        let hosted = Arc::clone(&self.0.hosted.borrow());
        let mut known = lock(&self.0.known);
        if let Some((of, here, shards)) = &*known
            && Arc::ptr_eq(of, &map)
            && Arc::ptr_eq(here, &hosted)
        {
            return Arc::clone(shards);
        }
        // Whoever has seen what a replica here had sees no less when that is gone.
        let before = known.as_ref().map(|(_, before, _)| Arc::clone(before)).unwrap_or_default();
        for shard in before.iter().chain(hosted.iter()) {
            let notes = Arc::clone(lock(&self.0.notes).entry(shard.id()).or_default());
            notes.seen.fetch_max(shard.store().applied().0, Ordering::AcqRel);
            notes.is_settled.fetch_or(!shard.is_behind(), Ordering::AcqRel);
        }
        let shards = map.shards.iter().map(|record| {
            let member = |replica: &ReplicaRecord| {
                let address = map.nodes.get(&replica.node)?.peer.clone();
                Some((replica.replica, Member { node: replica.node.clone(), address }))
            };
            // What the map has taken away belongs to its group until that is said: it may lead, or be the only one that has everything.
            let here = hosted.iter().find(|hosted| hosted.id() == record.shard).cloned();
            let members = record.replicas.iter().filter_map(member).collect();
            let notes = Arc::clone(lock(&self.0.notes).entry(record.shard).or_default());
            KnownShard(Arc::new(Known { id: record.shard, range: record.range(), here, members, notes }))
        });
        let shards: Arc<[KnownShard]> = shards.collect();
        *known = Some((map, hosted, Arc::clone(&shards)));
        shards
    }

    /// The shard of this number.
    pub(crate) fn shard(&self, id: ShardId) -> Option<KnownShard> {
        self.shards().iter().find(|shard| shard.id() == id).cloned()
    }

    /// The shard that a place is in.
    pub(crate) fn at(&self, place: PlacementKey) -> Option<KnownShard> {
        self.shards().iter().find(|shard| shard.range().holds(place)).cloned()
    }

    /// What this node has pinned on others.
    pub(crate) fn pins(&self) -> &HeldPins {
        &self.0.pins
    }

    /// How often another replica was asked because the first took long.
    pub(crate) fn hedges(&self) -> u64 {
        self.0.hedges.load(Ordering::Relaxed)
    }

    pub(crate) fn hedged(&self) {
        self.0.hedges.fetch_add(1, Ordering::Relaxed);
    }

    /// Another node is asked for something of a view.
    pub(crate) fn questioned(&self, kind: Kind) {
        if let Some(count) = self.0.questions.get(kind as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often each was asked of another node.
    pub(crate) fn questions(&self) -> Vec<(&'static str, u64)> {
        let counts = self.0.questions.iter().map(|count| count.load(Ordering::Relaxed));
        Kind::ALL.iter().map(|kind| kind.as_str()).zip(counts).collect()
    }

    /// Asks a node, and notes whether it answers.
    pub(crate) async fn ask(&self, to: &Member, call: Call) -> Result<Bytes, CallError> {
        let limit = call.timeout;
        // Whatever carries it: nobody waits for longer.
        let reply = timeout(limit + PAUSE, self.0.pool.call(to, call)).await;
        let reply = reply.unwrap_or_else(|_| Err(CallError::TimedOut { address: to.address.as_str().into(), limit }));
        let is_silent = match &reply {
            Ok(_) | Err(CallError::Refused { .. } | CallError::TooLarge { .. }) => false,
            // Of who had little time nobody knows.
            Err(CallError::TimedOut { .. }) if limit < QUESTION => return reply,
            Err(_) => true,
        };
        if is_silent {
            self.note_silent(to);
        } else {
            lock(&self.0.silent).remove(&to.address);
        }
        reply
    }

    /// Notes that a node did not answer, or that another was asked after it and has answered before it.
    pub(crate) fn note_silent(&self, node: &Member) {
        let now = Instant::now();
        let first = Silence { since: now, until: now, next: REST[0] };
        let mut silent = lock(&self.0.silent);
        let silence = silent.entry(node.address.clone()).or_insert(first);
        if now > silence.until + FORGOTTEN {
            silence.since = now;
        }
        silence.until = now + silence.next;
        silence.next = (silence.next * 2).min(REST[1]);
    }

    /// The same with a question and an answer of the grid's.
    pub(crate) async fn ask_for<A: DeserializeOwned>(
        &self,
        to: &Member,
        (service, group): (u16, u64),
        question: &impl Serialize,
        timeout: Duration,
    ) -> Result<A, String> {
        let payload = Bytes::from(words::encode(question)?);
        let call = Call { class: Class::Control, service, group, payload, timeout };
        let reply = self.ask(to, call).await.map_err(|error| error.to_string())?;
        words::decode(&reply)
    }

    /// A shard's replicas on other nodes, in the order in which they should be asked: those that are believed to answer first, and
    /// among them the leader, or each in its turn.
    pub(crate) fn order(&self, shard: &KnownShard, leader_first: bool) -> Vec<(ReplicaId, Member)> {
        let mut members = shard.0.members.clone();
        // Who leads may have been taken away by the map, and have everything until others do.
        let leader = shard.leader();
        if let Some((leader, member, _)) = &leader
            && members.iter().all(|(replica, _)| replica != leader)
        {
            members.push((*leader, member.clone()));
        }
        if let Some(here) = &shard.0.here {
            let own = here.group().replica();
            members.retain(|(replica, _)| *replica != own);
        }
        if leader_first {
            let leader = leader.map(|(leader, _, _)| leader);
            members.sort_by_key(|(replica, _)| Some(*replica) != leader);
        } else if !members.is_empty() {
            let turn = self.0.turn.fetch_add(1, Ordering::Relaxed) % members.len();
            members.rotate_left(turn);
        }
        let (now, silent) = (Instant::now(), lock(&self.0.silent));
        members.sort_by_key(|(_, member)| silent.get(&member.address).is_some_and(|silence| silence.until > now));
        members
    }

    /// Whether no replica of a shard on another node has answered for so long that nobody should wait for one.
    pub(crate) fn is_given_up(&self, shard: &KnownShard) -> bool {
        let silent = lock(&self.0.silent);
        shard.members().all(|member| silent.get(&member.address).is_some_and(|silence| silence.since.elapsed() > GIVEN_UP))
    }

    /// Asks a shard's replicas on other nodes, the leader first, until one answers as `wanted` or the time is over.
    pub(crate) async fn ask_any<A: DeserializeOwned>(
        &self,
        shard: &KnownShard,
        service: u16,
        question: &impl Serialize,
        until: Instant,
        mut wanted: impl FnMut(&A) -> bool,
    ) -> Option<A> {
        loop {
            // Its replicas may be others by now.
            let shard = &self.shard(shard.id()).unwrap_or_else(|| shard.clone());
            for (_, member) in self.order(shard, true) {
                // One that hangs does not use up the time of the others.
                let left = until.saturating_duration_since(Instant::now()).min(ATTEMPT);
                if left.is_zero() {
                    return None;
                }
                match self.ask_for::<A>(&member, (service, shard.id().0), question, left).await {
                    Ok(answer) if wanted(&answer) => return Some(answer),
                    Ok(_) => {}
                    Err(reason) => tracing::debug!(shard = %shard.id(), %member, reason, "another replica is asked"),
                }
            }
            if Instant::now() + PAUSE >= until {
                return None;
            }
            self.look_for_leader(shard).await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asks all replicas of a shard who leads it, and notes what the one says that knows of the highest term.
    pub(crate) async fn look_for_leader(&self, shard: &KnownShard) {
        if shard.0.here.is_some() {
            // Its replica here is told.
            return;
        }
        let mut newest = self.led(shard, shard.members().cloned().collect()).await;
        if newest.is_none() {
            // Those that the map names may be new, and know of nobody; who has the data may be another.
            let all = self.0.map.borrow().to_be_asked(shard.id());
            newest = self.led(shard, all).await;
        }
        if let Some(newest) = newest {
            shard.0.notes.leader.send_if_modified(|noted| {
                let is_newer = noted.as_ref().is_none_or(|noted| noted.term < newest.term);
                if is_newer {
                    *noted = Some(newest);
                }
                is_newer
            });
        }
    }

    /// Who leads a shard, as the one of these says that knows of the highest term.
    async fn led(&self, shard: &KnownShard, members: Vec<Member>) -> Led {
        let asked = members
            .iter()
            .map(|member| async move { self.ask_for::<Led>(member, (LEADER, shard.id().0), &(), QUESTION).await.ok().flatten() });
        join_all(asked).await.into_iter().flatten().max_by_key(|led| led.term)
    }

    /// As [`Reach::another_leader`], while a leader is asked: it has a while to answer before the others are asked about it.
    pub(crate) async fn another_leader_while_asking(&self, shard: &KnownShard, than: ReplicaId) {
        if shard.0.here.is_none() {
            tokio::time::sleep(QUESTION).await;
        }
        self.another_leader(shard, Some(than)).await;
    }

    /// Ends when another replica than this leads a shard, as far as can be known here.
    pub(crate) async fn another_leader(&self, shard: &KnownShard, than: Option<ReplicaId>) {
        let is_other = |leader: Option<ReplicaId>| leader.is_some() && leader != than;
        // A replica that is new hears of its leader before it learns who belongs to the group.
        let is_known = |status: &GroupStatus| is_other(status.leader.filter(|leader| status.members.contains_key(leader)));
        let Some(here) = &shard.0.here else {
            loop {
                if is_other(shard.leader().map(|(leader, _, _)| leader)) {
                    return;
                }
                let _ = timeout_at(Instant::now() + QUESTION, self.look_for_leader(shard)).await;
                if is_other(shard.leader().map(|(leader, _, _)| leader)) {
                    return;
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        if here.group().wait_until(Duration::MAX, is_known).await.is_none() {
            // The replica is stopped: nobody is known here any more.
            std::future::pending::<()>().await;
        }
    }
}

impl Default for Notes {
    fn default() -> Self {
        Self { seen: AtomicU64::new(0), is_settled: AtomicBool::new(false), leader: watch::Sender::new(None) }
    }
}

impl KnownShard {
    /// Its number.
    pub(crate) fn id(&self) -> ShardId {
        self.0.id
    }

    /// What it keeps.
    pub(crate) fn range(&self) -> KeyRange {
        self.0.range
    }

    /// This node's replica of it.
    pub(crate) fn here(&self) -> Option<&HostedShard> {
        self.0.here.as_ref()
    }

    /// This node's replica of it, where it can answer: one that is new, or was away, has to catch up first, unless it is the only one.
    pub(crate) fn readable(&self) -> Option<&HostedShard> {
        self.0.here.as_ref().filter(|here| !here.is_leaving() && (!here.is_behind() || self.is_only_here()))
    }

    /// Whether this node's replica is its only one.
    pub(crate) fn is_only_here(&self) -> bool {
        self.0.here.as_ref().is_some_and(HostedShard::is_only)
    }

    /// The nodes that keep replicas of it.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.0.members.iter().map(|(_, member)| member)
    }

    /// The replica that leads it, if it is known, and whether it is here.
    pub(crate) fn leader(&self) -> Option<(ReplicaId, Member, bool)> {
        match &self.0.here {
            Some(here) => here.leader(),
            None => {
                let led = self.0.notes.leader.borrow().clone()?;
                Some((led.leader, led.member, false))
            }
        }
    }

    /// Up to where whoever asks this node has seen its log.
    pub(crate) fn seen(&self) -> LogIndex {
        let noted = LogIndex(self.0.notes.seen.load(Ordering::Acquire));
        self.0.here.as_ref().map_or(noted, |here| here.store().applied().max(noted))
    }

    /// Whether [`KnownShard::seen`] is no less than what this node had shown, or acknowledged, before its start. It does not remember.
    pub(crate) fn is_settled(&self) -> bool {
        self.0.notes.is_settled.load(Ordering::Acquire) || self.0.here.as_ref().is_some_and(|here| !here.is_behind())
    }

    /// Notes that what it has seen is all that was acknowledged up to some time after its start.
    pub(crate) fn note_settled(&self) {
        self.0.notes.is_settled.store(true, Ordering::Release);
    }

    /// Notes that somebody has seen this entry.
    pub(crate) fn note_seen(&self, index: LogIndex) {
        self.0.notes.seen.fetch_max(index.0, Ordering::AcqRel);
    }
}

/// No code panics while it holds one of these.
fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
