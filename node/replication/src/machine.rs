//! The state machine of a group, and how openraft drives it.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use openraft::storage::{RaftStateMachine, Snapshot};
use openraft::{AnyError, OptionalSend, RaftSnapshotBuilder, SnapshotMeta, StorageIOError};
use sutra_disk::{Disk, Open};
use sutra_storage::{Checkpoint, Committed, HeldSegments, Incoming, IncomingFile, NotTaken, Progress};
use sutra_wal::LogPoint;

use crate::files::SnapshotFiles;
use crate::held::Held;
use crate::types::{Answer, Entry, LogId, Member, StorageError, StoredMembership, TypeConfig, log_id, point};
use crate::words;

/// A future that a [`Machine`] answers with.
pub type Doing<'a, T, E = String> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// What a group's log is applied to. Everything that it answers with an error ends the group, or, where it says so, is tried again: what
/// is [`NotTaken`] with what it gives back.
pub trait Machine: Send + Sync + 'static {
    /// How far it has come.
    fn progress(&self) -> Progress;

    /// Applies entries, in order, and answers each in the machine's own words.
    fn apply(&self, entries: Vec<Committed>) -> Doing<'_, Vec<Vec<u8>>, NotTaken<Vec<Committed>>>;

    /// The newest checkpoint; `None`: there never was one. It is tried again.
    fn newest_checkpoint(&self) -> Doing<'_, Option<Checkpoint>>;

    /// The last entry in the checkpoint whose manifest this is.
    ///
    /// # Errors
    /// It is not one.
    fn point_of(&self, manifest: &[u8]) -> Result<LogPoint, String>;

    /// Makes a checkpoint of all that is applied. It is tried again.
    fn checkpoint(&self) -> Doing<'_, ()>;

    /// The files that it holds, which it does for as long as the answer lives.
    fn hold(&self) -> Doing<'_, HeldSegments>;

    /// Puts a checkpoint of another replica in the place of everything. After an error everything is as it was.
    fn install(&self, incoming: Incoming) -> Doing<'_, (), NotTaken<Incoming>>;
}

/// Where received files lie until they are installed.
#[derive(Clone, Debug)]
pub(crate) struct Inbox {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    next: Arc<AtomicU64>,
}

impl Inbox {
    /// An empty one: what an earlier process received is removed.
    pub(crate) fn open(disk: Arc<dyn Disk>, dir: PathBuf) -> std::io::Result<Self> {
        disk.create_dir_all(&dir)?;
        for name in disk.list(&dir)? {
            disk.remove(&dir.join(name))?;
        }
        Ok(Self { disk, dir, next: Arc::default() })
    }

    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// A name that no other file has.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.join(format!("{:016}.part", self.next.fetch_add(1, Ordering::Relaxed)))
    }
}

/// Openraft's view of a machine.
#[derive(Clone)]
pub(crate) struct Driven {
    machine: Arc<dyn Machine>,
    inbox: Inbox,
    held: Held,
    /// Set when the group is closed: nothing is tried again then.
    closing: Arc<AtomicBool>,
}

/// How long a machine is given before what it could not do is asked of it again.
const FAILED_PAUSE: Duration = Duration::from_millis(250);

impl Driven {
    /// `held` is told of the machine's checkpoints.
    pub(crate) fn new(machine: Arc<dyn Machine>, inbox: Inbox, held: Held, closing: Arc<AtomicBool>) -> Self {
        Self { machine, inbox, held, closing }
    }

