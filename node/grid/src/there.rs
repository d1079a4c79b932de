//! A view of a shard that another node keeps.
//!
//! Nothing is sent before the first question, which pins the view: at whichever replica answers first. All later ones go to that pin. What
//! is asked about one thing is remembered, so that asking for many at once beforehand pays ([`There::look_up`]).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use sutra_peer::Class;
use sutra_protocol::command::LogIndex;
use sutra_protocol::{AsOf, Namespace};
use sutra_replication::{Call, Member};
use sutra_storage::ViewError;
use tokio::runtime::RuntimeFlavor;
use tokio::time::Instant;

use crate::messages::{ASK, Asked, Fresh, Opening, Told};
use crate::questions::{Kind, Lookup, OfAssociation, OfConcept, OfDetails, OfGhost, OfKey, OfName, Question, Several};
use crate::reach::{self, HEDGE, KnownShard, PAUSE, Reach};
use crate::words;

/// How long a question may take where the asker has no bound.
const QUESTION: Duration = Duration::from_secs(30);
/// Of one kind, most things that are remembered.
const REMEMBERED: usize = 65_536;
/// About how many bytes a question about several things may have: it has to fit into a frame.
const QUESTION_BYTES: usize = 4 << 20;
/// Most things that are looked up with one question.
const AT_ONCE: usize = 16_384;

/// Why a part of a view has no answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No node answered for the shard.
    Unreachable {
        /// The shard.
        shard: u64,
        /// What was in the way last.
        reason: String,
    },
    /// The node that had pinned it has stopped answering, and another would have another state.
    Lost {
        /// The shard.
        shard: u64,
        /// What was in the way.
        reason: String,
    },
    /// It can't be had.
    NoView(ViewError),
    /// A file is damaged.
    Damaged(String),
}

/// What a view has to be.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) namespace: Namespace,
    pub(crate) as_of: AsOf,
    /// What the caller has seen of the shard.
    pub(crate) seen: LogIndex,
    pub(crate) strong: bool,
    /// When the caller's time is over.
    pub(crate) until: Option<Instant>,
}

/// A view of a shard on another node.
pub(crate) struct There(Arc<Inner>);

struct Inner {
    reach: Reach,
    shard: KnownShard,
    wish: Wish,
    /// Who has pinned it, since the first answer. One question at a time.
    pinned: tokio::sync::Mutex<Option<Pinned>>,
    missing: OnceLock<Missing>,
    remembered: Remembered,
}

struct Pinned {
    member: Member,
    pin: u128,
}

/// What was looked up.
#[derive(Default)]
pub(crate) struct Remembered {
    concepts: Cache<OfConcept>,
    associations: Cache<OfAssociation>,
    details: Cache<OfDetails>,
    ghosts: Cache<OfGhost>,
    keys: Cache<OfKey>,
    names: Cache<OfName>,
}

pub(crate) struct Cache<L: Lookup>(Mutex<BTreeMap<L::Key, L::Value>>);

impl<L: Lookup> Default for Cache<L> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// A lookup whose answers are remembered.
pub(crate) trait Cached: Lookup + Sized {
    fn cache(remembered: &Remembered) -> &Cache<Self>;
}

macro_rules! cached {
    ($($name:ident in $field:ident),+) => {$(
        impl Cached for $name {
            fn cache(remembered: &Remembered) -> &Cache<Self> {
                &remembered.$field
            }
        }
    )+};
}

cached!(OfConcept in concepts, OfAssociation in associations, OfDetails in details, OfGhost in ghosts, OfKey in keys, OfName in names);

impl<L: Lookup> Cache<L> {
    /// No code panics while it holds the lock.
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<L::Key, L::Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, key: &L::Key) -> Option<L::Value> {
        self.lock().get(key).cloned()
    }

    fn put(&self, keys: Vec<L::Key>, values: Vec<L::Value>) {
        let mut held = self.lock();
        if held.len() + keys.len() > REMEMBERED {
            held.clear();
        }
        held.extend(keys.into_iter().zip(values));
    }
}

impl There {
    pub(crate) fn new(reach: Reach, shard: KnownShard, wish: Wish) -> Self {
        let (pinned, missing, remembered) = (tokio::sync::Mutex::default(), OnceLock::new(), Remembered::default());
        Self(Arc::new(Inner { reach, shard, wish, pinned, missing, remembered }))
    }

    pub(crate) fn namespace(&self) -> &Namespace {
        &self.0.wish.namespace
    }

    pub(crate) fn as_of(&self) -> AsOf {
        self.0.wish.as_of
    }

    /// Why it has no answers, once that is so.
    pub(crate) fn missing(&self) -> Option<&Missing> {
        self.0.missing.get()
    }

