//! What a shard knows, in memory: changed by one thread and read by all without a lock.
//!
//! | module | responsibility |
//! |---|---|
//! | [`delta`] | what was written since the last checkpoint, in every order that readers need |
//! | [`texts`], [`vectors`] | its words and vectors |
//! | [`graph`] | a namespace: deltas over segments |
//! | [`written`], [`compacted`] | what a segment is made of: a delta, or older segments |
//! | [`layer`], [`install`] | a segment's part under the deltas, and how it gets there |
//! | [`merge`] | one sequence out of those of several layers |
//! | [`liveness`] | which rows a reader sees, and what their evidence adds up to |
//! | [`apply`] | the state machine |
//! | [`sessions`] | remembered requests |
//! | [`search`] | by words, by vector, by filter |
//! | [`ghost`] | concepts that another shard keeps |
//! | [`outbox`] | effects that other shards have still to take, and how far theirs are taken |
//! | [`view`] | a pinned namespace: the answer to `Knowledge` |

use std::sync::Arc;

use im::{OrdMap, Vector};
use sutra_protocol::command::LogIndex;
use sutra_protocol::{KeyRange, Namespace, Timestamp};
use sutra_segment::Damage;
use sutra_wal::LogPoint;

mod apply;
mod compacted;
mod delta;
mod ghost;
mod graph;
mod install;
mod layer;
mod liveness;
mod merge;
mod outbox;
mod search;
mod sessions;
#[cfg(test)]
mod sharded;
#[cfg(test)]
mod tests;
mod texts;
mod vectors;
mod view;
mod written;

pub(crate) use compacted::Compacted;
pub(crate) use graph::{Counts, Graph, horizon};
pub(crate) use layer::Layer;
pub(crate) use outbox::Dealings;
pub use search::{Hit, NearestError, Page};
pub use view::View;
pub(crate) use written::Written;

pub(crate) use sessions::{Sessions, session_of};

use self::outbox::{Dropped, GivingWay, Outbox, Reserved};

use crate::manifest::{Configuration, Scrub};

/// Everything a shard knows. A clone is a snapshot and costs little.
#[derive(Clone, Default)]
pub(crate) struct State {
    pub(crate) namespaces: OrdMap<Namespace, Arc<Graph>>,
    pub(crate) sessions: Sessions,
    /// Erasures whose content may still be on the disk, oldest first.
    pub(crate) scrubs: Vector<Scrub>,
    /// The last entry that is in here.
    pub(crate) applied: LogIndex,
    /// Its term.
    pub(crate) term: u64,
    /// Who belonged to the group by the last entry that said so; `None`: none ever did.
    pub(crate) configuration: Option<Arc<Configuration>>,
    /// Greatest record time in here.
    pub(crate) clock: Timestamp,
    /// What the shard keeps.
    pub(crate) range: KeyRange,
    pub(crate) outbox: Outbox,
    /// By shard, the number of the last effects that were taken from it.
    pub(crate) taken: OrdMap<u64, u64>,
    pub(crate) reserved: Reserved,
    pub(crate) giving_way: GivingWay,
    /// Namespaces that were dropped while there were other shards.
    pub(crate) dropped: OrdMap<Namespace, Dropped>,
}

impl State {
    /// Estimate of the memory that the deltas take, those that a checkpoint is writing apart.
    pub(crate) fn delta_bytes(&self) -> usize {
        self.namespaces.values().map(|graph| graph.delta.bytes()).sum()
    }

    /// The last entry that is in here; `None`: there never was one. A group of several replicas begins at entry 0.
    pub(crate) fn point(&self) -> Option<LogPoint> {
        let begun = self.applied > LogIndex(0) || self.configuration.is_some();
        begun.then_some(LogPoint { index: self.applied, term: self.term })
    }

    /// Whether a checkpoint is under way.
    pub(crate) fn is_frozen(&self) -> bool {
        self.namespaces.values().any(|graph| graph.frozen.is_some())
    }

    /// Lays every delta aside to be written into a segment, and begins new ones over them. What nobody can be told any more goes.
    pub(crate) fn freeze(&mut self) {
        self.sessions.expire(self.clock);
        let names: Vec<_> =
            self.namespaces.iter().filter(|(_, graph)| !graph.delta.is_empty()).map(|(name, _)| name.clone()).collect();
        for name in names {
            if let Some(graph) = self.namespaces.get_mut(&name) {
                let graph = Arc::make_mut(graph);
                graph.frozen = Some(Arc::new(std::mem::take(&mut graph.delta)));
            }
        }
    }

    /// What is wrong with a segment, if a read of it found something.
    pub(crate) fn damage(&self) -> Option<&Damage> {
        self.namespaces.values().find_map(|graph| graph.damage())
    }
}