    /// Asks again as long as it fails: an error would end the replica.
    async fn patiently<'a, T>(&self, what: &str, ask: impl Fn() -> Doing<'a, T>) -> Result<T, StorageError> {
        let mut tries = 0;
        loop {
            match ask().await {
                Err(reason) => self.pause(what, reason, &mut tries).await.map_err(|reason| read_failed(&reason))?,
                Ok(done) => return Ok(done),
            }
        }
    }

    /// Gives until it is taken, as long as only room is missing.
    async fn give<'a, T, A>(&self, what: &str, mut given: T, to: impl Fn(T) -> Doing<'a, A, NotTaken<T>>) -> Result<A, String> {
        let mut tries = 0;
        loop {
            match to(given).await {
                Ok(done) => return Ok(done),
                Err(NotTaken { reason, again: None }) => return Err(reason),
                Err(NotTaken { reason, again: Some(again) }) => {
                    self.pause(what, reason, &mut tries).await?;
                    given = again;
                }
            }
        }
    }

    /// Ends when it is time to try again; with the reason if nothing is any more.
    async fn pause(&self, what: &str, reason: String, tries: &mut u32) -> Result<(), String> {
        if self.closing.load(Ordering::Acquire) {
            return Err(reason);
        }
        *tries += 1;
        // It may be so for hours.
        if tries.is_power_of_two() {
            tracing::warn!(%reason, tries, "{what}; it is tried again");
        }
        tokio::time::sleep(FAILED_PAUSE).await;
        // Whoever has closed the group may have begun it anew.
        if self.closing.load(Ordering::Acquire) { Err(reason) } else { Ok(()) }
    }

    async fn current(&self) -> Result<Option<Snapshot<TypeConfig>>, StorageError> {
        let checkpoint = self.patiently("the newest checkpoint can't be read", || self.machine.newest_checkpoint()).await?;
        let Some(checkpoint) = checkpoint else { return Ok(None) };
        self.held.raise(checkpoint.applied.index);
        let last_membership =
            words::stored_membership(checkpoint.configuration.as_ref()).map_err(|reason| read_failed(&reason))?;
        let last_log_id = Some(log_id(checkpoint.applied));
        let snapshot_id = format!("{}-{}", checkpoint.applied.term, checkpoint.applied.index.0);
        let meta = SnapshotMeta { last_log_id, last_membership, snapshot_id };
        Ok(Some(Snapshot { meta, snapshot: Box::new(SnapshotFiles::Outgoing(checkpoint)) }))
    }

    /// Copies a checkpoint that is on this machine.
    fn copy(&self, checkpoint: &Checkpoint) -> std::io::Result<Incoming> {
        let copy = |file: &sutra_storage::CheckpointFile| {
            let path = self.inbox.path();
            let mut copy = self.inbox.disk.open(&path, Open::Create)?;
            let mut buffer = vec![0; 1 << 20];
            let mut at = 0;
            while at < file.bytes {
                let read = file.content.read_at(at, &mut buffer)?;
                if read == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
                copy.write_at(at, &buffer[..read])?;
                at += read as u64;
            }
            copy.sync()?;
            Ok(IncomingFile { signature: file.signature, received: Some(path) })
        };
        let files = checkpoint.files.iter().map(copy).collect::<std::io::Result<_>>()?;
        Ok(Incoming { manifest: checkpoint.manifest.clone(), files, held: HeldSegments::default() })
    }

    /// Puts a snapshot in the place of everything, and answers which entry is its last.
    async fn install(&self, meta: &SnapshotMeta<u64, Member>, snapshot: SnapshotFiles) -> Result<LogPoint, String> {
        let incoming = match snapshot {
            SnapshotFiles::Incoming(incoming) => incoming,
            SnapshotFiles::Outgoing(checkpoint) => self.copy(&checkpoint).map_err(|error| error.to_string())?,
        };
        let at = self.machine.point_of(&incoming.manifest)?;
        if Some(log_id(at)) != meta.last_log_id {
            return Err("the checkpoint is of another entry than its sender says".into());
        }
        self.give("a snapshot can't be put in place", incoming, |incoming| self.machine.install(incoming)).await?;
        Ok(at)
    }
}

impl RaftStateMachine<TypeConfig> for Driven {
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), StorageError> {
        let progress = self.machine.progress();
        let membership = words::stored_membership(progress.configuration.as_ref()).map_err(|reason| read_failed(&reason))?;
        Ok((progress.applied.map(log_id), membership))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Answer>, StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let failed = |reason: &str| StorageError::from(StorageIOError::write_state_machine(AnyError::error(reason)));
        let committed = entries.into_iter().map(|entry| {
            let payload = words::payload(&entry)?;
            Ok(Committed { point: point(&entry.log_id), payload })
        });
        let committed = committed.collect::<Result<Vec<_>, String>>().map_err(|reason| failed(&reason))?;
        let applied = self.give("entries can't be applied", committed, |entries| self.machine.apply(entries)).await;
        let answers = applied.map_err(|reason| failed(&reason))?;
        Ok(answers.into_iter().map(Answer).collect())
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<SnapshotFiles>, StorageError> {
        Ok(Box::new(SnapshotFiles::Incoming(Incoming { manifest: Vec::new(), files: Vec::new(), held: HeldSegments::default() })))
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta<u64, Member>,
        snapshot: Box<SnapshotFiles>,
    ) -> Result<(), StorageError> {
        let installed = self.install(meta, *snapshot).await;
        match &installed {
            Ok(at) => {
                tracing::info!(index = at.index.0, "a snapshot has taken the place of what this replica had");
                self.held.raise(at.index);
            }
            // Whoever waits for it, to cut the log, must not wait for ever.
            Err(_) => self.held.fail(),
        }
        let failed = |reason: String| StorageIOError::write_snapshot(Some(meta.signature()), AnyError::error(reason)).into();
        installed.map(|_| ()).map_err(failed)
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<TypeConfig>>, StorageError> {
        self.current().await
    }
}

impl RaftSnapshotBuilder<TypeConfig> for Driven {
    async fn build_snapshot(&mut self) -> Result<Snapshot<TypeConfig>, StorageError> {
        if let Some(snapshot) = self.current().await? {
            return Ok(snapshot);
        }
        self.patiently("a checkpoint can't be made", || self.machine.checkpoint()).await?;
        self.current().await?.ok_or_else(|| read_failed("nothing is applied yet"))
    }
}

fn read_failed(reason: &str) -> StorageError {
    StorageIOError::read_state_machine(AnyError::error(reason)).into()
}
