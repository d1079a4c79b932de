//! Views that other nodes read: pinned here for as long as they ask.
//!
//! A request that goes from question to question has one state of a shard under its feet, wherever the shard is. Of whom nothing is heard
//! for [`LEASE`] is believed to be gone.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sutra_protocol::command::LogIndex;
use sutra_replication::{Member, Transport};
use sutra_storage::View;
use tokio::time::{Instant, timeout};

use crate::hosted::HostedShard;
use crate::messages::{Asked, Fresh, Opening, PINS, Pinning, Told};
use crate::questions::{self, Kind};
use crate::reach::Reach;

/// How long a view stays pinned after its holder was heard of.
const LEASE: Duration = Duration::from_secs(30);
/// Most views that are pinned at once. Each keeps only what was replaced since.
const MOST: usize = 16_384;
/// The first piece of an answer has at most so many bytes: it travels with what is urgent.
const FIRST_PIECE: usize = 256 << 10;
/// Each later piece.
const PIECE: usize = 4 << 20;

/// The pinned views of a node. Cheap to clone; all clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Pins(Arc<Mutex<HashMap<(u64, u128), Pin>>>);

struct Pin {
    view: View,
    applied: LogIndex,
    expires: Instant,
    /// The last answer that was longer than a piece.
    answer: Bytes,
}

impl Pins {
    /// Answers a question, and pins the view that it is about first where that is asked for.
    ///
    /// # Errors
    /// It is no question.
    pub(crate) async fn ask(
        &self,
        id: u64,
        shard: Option<&HostedShard>,
        pool: &dyn Transport,
        asked: Asked,
    ) -> Result<Told, String> {
        let id = (id, asked.pin);
        // What is pinned is answered from, also when the replica has gone meanwhile.
        let (view, applied) = match (self.touch(id), &asked.open, shard) {
            (Some(held), _, _) => held,
            (None, None, _) => return Ok(Told::NoPin),
            (None, Some(_), None) => return Ok(Told::NotHere),
            (None, Some(opening), Some(shard)) => {
                if !reach(shard, pool, opening.fresh).await {
                    return Ok(Told::NotHere);
                }
                match self.open(id, shard, opening) {
                    Ok(held) => held,
                    Err(told) => return Ok(told),
                }
            }
        };
        let (answer, piece) = if asked.kind == Kind::Rest {
            (self.rest(id), PIECE)
        } else {
            let (kind, question, pinned) = (asked.kind, asked.question, view.clone());
            // It may take long, and read files.
            let answered = tokio::task::spawn_blocking(move || questions::answered(&pinned, kind, &question)).await;
            (Bytes::from(answered.map_err(|error| error.to_string())??), FIRST_PIECE)
        };
        if let Some(damage) = view.damage() {
            return Ok(Told::Damaged(damage.to_string()));
        }
        let from = usize::try_from(asked.from).unwrap_or(usize::MAX);
        if from > answer.len() {
            return Ok(Told::NoPin);
        }
        let upto = answer.len().min(from.saturating_add(piece));
        let left = (answer.len() - upto) as u64;
        let told = Told::Answer { applied, answer: answer[from..upto].to_vec(), left };
        self.keep_rest(id, if left > 0 { answer } else { Bytes::new() });
        Ok(told)
    }

    /// Keeps some views of a shard, and forgets others.
    pub(crate) fn hear(&self, shard: u64, pinning: &Pinning) {
        let (mut held, expires) = (self.lock(), Instant::now() + LEASE);
        for pin in &pinning.keep {
            if let Some(pin) = held.get_mut(&(shard, *pin)) {
                pin.expires = expires;
            }
        }
        for pin in &pinning.release {
            held.remove(&(shard, *pin));
        }
    }

    /// Forgets all views of a shard.
    pub(crate) fn forget(&self, shard: u64) {
        self.lock().retain(|(of, _), _| *of != shard);
    }

    /// How many views are pinned.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Forgets those that nobody has asked for a while, until the node ends.
    pub(crate) async fn sweep(self) {
        loop {
            tokio::time::sleep(LEASE / 6).await;
            let now = Instant::now();
            self.lock().retain(|_, pin| pin.expires > now);
        }
    }

