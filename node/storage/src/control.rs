//! What the keeper and the consensus ask of the thread that applies, which alone changes what readers see.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use sutra_protocol::Namespace;
use sutra_protocol::command::LogIndex;
use sutra_segment::Segment;
use sutra_vector::Graph as VectorGraph;
use tokio::sync::oneshot;

use crate::memory::State;
use crate::replica::{Committed, Fate};

/// A request of the keeper, or of the consensus.
pub(crate) enum Control {
    /// Lay the deltas aside; the answer is the state as of then.
    Freeze(SyncSender<State>),
    /// The deltas that were laid aside are in this segment (`None`: there was nothing in them).
    Checkpointed {
        segment: Option<Arc<Segment>>,
        /// The namespaces that it was written from, with the entries that created them.
        born: Vec<(Namespace, LogIndex)>,
        done: SyncSender<()>,
    },
    /// This segment holds all that those held (`None`: that was nothing).
    Compacted { replaced: Vec<u64>, segment: Option<Arc<Segment>>, done: SyncSender<()> },
    /// A part's vectors have a graph.
    Indexed { segment: u64, place: usize, graph: Arc<VectorGraph>, done: SyncSender<()> },
    /// Look again whether commands may be taken.
    Wake,
    /// Say how everything was right after the entry of this mark.
    Mark { mark: u64, reply: oneshot::Sender<Box<State>> },
    /// Say so when this entry is applied.
    Reach { index: LogIndex, done: SyncSender<()> },
    /// What was erased by entries up to this one is on no disk any more.
    Scrubbed { upto: LogIndex, done: SyncSender<()> },
    /// Another replica's checkpoint takes the place of everything.
    Installed { state: Box<State>, done: SyncSender<()> },
    /// These entries are committed.
    Apply { entries: Vec<Committed>, done: oneshot::Sender<Result<(), String>> },
    /// What became of a proposal.
    Proposed { number: u64, fate: Fate },
    /// Whether this replica leads its shard.
    Lead(bool),
}