    /// Ends when `what` has: this thread waits, and the grid's goes on.
    pub(crate) fn wait<T: Send>(&self, what: impl Future<Output = T> + Send) -> T {
        let runtime = self.0.reach.runtime();
        match tokio::runtime::Handle::try_current().map(|here| here.runtime_flavor()) {
            // Another runtime's only thread, which can't wait for this one as its own can.
            Ok(RuntimeFlavor::CurrentThread) => {
                let waited = std::thread::scope(|scope| scope.spawn(|| runtime.block_on(what)).join());
                waited.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            }
            _ => tokio::task::block_in_place(|| runtime.block_on(what)),
        }
    }

    /// What is known of one thing; `None`: there is no answer.
    pub(crate) fn one<L: Cached>(&self, key: &L::Key) -> Option<L::Value> {
        let cache = L::cache(&self.0.remembered);
        if let Some(value) = cache.get(key) {
            return Some(value);
        }
        self.wait(self.look_up::<L>(vec![key.clone()]));
        cache.get(key)
    }

    /// Looks up what is not remembered of these, so that asking for each is answered from memory.
    pub(crate) async fn look_up<L: Cached>(&self, keys: Vec<L::Key>) {
        let cache = L::cache(&self.0.remembered);
        let mut keys: Vec<L::Key> = keys.into_iter().filter(|key| cache.get(key).is_none()).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut left: Vec<Vec<L::Key>> = keys.chunks(AT_ONCE).map(<[_]>::to_vec).collect();
        while let Some(mut keys) = left.pop() {
            let question = Several::<L>(keys);
            let is_large = words::encode(&question).is_ok_and(|payload| payload.len() > QUESTION_BYTES);
            if is_large && question.0.len() > 1 {
                keys = question.0;
                left.push(keys.split_off(keys.len() / 2));
                left.push(keys);
                continue;
            }
            let Some(values) = self.ask(&question).await else { return };
            cache.put(question.0, values);
        }
    }

    /// A question's answer; `None`: see [`There::missing`].
    pub(crate) async fn ask<Q: Question>(&self, question: &Q) -> Option<Q::Answer> {
        if self.missing().is_some() {
            return None;
        }
        let answer = match words::encode(question) {
            Ok(payload) => self.answer(Q::KIND, payload).await,
            Err(reason) => Err(self.unreachable(reason)),
        };
        let decoded = answer.and_then(|answer| words::decode(&answer).map_err(|reason| self.unreachable(reason)));
        decoded.map_err(|missing| self.0.missing.get_or_init(|| missing)).ok()
    }

    fn unreachable(&self, reason: String) -> Missing {
        Missing::Unreachable { shard: self.0.shard.id().0, reason }
    }

    fn lost(&self, reason: String) -> Missing {
        Missing::Lost { shard: self.0.shard.id().0, reason }
    }

    /// The time that there is for a question: the rest is needed to say what is missing.
    fn limit(&self) -> Duration {
        self.0.wish.until.map_or(QUESTION, |until| until.saturating_duration_since(Instant::now()).mul_f64(0.75))
    }

    async fn answer(&self, kind: Kind, question: Vec<u8>) -> Result<Vec<u8>, Missing> {
        let mut pinned = self.0.pinned.lock().await;
        let (mut answer, mut left) = match &*pinned {
            None => {
                let (opened, answer, left) = self.open(kind, question).await?;
                *pinned = Some(opened);
                (answer, left)
            }
            Some(pinned) => {
                let asked = Asked { pin: pinned.pin, open: None, kind, question, from: 0 };
                self.told(
                    self.tell(&pinned.member, Class::Control, asked, self.limit()).await.map_err(|reason| self.lost(reason))?,
                )?
            }
        };
        while left > 0
            && let Some(pinned) = &*pinned
        {
            let asked = Asked { pin: pinned.pin, open: None, kind: Kind::Rest, question: Vec::new(), from: answer.len() as u64 };
            let told = self.tell(&pinned.member, Class::Bulk, asked, self.limit()).await.map_err(|reason| self.lost(reason))?;
            let (more, behind) = self.told(told)?;
            if more.is_empty() {
                return Err(self.lost("an answer has ended before its end".into()));
            }
            answer.extend(more);
            left = behind;
        }
        Ok(answer)
    }

