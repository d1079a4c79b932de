//! The keeper: the thread that moves what is in memory into segments, merges segments, and removes what was erased.
//!
//! ```text
//!   freeze (asked of the reconciler) ─→ segment ─ fsync ─→ manifest ─ rename, fsync ─→ installed ─→ log purged
//! ```
//!
//! Each step leaves the store whole: until the manifest is in place the log has everything, and from then on the manifest's files
//! have it. What a crash leaves beside them is swept at the next start.
//!
//! | module | responsibility |
//! |---|---|
//! | `work` | what is asked of the keeper |
//! | `checkpoint` | a frozen delta becomes a segment |
//! | `compact` | neighbouring segments become one, written by a thread of its own |
//! | `scrub` | erased content leaves segments and log |
//! | `tiers` | which segments to merge |
//! | `transfer` | checkpoints given to other replicas, and taken from them |
//! | `indexer` | the thread that builds graphs over vectors |
//! | `files` | names, and what is swept |

mod checkpoint;
mod compact;
mod files;
mod indexer;
mod scrub;
mod tiers;
mod transfer;
mod work;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use sutra_disk::Disk;
use sutra_segment::{Head, Segment, SegmentError};
use sutra_wal::Log;

pub(crate) use checkpoint::entry as checkpoint_entry;
pub(crate) use files::{graph_path, segment_path, sweep};
pub(crate) use indexer::Indexer;
pub(crate) use work::{Ask, Built, Work};

use crate::control::Control;
use crate::error::NotTaken;
use crate::home::Home;
use crate::manifest::{Manifest, ManifestError};
use crate::memory::State;
use crate::store::Shared;

/// First and longest pause after a failure.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(5)];

/// What the thread owns.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    home: Arc<Home>,
    log: Log,
    /// As it is on the disk.
    manifest: Manifest,
    /// Those of the manifest, in its order.
    segments: Vec<Arc<Segment>>,
    /// A frozen state whose segment could not be written yet.
    unfinished: Option<State>,
    indexer: Indexer,
    /// Merges of segments of one size that other threads write.
    merging: Vec<compact::Merging>,
    /// The compaction of all segments that was asked for, and another thread writes.
    compaction: Option<compact::Merging>,
    /// How often it was begun anew.
    restarts: u32,
    /// Who waits for a compaction that has not begun.
    asked: Vec<work::Asker>,
    /// How often something failed since all was well.
    failures: u32,
    /// Segments that no manifest names for certain: they may go once a later manifest is certain.
    strays: Vec<u64>,
    /// Segments that somebody uses to put a checkpoint together, replaced or not: as long as the other end of it is there.
    held: Vec<(Weak<()>, Vec<Arc<Segment>>)>,
    /// How received files began that could not be taken in yet, and under which number it was tried: that may have damaged how they begin. No
    /// two have one name.
    heads: HashMap<PathBuf, (Head, u64)>,
    /// The consensus cuts the log of what was erased.
    cutting: Option<scrub::Cutting>,
    /// The entry that was last waited for to be applied.
    unreached: Option<sutra_protocol::command::LogIndex>,
}

