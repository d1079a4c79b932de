//! What is between this shard and the others: effects that they have still to take, and how far it has taken theirs.

use std::sync::Arc;

use im::{OrdMap, Vector};
use serde::{Deserialize, Serialize};
use sutra_protocol::effects::Effects;
use sutra_protocol::{ConceptId, Namespace, Timestamp};

use super::State;

/// Effects that other shards have still to take, the oldest first. A clone costs little.
#[derive(Clone, Default)]
pub(crate) struct Outbox {
    /// How many commands were applied: the number of whatever effects the newest has. Not of those that have some: whether a command has
    /// effects on somebody may follow from what another replica has forgotten.
    newest: u64,
    pending: Vector<Arc<Effects>>,
    /// About the size of those.
    bytes: usize,
}

impl Outbox {
    /// The number that effects of what is applied now have.
    pub(crate) fn number(&mut self) -> u64 {
        self.newest += 1;
        self.newest
    }

    /// The number that was given last.
    pub(crate) fn newest(&self) -> u64 {
        self.newest
    }

    /// Keeps effects until they are delivered.
    pub(crate) fn post(&mut self, effects: Effects) {
        self.bytes += effects.weight();
        self.pending.push_back(Arc::new(effects));
    }

    /// Forgets those up to `number`: every shard has taken them.
    pub(crate) fn delivered(&mut self, number: u64) {
        while self.pending.front().is_some_and(|oldest| oldest.number <= number) {
            let oldest = self.pending.pop_front();
            self.bytes -= oldest.map_or(0, |oldest| oldest.weight());
        }
    }

    /// At most `limit` of those above `after`.
    pub(crate) fn after(&self, after: u64, limit: usize) -> Vec<Arc<Effects>> {
        let from = self.pending.binary_search_by(|effects| effects.number.cmp(&(after + 1))).unwrap_or_else(|at| at);
        self.pending.iter().skip(from).take(limit).cloned().collect()
    }

    /// How many have still to be taken by somebody.
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    /// About their size in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The oldest of them.
    pub(crate) fn oldest(&self) -> Option<&Arc<Effects>> {
        self.pending.front()
    }
}

/// Keys that somebody else than this shard will give to a concept, or not.
pub(crate) type Reserved = OrdMap<(Namespace, Arc<str>), Reservation>;

/// Concepts of other shards that lose their key to another, with the incarnation that does: this shard, which says whose a key is, has decided
/// it, and has not seen it done. Until then they seem to have it.
pub(crate) type GivingWay = OrdMap<(Namespace, ConceptId), u64>;

/// A key that is about to belong to a concept of another shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reservation {
    /// The concept.
    pub(crate) id: ConceptId,
    /// The number of the newest effects that teach it.
    pub(crate) number: u64,
}

/// What is left of a namespace that was dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dropped {
    /// When it was decided: where its next era begins.
    pub(crate) era: Timestamp,
    /// No concept that this shard kept there had a greater incarnation.
    pub(crate) upto: u64,
}

/// What a shard keeps of its dealings with others, in a manifest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Dealings {
    /// The number of the newest effects.
    #[serde(default)]
    newest: u64,
    /// Those that have still to be taken, oldest first.
    #[serde(default)]
    pending: Vec<Effects>,
    /// By shard, the number of the last effects that were taken from it.
    #[serde(default)]
    taken: Vec<(u64, u64)>,
    #[serde(default)]
    reserved: Vec<(Namespace, Arc<str>, Reservation)>,
    #[serde(default)]
    giving_way: Vec<(Namespace, ConceptId, u64)>,
    /// See `State::dropped`.
    #[serde(default)]
    dropped: Vec<(Namespace, Dropped)>,
}

impl Dealings {
    /// How many effects have still to be taken.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    pub(crate) fn of(state: &State) -> Self {
        let State { outbox, taken, reserved, giving_way, dropped, .. } = state;
        Self {
            newest: outbox.newest,
            pending: outbox.pending.iter().map(|effects| Effects::clone(effects)).collect(),
            taken: taken.iter().map(|(origin, number)| (*origin, *number)).collect(),
            reserved: reserved.iter().map(|((namespace, key), held)| (namespace.clone(), Arc::clone(key), *held)).collect(),
            giving_way: giving_way.iter().map(|((namespace, id), incarnation)| (namespace.clone(), *id, *incarnation)).collect(),
            dropped: dropped.iter().map(|(namespace, upto)| (namespace.clone(), *upto)).collect(),
        }
    }

    /// Gives a state what it had.
    pub(crate) fn restore(self, state: &mut State) {
        state.outbox = Outbox { newest: self.newest, ..Outbox::default() };
        self.pending.into_iter().for_each(|effects| state.outbox.post(effects));
        state.taken = self.taken.into_iter().collect();
        state.reserved = self.reserved.into_iter().map(|(namespace, key, held)| ((namespace, key), held)).collect();
        let giving_way = self.giving_way.into_iter();
        state.giving_way = giving_way.map(|(namespace, id, incarnation)| ((namespace, id), incarnation)).collect();
        state.dropped = self.dropped.into_iter().collect();
    }
}