    fn open(&self, id: (u64, u128), shard: &HostedShard, opening: &Opening) -> Result<(View, LogIndex), Told> {
        let view = shard.store().view(&opening.namespace, opening.as_of).map_err(Told::NoView)?;
        // Looked at last: whoever has seen the view has seen no more than that.
        let applied = shard.store().applied();
        let mut held = self.lock();
        let is_full = held.len() >= MOST;
        match held.entry(id) {
            Entry::Occupied(pin) => Ok((pin.get().view.clone(), pin.get().applied)),
            Entry::Vacant(_) if is_full => Err(Told::NotHere),
            Entry::Vacant(place) => {
                place.insert(Pin { view: view.clone(), applied, expires: Instant::now() + LEASE, answer: Bytes::new() });
                Ok((view, applied))
            }
        }
    }

    fn touch(&self, id: (u64, u128)) -> Option<(View, LogIndex)> {
        let mut held = self.lock();
        let pin = held.get_mut(&id)?;
        pin.expires = Instant::now() + LEASE;
        Some((pin.view.clone(), pin.applied))
    }

    fn rest(&self, id: (u64, u128)) -> Bytes {
        self.lock().get(&id).map(|pin| pin.answer.clone()).unwrap_or_default()
    }

    fn keep_rest(&self, id: (u64, u128), answer: Bytes) {
        if let Some(pin) = self.lock().get_mut(&id) {
            pin.answer = answer;
        }
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(u64, u128), Pin>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pins that this node holds on others. Cheap to clone; all clones are the same.
#[derive(Clone, Default)]
pub(crate) struct HeldPins(Arc<Mutex<HashMap<u128, HeldPin>>>);

struct HeldPin {
    member: Member,
    shard: u64,
    told: Instant,
    is_released: bool,
}

/// How often other nodes are told of pins.
const TOLD: Duration = Duration::from_millis(200);

impl HeldPins {
    /// Notes that a node has pinned a view.
    pub(crate) fn hold(&self, member: &Member, shard: u64, pin: u128) {
        let held = HeldPin { member: member.clone(), shard, told: Instant::now(), is_released: false };
        self.lock().insert(pin, held);
    }

    /// Notes that it is needed no more.
    pub(crate) fn release(&self, pin: u128) {
        if let Some(held) = self.lock().get_mut(&pin) {
            held.is_released = true;
        }
    }

    /// Tells other nodes which pins are needed, until the node ends.
    pub(crate) async fn tell(self, reach: Reach) {
        loop {
            tokio::time::sleep(TOLD).await;
            for ((_, shard), (member, pinning)) in self.due() {
                let reach = reach.clone();
                // Where it is not heard, pins end by themselves.
                tokio::spawn(async move {
                    let _: Result<(), String> = reach.ask_for(&member, (PINS, shard), &pinning, LEASE / 3).await;
                });
            }
        }
    }

    fn due(&self) -> BTreeMap<(String, u64), (Member, Pinning)> {
        let mut due: BTreeMap<(String, u64), (Member, Pinning)> = BTreeMap::new();
        let now = Instant::now();
        self.lock().retain(|pin, held| {
            let is_old = now >= held.told + LEASE / 3;
            if held.is_released || is_old {
                let key = (held.member.address.clone(), held.shard);
                let (_, pinning) = due.entry(key).or_insert_with(|| (held.member.clone(), Pinning::default()));
                if held.is_released { &mut pinning.release } else { &mut pinning.keep }.push(*pin);
                held.told = now;
            }
            !held.is_released
        });
        due
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u128, HeldPin>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends when what this node has of a shard is as new as is asked for; `false`: not in time, or it can't come to that.
pub(crate) async fn reach(shard: &HostedShard, pool: &dyn Transport, fresh: Fresh) -> bool {
    let limit = Duration::from_millis(fresh.wait_ms);
    let reached = async {
        if fresh.strong || shard.is_behind() {
            let Some(index) = shard.read_index(pool, limit).await else { return false };
            if !shard.comes_to(index, pool).await {
                return false;
            }
        }
        match fresh.applied {
            Some(index) => shard.comes_to(index, pool).await,
            None => true,
        }
    };
    timeout(limit, reached).await.unwrap_or(false)
}
