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
//! | `indexer` | the thread that builds graphs over vectors |
//! | `files` | names, and what is swept |

mod checkpoint;
mod compact;
mod files;
mod indexer;
mod scrub;
mod tiers;
mod work;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use sutra_disk::Disk;
use sutra_segment::{Segment, SegmentError};
use sutra_wal::Log;

pub(crate) use files::{graph_path, segment_path, sweep};
pub(crate) use indexer::Indexer;
pub(crate) use work::{Ask, Built, Work};

use crate::control::Control;
use crate::datadir::DataDir;
use crate::manifest::{Manifest, ManifestError};
use crate::memory::State;
use crate::store::Shared;

/// First and longest pause after a failure.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(5)];

/// What the thread owns.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    dir: Arc<DataDir>,
    log: Log,
    /// As it is on the disk.
    manifest: Manifest,
    /// Those of the manifest, in its order.
    segments: Vec<Arc<Segment>>,
    /// A frozen state whose segment could not be written yet.
    unfinished: Option<State>,
    indexer: Indexer,
    /// A merge that another thread writes.
    merging: Option<compact::Merging>,
    /// What failed, and is tried again.
    owed: Owed,
    /// Segments that no manifest names for certain: they may go once a later manifest is certain.
    strays: Vec<u64>,
}

/// What failed and was not made good since.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Owed {
    checkpoint: bool,
    merge: bool,
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
    #[error("the store is closed")]
    Closed,
}

impl Keeper {
    pub(crate) fn new(
        shared: Arc<Shared>,
        dir: Arc<DataDir>,
        log: Log,
        manifest: Manifest,
        segments: Vec<Arc<Segment>>,
        indexer: Indexer,
    ) -> Self {
        Self {
            shared,
            dir,
            log,
            manifest,
            segments,
            unfinished: None,
            indexer,
            merging: None,
            owed: Owed::default(),
            strays: Vec::new(),
        }
    }

    /// Works until it is asked to close.
    pub(crate) fn run(mut self, work: &Receiver<Work>) {
        let _guard = EndOnPanic(Arc::clone(&self.shared));
        self.reopen_graphs();
        let mut pause: Option<Duration> = None;
        loop {
            let next = match pause {
                // What failed is tried again, whether somebody asks or not.
                Some(pause) => match work.recv_timeout(pause) {
                    Ok(work) => work,
                    Err(RecvTimeoutError::Timeout) => Work::Checkpoint,
                    Err(RecvTimeoutError::Disconnected) => return,
                },
                None => match work.recv() {
                    Ok(work) => work,
                    Err(_) => return,
                },
            };
            let closing = matches!(next, Work::Close);
            // Nothing else pays what a failed checkpoint or merge still owes.
            let merged = matches!(next, Work::Merged);
            let settles = merged || matches!(next, Work::Checkpoint | Work::CheckpointNow(_) | Work::CompactNow(_));
            let done = self.work(next);
            if settles || !matches!(done, Ok(()) | Err(KeepError::Closed)) {
                *(if merged { &mut self.owed.merge } else { &mut self.owed.checkpoint }) = done.is_err();
            }
            match done {
                Ok(()) if self.owed == Owed::default() => {
                    pause = None;
                    self.shared.trouble.store(None);
                }
                Ok(()) | Err(KeepError::Closed) => {}
                Err(error) => {
                    let told = told(&error);
                    tracing::warn!(error = %told, "a checkpoint or compaction failed; it is tried again, and the log keeps everything meanwhile");
                    self.shared.trouble.store(Some(Arc::new(told)));
                    // Whoever waits for memory is told instead.
                    self.shared.write_log.control(Control::Wake);
                    pause = Some(pause.map_or(PAUSES[0], |pause| (2 * pause).min(PAUSES[1])));
                }
            }
            if closing {
                self.indexer.close();
                return;
            }
        }
    }

    fn work(&mut self, work: Work) -> Result<(), KeepError> {
        match work {
            Work::Checkpoint => {
                self.shared.keeper.begun();
                self.checkpoint()?;
                self.merge()?;
                if !self.manifest.scrubs.is_empty() { self.scrub() } else { Ok(()) }
            }
            Work::Scrub => self.scrub(),
            Work::CheckpointNow(done) => {
                let outcome = self.checkpoint();
                // Whoever asked may have gone away.
                let _ = done.send(outcome.as_ref().copied().map_err(told));
                outcome?;
                self.merge()
            }
            Work::CompactNow(done) => {
                self.give_up_merge();
                let outcome = self.checkpoint().and_then(|()| self.compact(0..self.segments.len()));
                let _ = done.send(outcome.as_ref().copied().map_err(told));
                outcome
            }
            Work::Built(built) => self.built(*built),
            Work::Merged => self.finish_merge().and_then(|()| self.merge()),
            Work::Close => {
                self.give_up_merge();
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
        &**self.dir.disk()
    }

    /// Makes the names in the folder of segments durable.
    fn sync_segments(&self) -> Result<(), KeepError> {
        let synced = self.disk().sync_dir(&self.dir.segments());
        synced.map_err(|source| KeepError::Io { step: "sync the folder of segments", source })
    }

    /// Puts a new manifest in place.
    fn adopt(&mut self, manifest: Manifest) -> Result<(), KeepError> {
        manifest.write(self.disk(), self.dir.path())?;
        self.manifest = manifest;
        let strays = std::mem::take(&mut self.strays).into_iter();
        let strays: Vec<u64> = strays.filter(|id| !self.manifest.files.iter().any(|file| file.id == *id)).collect();
        self.forget(&strays);
        let counters = &self.shared.counters;
        counters.segments.store(self.manifest.files.len() as u64, Ordering::Relaxed);
        let bytes: u64 = self.manifest.files.iter().map(|file| file.bytes).sum();
        let graphs: u64 = self.manifest.graphs.iter().map(|graph| graph.bytes).sum();
        counters.segment_bytes.store(bytes + graphs, Ordering::Relaxed);
        Ok(())
    }
}

/// What is wrong with one of the segments, if anything that read it has found something.
fn undamaged(segments: &[Arc<Segment>]) -> Result<(), KeepError> {
    segments.iter().find_map(|segment| segment.damage()).map_or(Ok(()), |damage| Err(damage.clone().into()))
}

/// Lets every other thread go first from now on.
fn step_back() {
    // On Linux a thread's own.
    if let Err(error) = rustix::process::nice(10) {
        tracing::debug!(%error, "a background thread has the priority of all others");
    }
}

/// An error with its causes.
fn told(error: &KeepError) -> String {
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