/// Why the keeper could not do something. It is told to the operator and tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    #[error(transparent)]
    Segment(#[from] SegmentError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("{step}")]
    Io {
        step: &'static str,
        #[source]
        source: std::io::Error,
    },
    #[error("{0}")]
    Damage(#[from] sutra_segment::Damage),
    #[error("the log could not be cut: {0}")]
    Log(String),
    #[error("the checkpoint of another replica can't be used: {0}")]
    Incoming(String),
    #[error("the store is closed")]
    Closed,
}

impl KeepError {
    /// Whether there was no room on the disk, and may be some later.
    fn is_for_want_of_room(&self) -> bool {
        match self {
            Self::Io { source, .. }
            | Self::Manifest(ManifestError::Io { source, .. })
            | Self::Segment(SegmentError::Disk { source, .. }) => sutra_disk::is_full(source),
            _ => false,
        }
    }
}

impl Keeper {
    pub(crate) fn new(
        shared: Arc<Shared>,
        home: Arc<Home>,
        log: Log,
        manifest: Manifest,
        segments: Vec<Arc<Segment>>,
        indexer: Indexer,
    ) -> Self {
        Self {
            shared,
            home,
            log,
            manifest,
            segments,
            unfinished: None,
            indexer,
            merging: Vec::new(),
            compaction: None,
            restarts: 0,
            asked: Vec::new(),
            failures: 0,
            strays: Vec::new(),
            held: Vec::new(),
            heads: HashMap::new(),
            cutting: None,
            unreached: None,
        }
    }

    /// Works until it is asked to close.
    pub(crate) fn run(mut self, work: &Receiver<Work>) {
        let _guard = EndOnPanic(Arc::clone(&self.shared));
        self.reopen_graphs();
        loop {
            let next = match self.pause() {
                // What failed is tried again, whether somebody asks or not.
                Some(pause) => match work.recv_timeout(pause) {
                    Ok(work) => work,
                    Err(RecvTimeoutError::Timeout) if self.shared.trouble.load().is_some() => Work::Checkpoint,
                    Err(RecvTimeoutError::Timeout) => Work::Merge,
                    Err(RecvTimeoutError::Disconnected) => return,
                },
                None => match work.recv() {
                    Ok(work) => work,
                    Err(_) => return,
                },
            };
            let closing = matches!(next, Work::Close);
            // Nothing else pays what a failed checkpoint still owes.
            let settles = matches!(next, Work::Checkpoint | Work::CheckpointNow(_) | Work::CompactNow(_));
            let outcome = self.work(next);
            if let Err(error) = &outcome {
                // What merges write may take the space that a checkpoint needs, and it may be long until one succeeds.
                self.give_up_merges();
                self.refuse_compactions(error);
            }
            match outcome {
                Ok(()) if settles => self.shared.trouble.store(None),
                Ok(()) | Err(KeepError::Closed) => {}
                Err(error) => {
                    let told = self.failed("a checkpoint", &error);
                    self.shared.trouble.store(Some(told));
                    // Whoever waits for memory is told instead.
                    self.shared.write_log.control(Control::Wake);
                }
            }
            if self.shared.trouble.load().is_none() && self.shared.merge_trouble.load().is_none() {
                self.failures = 0;
            }
            if closing {
                self.indexer.close();
                return;
            }
        }
    }

    /// How long to wait before what failed is tried again; `None`: nothing did, or the end of a merge is waited for.
    fn pause(&self) -> Option<Duration> {
        let merges = self.compaction.is_some() || (!self.merging.is_empty() && self.asked.is_empty());
        let waits = merges && self.shared.trouble.load().is_none();
        let doubled = self.failures.checked_sub(1)?.min(16);
        (!waits).then(|| (PAUSES[0] * 2_u32.pow(doubled)).min(PAUSES[1]))
    }

    /// Tells the operator; what is told stays in the statistics until it is made good.
    fn failed(&mut self, what: &str, error: &KeepError) -> Arc<String> {
        self.failures += 1;
        let told = told(error);
        tracing::warn!(error = %told, "{what} failed; it is tried again, and the log keeps everything meanwhile");
        Arc::new(told)
    }

    fn work(&mut self, work: Work) -> Result<(), KeepError> {
        match work {
            Work::Checkpoint => {
                self.shared.keeper.begun();
                self.checkpoint()?;
                self.scrub_if_due()?;
                self.try_merge();
                Ok(())
            }
            Work::Scrub => {
                // It may have been done with an earlier one, and gives up merges.
                if !self.shared.state.load().scrubs.is_empty() || !self.strays.is_empty() {
                    self.scrub()?;
                }
                self.try_merge();
                Ok(())
            }
            Work::CheckpointNow(done) => {
                let outcome = self.checkpoint();
                // Whoever asked may have gone away.
                let _ = done.send(outcome.as_ref().copied().map_err(told));
                outcome?;
                self.scrub_if_due()?;
                self.try_merge();
                Ok(())
            }
            Work::CompactNow(done) => {
                self.asked.push(done);
                self.checkpoint()?;
                // It gives up merges: it comes first.
                self.scrub_if_due()?;
                self.try_merge();
                Ok(())
            }
            Work::Built(built) => self.built(*built),
            Work::Pin(done) => {
                // Whoever asked may have gone away.
                let _ = done.send(self.pin().map_err(|error| told(&error)));
                Ok(())
            }
            Work::Hold(done) => {
                let _ = done.send(Ok(self.hold()));
                Ok(())
            }
            Work::Install(incoming, done) => {
                let installed = self.install_checkpoint(incoming);
                let is_closed = matches!(installed, Err((KeepError::Closed, _)));
                let not_taken = |(error, again): (KeepError, Option<Box<_>>)| NotTaken {
                    reason: told(&error),
                    again: again.map(|again| *again),
                };
                // Whoever sent it tries again; what is here is as it was.
                let _ = done.send(installed.map_err(not_taken));
                if is_closed { Err(KeepError::Closed) } else { Ok(()) }
            }
            Work::Cut(cut) => self.cut(cut),
            Work::LeaveLog(upto, cut) => self.leave_log(upto, cut),
            Work::Merge => {
                self.try_merge();
                Ok(())
            }
            Work::Merged(id) => self.merged(id),
            Work::Close => {
                self.give_up_merges();
                self.checkpoint()
            }
        }
    }

    /// Asks something of the reconciler and waits until readers see it.
    fn install(&self, control: impl FnOnce(std::sync::mpsc::SyncSender<()>) -> Control) -> Result<(), KeepError> {
        let (done, installed) = sync_channel(1);
        self.shared.write_log.control(control(done));
        installed.recv().map_err(|_| KeepError::Closed)
    }

    fn disk(&self) -> &dyn Disk {
        &**self.home.disk()
    }

    /// Makes the names in the folder of segments durable.
    fn sync_segments(&self) -> Result<(), KeepError> {
        let synced = self.disk().sync_dir(&self.home.segments());
        synced.map_err(|source| KeepError::Io { step: "sync the folder of segments", source })
    }

    /// Puts a new manifest in place.
    fn adopt(&mut self, manifest: Manifest) -> Result<(), KeepError> {
        manifest.write(self.disk(), self.home.folder())?;
        self.adopted(manifest);
        Ok(())
    }

    /// A new manifest is in place.
    fn adopted(&mut self, manifest: Manifest) {
        self.manifest = manifest;
        let strays = std::mem::take(&mut self.strays).into_iter();
        let strays: Vec<u64> = strays.filter(|id| !self.manifest.files.iter().any(|file| file.id == *id)).collect();
        self.forget(&strays);
        self.shared.counters.stored(&self.manifest);
    }
}

/// What is wrong with one of the segments, if anything that read it has found something.
fn undamaged(segments: &[Arc<Segment>]) -> Result<(), KeepError> {
    segments.iter().find_map(|segment| segment.damage()).map_or(Ok(()), |damage| Err(damage.clone().into()))
}

/// Lets every other thread go first from now on.
pub(crate) fn step_back() {
    // On Linux a thread's own.
    if let Err(error) = rustix::process::nice(10) {
        tracing::debug!(%error, "a background thread has the priority of all others");
    }
}

/// An error with its causes.
pub(crate) fn told(error: &KeepError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// Ends the store if the thread panics: memory would only grow from then on.
struct EndOnPanic(Arc<Shared>);

impl Drop for EndOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.end("the thread that writes segments has panicked");
        }
    }
}
