//! A store that is one of several replicas of a shard: what it asks of the consensus, and what the consensus tells it.
//!
//! ```text
//!   submit ─→ WriteLog ─→ reconciler ─ propose ─→ consensus ─ committed ─→ apply ─→ snapshot ─→ answer
//!             (leader)                             (its log)               (every replica)
//! ```

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use sutra_disk::DiskFile;
use sutra_protocol::command::LogIndex;
use sutra_wal::LogPoint;
use tokio::sync::oneshot;

use crate::control::Control;
use crate::directory::Directory;
use crate::error::{KeepFailure, NotTaken, OpenError};
use crate::keeper::Work;
use crate::manifest::{Configuration, Manifest};
use crate::opening::replica;
use crate::placement::Placement;
use crate::store::{Shared, Store, StoreConfig};

/// Makes the entries of a shard durable on a quorum of its replicas, and says in which order they are.
pub trait Consensus: Send + Sync + 'static {
    /// Proposes an entry. If it is committed, [`Store::apply`] gets it; `proposal` is told how it went in any case. Does not block.
    fn propose(&self, payload: Vec<u8>, proposal: Proposal);

    /// The replica's segments hold everything up to `upto`: the log may be cut behind it, where no other replica needs it. Does not
    /// block.
    fn checkpointed(&self, upto: LogIndex);

    /// Cuts the log up to `upto`, whoever needs it, and removes the files that held it; `cut` is told how it went. Does not block: the
    /// consensus may have to ask the store for its newest checkpoint before.
    fn cut(&self, upto: LogIndex, cut: Cut);
}

/// Who waits for the log to be cut, in one group or in several: it is told when all have been, or could not. Dropping one says that it
/// was not.
pub struct Cut {
    waiting: Arc<WaitingForCut>,
    is_resolved: bool,
}

/// Called when all is cut, or with the first reason why it could not be.
type OnCut = Box<dyn FnOnce(Result<(), String>) + Send + Sync>;

struct WaitingForCut {
    /// Until it was called.
    done: Option<OnCut>,
    outcome: Mutex<Result<(), String>>,
}

impl Cut {
    pub(crate) fn new(done: impl FnOnce(Result<(), String>) + Send + Sync + 'static) -> Self {
        let waiting = WaitingForCut { done: Some(Box::new(done)), outcome: Mutex::new(Ok(())) };
        Self { waiting: Arc::new(waiting), is_resolved: false }
    }

    /// For another group, whose log has to be cut, too.
    pub(crate) fn another(&self) -> Self {
        Self { waiting: Arc::clone(&self.waiting), is_resolved: false }
    }

    /// Tells that the log is cut, or why it could not be done yet.
    pub fn resolve(mut self, cut: Result<(), String>) {
        self.tell(cut);
    }

    fn tell(&mut self, cut: Result<(), String>) {
        self.is_resolved = true;
        // No code panics while it holds the lock.
        let mut outcome = self.waiting.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        if outcome.is_ok() {
            *outcome = cut;
        }
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        if !self.is_resolved {
            self.tell(Err("the consensus has ended".into()));
        }
    }
}

impl Drop for WaitingForCut {
    fn drop(&mut self) {
        let outcome = self.outcome.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(done) = self.done.take() {
            done(std::mem::replace(outcome, Ok(())));
        }
    }
}

impl std::fmt::Debug for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cut")
    }
}

/// An entry on its way to a quorum. Dropping it says that nobody knows what becomes of it.
pub struct Proposal {
    shared: Arc<Shared>,
    number: u64,
    fate: Fate,
}

/// What became of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is committed, and was given to [`Store::apply`].
    Applied,
    /// It is in no log, and never will be.
    Refused,
    /// It may be committed later, or never.
    Unknown,
}

impl Proposal {
    pub(crate) fn new(shared: Arc<Shared>, number: u64) -> Self {
        Self { shared, number, fate: Fate::Unknown }
    }

    /// Tells those who wait.
    pub fn resolve(mut self, fate: Fate) {
        self.fate = fate;
    }
}

impl Drop for Proposal {
    fn drop(&mut self) {
        self.shared.write_log.control(Control::Proposed { number: self.number, fate: self.fate });
    }
}

/// An entry that the replicas have agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Where it stands.
    pub point: LogPoint,
    /// As it stands in the log: what [`Consensus::propose`] got, [`blank_entry`] or [`configuration_entry`].
    pub payload: Vec<u8>,
}

pub use crate::entry::{blank as blank_entry, configuration as configuration_entry};

/// The words of the consensus in an entry that says who belongs to the group; `None`: it is another entry.
///
/// # Errors
/// It is no entry.
pub fn configuration_of(payload: &[u8]) -> Result<Option<Vec<u8>>, String> {
    // Told apart by its first name, so that the commands of others are not read twice.
    let is_configuration = payload.get(2..).is_some_and(|name| name.starts_with(b"configuration"));
    if !is_configuration {
        return Ok(None);
    }
    let entry: crate::entry::Entry = crate::entry::decode(payload).map_err(|error| error.to_string())?;
    Ok(entry.configuration)
}

/// How far a replica has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The last entry that is applied; `None`: there never was one.
    pub applied: Option<LogPoint>,
    /// Who belongs to the group.
    pub configuration: Option<Configuration>,
}