    /// Asks the replicas one after another, the next one as well where one takes long, until one answers.
    async fn open(&self, kind: Kind, question: Vec<u8>) -> Result<(Pinned, Vec<u8>, u64), Missing> {
        // Not all of the time, so that there is some left for later questions, and to say what is missing; and less where that is to be expected.
        let mut limit = self.limit() / 2;
        if self.0.reach.is_given_up(&self.0.shard) {
            limit = limit.min(reach::QUESTION);
        }
        let until = Instant::now() + limit;
        let mut reason = String::from("its replicas are not known");
        loop {
            let members = self.0.reach.order(&self.0.shard, self.0.wish.strong);
            let mut next = members.iter().enumerate();
            let mut asking = FuturesUnordered::new();
            // Those that have been asked and have not answered.
            let mut waiting = Vec::new();
            loop {
                if asking.len() < 2 {
                    if let Some((at, (_, member))) = next.next() {
                        if !asking.is_empty() {
                            self.0.reach.hedged();
                        }
                        waiting.push(at);
                        let tried = self.try_open(member.clone(), kind, question.clone(), until);
                        asking.push(tried.map(move |tried| (at, tried)));
                    } else if asking.is_empty() {
                        break;
                    }
                }
                tokio::select! {
                    Some((at, tried)) = asking.next() => match tried {
                        Ok(told) => {
                            // Nobody waits any more for one that was overtaken, so that nobody would learn that it does not answer.
                            waiting.iter().filter(|other| **other < at).for_each(|other| self.0.reach.note_silent(&members[*other].1));
                            return told;
                        }
                        Err(why) => {
                            waiting.retain(|other| *other != at);
                            reason = why;
                        }
                    },
                    () = tokio::time::sleep(HEDGE), if asking.len() < 2 && next.len() > 0 => {}
                }
            }
            if Instant::now() + PAUSE >= until {
                return Err(self.unreachable(reason));
            }
            self.0.reach.look_for_leader(&self.0.shard).await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asks one replica to pin a view and answer; the outer error: another may.
    async fn try_open(
        &self,
        member: Member,
        kind: Kind,
        question: Vec<u8>,
        until: Instant,
    ) -> Result<Result<(Pinned, Vec<u8>, u64), Missing>, String> {
        let Wish { namespace, as_of, seen, strong, .. } = &self.0.wish;
        // One that hangs does not use up the time of the others.
        let left = until.saturating_duration_since(Instant::now()).min(reach::ATTEMPT);
        let applied = (*seen > LogIndex(0)).then_some(*seen);
        let fresh = Fresh { applied, strong: *strong, wait_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX) };
        let opening = Opening { namespace: namespace.clone(), as_of: *as_of, fresh };
        let pin = uuid::Uuid::new_v4().as_u128();
        let asked = Asked { pin, open: Some(opening), kind, question, from: 0 };
        let held = Held::of(&self.0.reach, &member, self.0.shard.id().0, pin);
        match self.tell(&member, Class::Control, asked, left).await? {
            Told::NotHere | Told::NoPin => Err(format!("{} does not come to what is asked for", member.node)),
            told => Ok(self.told(told).map(|(answer, left)| {
                if *strong {
                    self.0.shard.note_settled();
                }
                held.keep();
                (Pinned { member, pin }, answer, left)
            })),
        }
    }

    fn told(&self, told: Told) -> Result<(Vec<u8>, u64), Missing> {
        match told {
            Told::Answer { applied, answer, left } => {
                self.0.shard.note_seen(applied);
                Ok((answer, left))
            }
            Told::NoPin | Told::NotHere => Err(self.lost("the node does not hold the state any more".into())),
            Told::NoView(error) => Err(Missing::NoView(error)),
            Told::Damaged(what) => Err(Missing::Damaged(what)),
        }
    }

    async fn tell(&self, member: &Member, class: Class, asked: Asked, timeout: Duration) -> Result<Told, String> {
        let payload = Bytes::from(words::encode(&asked)?);
        // A large question does not hold up what is urgent.
        let class = if payload.len() > LARGE { Class::Bulk } else { class };
        let call = Call { class, service: ASK, group: self.0.shard.id().0, payload, timeout };
        self.0.reach.questioned(asked.kind);
        let reply = self.0.reach.ask(member, call).await.map_err(|error| error.to_string())?;
        words::decode(&reply)
    }
}

/// Above this a question travels with the bulk.
const LARGE: usize = 64 << 10;

/// A pin that is released again, unless it is kept: of who was asked too, and of who answers too late, nobody wants it.
struct Held(Option<(Reach, u128)>);

impl Held {
    fn of(reach: &Reach, member: &Member, shard: u64, pin: u128) -> Self {
        reach.pins().hold(member, shard, pin);
        Self(Some((reach.clone(), pin)))
    }

    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some((reach, pin)) = self.0.take() {
            reach.pins().release(pin);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(pinned) = self.pinned.get_mut().take() {
            self.reach.pins().release(pinned.pin);
        }
    }
}
