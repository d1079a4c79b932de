//! What is asked of the keeper.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use sutra_protocol::command::LogIndex;
use tokio::sync::oneshot;

use crate::error::NotTaken;
use crate::manifest::GraphEntry;
use crate::replica::{Checkpoint, Cut, HeldSegments, Incoming};

/// Where somebody waits for what comes of it.
pub(crate) type Asker = oneshot::Sender<Result<(), String>>;

/// Something for the keeper to do.
pub(crate) enum Work {
    /// The deltas have reached their budget.
    Checkpoint,
    /// Something was erased.
    Scrub,
    /// Somebody wants everything in segments.
    CheckpointNow(Asker),
    /// Somebody wants one segment of all.
    CompactNow(Asker),
    /// It is time to merge what should be one.
    Merge,
    /// The merge into the segment with this number has ended.
    Merged(u64),
    /// A graph was built, or found again.
    Built(Box<Built>),
    /// Somebody wants the files of the newest checkpoint, to give them to another replica.
    Pin(oneshot::Sender<Result<Option<Checkpoint>, String>>),
    /// Somebody wants to know which segments are here, and to use them.
    Hold(oneshot::Sender<Result<HeldSegments, String>>),
    /// Another replica's checkpoint has come.
    Install(Incoming, oneshot::Sender<Result<(), NotTaken<Incoming>>>),
    /// The consensus has cut the log, or could not yet.
    Cut(Result<(), String>),
    /// Others need the entries up to this one to leave the log.
    LeaveLog(LogIndex, Cut),
    /// Nothing comes after this.
    Close,
}

/// A graph over the vectors of a part.
pub(crate) struct Built {
    pub(crate) entry: GraphEntry,
    /// `None`: the file of this entry can't be used.
    pub(crate) graph: Option<std::sync::Arc<sutra_vector::Graph>>,
}

/// How the keeper is reached.
pub(crate) struct Ask {
    work: Sender<Work>,
    /// Whether a checkpoint was asked for that has not begun.
    asked: AtomicBool,
}

impl Ask {
    pub(crate) fn new(work: Sender<Work>) -> Self {
        Self { work, asked: AtomicBool::new(false) }
    }

    /// Asks. A keeper that has ended does nothing more, as the store is closed then.
    pub(crate) fn ask(&self, work: Work) {
        if matches!(work, Work::Checkpoint) && self.asked.swap(true, Ordering::AcqRel) {
            return;
        }
        let _ = self.work.send(work);
    }

    /// The checkpoint that was asked for begins.
    pub(crate) fn begun(&self) {
        self.asked.store(false, Ordering::Release);
    }

    /// For the threads that report to the keeper.
    pub(crate) fn sender(&self) -> Sender<Work> {
        self.work.clone()
    }
}
