//! What the keeper asks of the thread that applies, which alone changes what readers see.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use sutra_protocol::Namespace;
use sutra_protocol::command::LogIndex;
use sutra_segment::Segment;
use sutra_vector::Graph as VectorGraph;

use crate::memory::State;

/// A request of the keeper.
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
    /// What was erased by entries up to this one is on no disk any more.
    Scrubbed { upto: LogIndex, done: SyncSender<()> },
}