/// The files of a replica as of one checkpoint: enough to make another.
pub struct Checkpoint {
    /// The last entry that is in them.
    pub applied: LogPoint,
    /// Who belonged to the group then.
    pub configuration: Option<Configuration>,
    /// For [`Store::install`].
    pub manifest: Vec<u8>,
    /// In the manifest's order.
    pub files: Vec<CheckpointFile>,
}

/// A segment of a checkpoint. It can be read to the end, whatever becomes of the store meanwhile.
pub struct CheckpointFile {
    /// Its size.
    pub bytes: u64,
    /// What it holds, whichever store it is in: see [`sutra_segment::Segment::signature`].
    pub signature: [u8; 16],
    /// To read it.
    pub content: Arc<dyn DiskFile>,
}

impl std::fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkpoint").field("applied", &self.applied).field("files", &self.files.len()).finish_non_exhaustive()
    }
}

/// Segments that the store has, whatever takes their place, for as long as this lives.
#[derive(Debug, Default)]
pub struct HeldSegments {
    /// See [`CheckpointFile::signature`].
    pub signatures: Vec<[u8; 16]>,
    /// The keeper has the other end.
    pub(crate) hold: Arc<()>,
}

/// A checkpoint of another replica that was received.
#[derive(Debug)]
pub struct Incoming {
    /// See [`Checkpoint::manifest`].
    pub manifest: Vec<u8>,
    /// One for each of the checkpoint's files, in order: where it was received, or `None` if this store holds the same already.
    pub files: Vec<IncomingFile>,
    /// The segments that it takes over.
    pub held: HeldSegments,
}

/// A file of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncomingFile {
    /// See [`CheckpointFile::signature`].
    pub signature: [u8; 16],
    /// Where it was received, synced; `None`: it is in the store already.
    pub received: Option<std::path::PathBuf>,
}

impl Store {
    /// Opens a replica in `directory`, as of its last checkpoint, or begins it there as `placement` says. What it holds of the
    /// placement space is what its manifest says once it has one. `config` says how much of everything it may have; the directory
    /// is the one that is open. Blocking.
    ///
    /// # Errors
    /// An [`OpenError`] whose text is a sentence for the operator.
    pub fn replica(
        directory: &Directory,
        placement: &Placement,
        config: StoreConfig,
        consensus: Arc<dyn Consensus>,
    ) -> Result<Self, OpenError> {
        let opened = replica(directory, placement)?;
        Self::start(config, opened, Some(consensus))
    }

    /// How far the replica has come.
    pub fn progress(&self) -> Progress {
        let state = self.shared().state.load();
        Progress { applied: state.point(), configuration: state.configuration.as_deref().cloned() }
    }

    /// From now on, or no longer, commands are taken here: the replica leads its shard, and has applied an entry of its term. Who
    /// waits when it ends is told.
    pub fn lead(&self, leads: bool) {
        let shared = self.shared();
        if shared.leads.swap(leads, Ordering::AcqRel) != leads {
            shared.write_log.control(Control::Lead(leads));
        }
    }

    /// Whether commands are taken here.
    pub fn leads(&self) -> bool {
        self.shared().takes_commands()
    }

    /// Applies committed entries, in order, and ends when every new view sees them. Waits first while memory is full.
    ///
    /// # Errors
    /// Nothing true can be answered any more.
    pub async fn apply(&self, entries: Vec<Committed>) -> Result<(), String> {
        let shared = self.shared();
        let mut room = shared.room.subscribe();
        // The sender lives as long as the store.
        let _ = room.wait_for(|has_room| *has_room).await;
        let (done, applied) = oneshot::channel();
        shared.write_log.control(Control::Apply { entries, done });
        applied.await.unwrap_or_else(|_| Err("the store is closed".into()))
    }

    /// The newest checkpoint; `None`: there never was one.
    ///
    /// # Errors
    /// The disk's.
    pub async fn newest_checkpoint(&self) -> Result<Option<Checkpoint>, KeepFailure> {
        self.keep(Work::Pin).await
    }

    /// What segments the store holds, which it does for as long as the answer lives.
    ///
    /// # Errors
    /// The store is closed.
    pub async fn hold(&self) -> Result<HeldSegments, KeepFailure> {
        self.keep(Work::Hold).await
    }

    /// Puts another replica's checkpoint in the place of everything that this one holds. It is durable then, and every new view
    /// sees it.
    ///
    /// # Errors
    /// It can't be used, or the disk's; everything is as it was.
    pub async fn install(&self, incoming: Incoming) -> Result<(), NotTaken<Incoming>> {
        let (done, installed) = oneshot::channel();
        self.ask_keeper(Work::Install(incoming, done));
        installed.await.unwrap_or_else(|_| Err(NotTaken::for_good("the store is closed")))
    }
}

/// What a manifest that was received says of its checkpoint.
///
/// # Errors
/// It is not one.
pub fn checkpoint_of(manifest: &[u8]) -> Result<(LogPoint, Option<Configuration>), String> {
    let manifest = Manifest::decode(std::path::Path::new("received"), manifest).map_err(|error| error.to_string())?;
    let point = manifest.point().ok_or("the checkpoint is of nothing")?;
    Ok((point, manifest.configuration))
}
