//! The store: a data directory, its log and segments, and what it knows.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arc_swap::{ArcSwap, ArcSwapOption};
use sutra_disk::{Disk, RealDisk};
use sutra_protocol::command::{Applied, Command, LogIndex, Operation, Rejection, RequestKey};
use sutra_protocol::http::NamespaceView;
use sutra_protocol::{AsOf, KeyRange, Namespace, Timestamp};
use sutra_wal::{Durability, GroupId, Log};
use tokio::sync::{oneshot, watch};

use crate::clock::{Clock, WallClock, wall_clock};
use crate::entry;
use crate::error::{KeepFailure, OpenError, SubmitError, ViewError};
use crate::home::Home;
use crate::keeper::{Ask, Indexer, Keeper, Work};
use crate::load::Load;
use crate::memory::{State, View};
use crate::opening::{Opened, open};
use crate::reconciler::Reconciler;
use crate::replica::Consensus;
use crate::stats::Counters;
use crate::tenants::Tenants;
use crate::write_log::{Bounds, Pending, WriteLog};

/// What is called when nothing true can be answered any more; its argument is a sentence for the operator.
pub type OnFatal = Arc<dyn Fn(&str) + Send + Sync>;

/// Where a store is, and how much of everything it may have.
#[derive(Clone)]
pub struct StoreConfig {
    /// The data directory; created if it is not there.
    pub dir: PathBuf,
    /// What it is on. Default: the operating system's files.
    pub disk: Arc<dyn Disk>,
    /// Most commands that may wait to be written; more are turned away. Default: 65,536.
    pub queue_commands: usize,
    /// Most bytes of commands that may wait. Default: 64 MiB.
    pub queue_bytes: usize,
    /// Size in bytes beyond which a log file is followed by a new one, at most 1 GiB. Default: 64 MiB.
    pub log_file_bytes: u64,
    /// Size in bytes of the whole log beyond which a checkpoint is made, so that its oldest files can go. Default: 1 GiB.
    pub log_bytes: u64,
    /// Memory in bytes that what is in no segment yet may take before it is written into one; while that is done, twice as much
    /// again. Default: 48 MiB.
    pub delta_bytes: usize,
    /// What an acknowledgement stands for. Default: fsync.
    pub durability: Durability,
    /// What record times are made of, and what holds "now" is decided by; it may jump. Default: the operating system's.
    pub wall_clock: WallClock,
    /// Default: logs the sentence and ends the process with status 1.
    pub on_fatal: OnFatal,
}

impl StoreConfig {
    /// The defaults, for this directory.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            disk: Arc::new(RealDisk),
            queue_commands: 65_536,
            queue_bytes: 64 << 20,
            log_file_bytes: 64 << 20,
            log_bytes: 1 << 30,
            delta_bytes: 48 << 20,
            durability: Durability::Fsync,
            wall_clock: Arc::new(wall_clock),
            on_fatal: Arc::new(|reason| {
                tracing::error!(
                    reason,
                    "the process ends so that nothing false is acknowledged; its next start reads what is on the disk"
                );
                std::process::exit(1);
            }),
        }
    }
}

/// Fewest bytes of memory that a store has before it writes a segment, however many share a budget.
const LEAST_DELTA_BYTES: usize = 4 << 20;

impl StoreConfig {
    /// What each of so many stores of one directory may have of the memory that this says. The log's budget is that of the log, whoever
    /// writes it.
    pub fn shared_by(self, stores: usize) -> Self {
        let share = self.delta_bytes / stores.max(1);
        Self { delta_bytes: share.max(LEAST_DELTA_BYTES.min(self.delta_bytes)), ..self }
    }
}

impl std::fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreConfig").field("dir", &self.dir).field("durability", &self.durability).finish_non_exhaustive()
    }
}

/// Bytes of an entry's payload beside its only command.
const OVERHEAD_BYTES: usize = entry::ENTRY_OVERHEAD_BYTES + entry::COMMAND_OVERHEAD_BYTES;
/// Largest command that is taken where the store is its shard's only replica, in bytes of its encoding.
pub const COMMAND_BYTES: usize = sutra_wal::PAYLOAD_BYTES - OVERHEAD_BYTES;
/// Largest command that one of several replicas takes from a caller. What other shards have to do because of it repeats it at most, and
/// comes to them in a delivery, which is larger.
pub const REPLICA_COMMAND_BYTES: usize = 14 << 20;
/// Largest delivery that one of several replicas takes from another shard.
const DELIVERY_BYTES: usize = 16 << 20;
/// Longest payload of an entry of several replicas, which comes to each of the others in one message.
pub const REPLICA_ENTRY_BYTES: usize = DELIVERY_BYTES + OVERHEAD_BYTES;

/// The first shard of a grid, which is all of it where a node is alone: its number is that of its group in the log, where 0 is meta's.
pub const SHARD: u64 = GroupId::FIRST_SHARD.0;

/// The storage of a shard: its place in a directory, and its part of the directory's log. Cheap to clone; the place is free again when
/// [`Store::close`] is through or the last clone is gone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    grid_id: String,
    range: KeyRange,
    /// `None` once they have been waited for.
    threads: Mutex<Option<Threads>>,
}

struct Threads {
    reconciler: JoinHandle<()>,
    keeper: JoinHandle<()>,
    /// `None`: it is not the store's alone.
    log: Option<Log>,
    /// Unlocked last.
    home: Arc<Home>,
}

/// What the callers' threads, the reconciler's and the keeper's share.
pub(crate) struct Shared {
    /// The shard's, in the log.
    pub(crate) group: GroupId,
    pub(crate) config: StoreConfig,
    pub(crate) write_log: WriteLog,
    pub(crate) state: ArcSwap<State>,
    /// Last entry that is applied and published.
    pub(crate) applied: watch::Sender<LogIndex>,
    /// Last entry up to which what was erased is on no disk any more.
    pub(crate) scrubbed: watch::Sender<LogIndex>,
    pub(crate) counters: Counters,
    pub(crate) load: ArcSwap<Load>,
    pub(crate) keeper: Ask,
    /// Why the keeper could not give memory back when it last tried.
    pub(crate) trouble: ArcSwapOption<String>,
    /// Why it could not merge segments when it last tried.
    pub(crate) merge_trouble: ArcSwapOption<String>,
    /// Whether writes wait for memory.
    pub(crate) stalled: AtomicBool,
    /// Why nothing can be written any more.
    pub(crate) ended: ArcSwapOption<String>,
    pub(crate) log: Log,
    /// Those who have the log, too.
    pub(crate) tenants: Arc<Tenants>,
    /// `None`: the store is its shard's only replica, and its log decides.
    pub(crate) consensus: Option<Arc<dyn Consensus>>,
    /// Whether this replica leads its shard; without meaning where there is no consensus.
    pub(crate) leads: AtomicBool,
    /// Whether entries of the consensus may be applied, or memory has to be given back first.
    pub(crate) room: watch::Sender<bool>,
}

impl Shared {
    /// Whether commands are taken here.
    pub(crate) fn takes_commands(&self) -> bool {
        self.consensus.is_none() || self.leads.load(Ordering::Acquire)
    }

    /// Ends the store: nothing true can be answered any more.
    pub(crate) fn end(&self, reason: &str) {
        self.end_quietly(reason);
        (self.config.on_fatal)(reason);
    }

    /// The same, where the process need not end with it.
    pub(crate) fn end_quietly(&self, reason: &str) {
        self.ended.store(Some(Arc::new(reason.to_owned())));
        self.write_log.abandon();
    }
}

impl Store {
    /// Opens or creates the directory: reads its manifest and the heads of its segments, and replays the log behind them. Blocking.
    ///
    /// # Errors
    /// An [`OpenError`] whose text is a sentence for the operator.
    pub fn open(config: StoreConfig) -> Result<Self, OpenError> {
        let opened = open(&config)?;
        Self::start(config, opened, None)
    }

    /// Starts the threads over what was opened.
    pub(crate) fn start(config: StoreConfig, opened: Opened, consensus: Option<Arc<dyn Consensus>>) -> Result<Self, OpenError> {
        let Opened { home, log, tenants, manifest, segments, state } = opened;
        let range = manifest.range();
        let (work, asked) = channel();
        let (applied, clock) = (state.applied, state.clock);
        let has_scrubs = !state.scrubs.is_empty();
        let is_full = state.delta_bytes() > config.delta_bytes;
        let counters = Counters::default();
        counters.durable.store(applied.0, Ordering::Relaxed);
        counters.stored(&manifest);
        let shared = Arc::new(Shared {
            group: home.shard(),
            write_log: WriteLog::new(Bounds { commands: config.queue_commands, bytes: config.queue_bytes }),
            state: ArcSwap::from_pointee(state),
            applied: watch::Sender::new(applied),
            scrubbed: watch::Sender::new(LogIndex(0)),
            counters,
            load: ArcSwap::default(),
            keeper: Ask::new(work),
            trouble: ArcSwapOption::empty(),
            merge_trouble: ArcSwapOption::empty(),
            stalled: AtomicBool::new(false),
            ended: ArcSwapOption::empty(),
            log: log.clone(),
            tenants,
            consensus,
            leads: AtomicBool::new(false),
            room: watch::Sender::new(true),
            config,
        });
        shared.tenants.enter(&shared);
        let thread_failed = |error| OpenError::io("start a thread for", shared.config.dir.clone())(error);
        let inserts = Arc::clone(&shared.counters.graph_inserts);
        let indexer = Indexer::start(Arc::clone(home.disk()), shared.keeper.sender(), inserts).map_err(thread_failed)?;
        let reconciler = Reconciler::new(Arc::clone(&shared), log.clone(), Clock::after(clock));
        let reconciler =
            std::thread::Builder::new().name("reconciler".into()).spawn(move || reconciler.run()).map_err(thread_failed)?;
        let grid_id = home.grid_id().to_owned();
        let keeper = Keeper::new(Arc::clone(&shared), Arc::clone(&home), log.clone(), manifest, segments, indexer);
        let keeper =
            std::thread::Builder::new().name("keeper".into()).spawn(move || keeper.run(&asked)).map_err(thread_failed)?;
        if is_full {
            shared.keeper.ask(Work::Checkpoint);
        }
        if has_scrubs {
            shared.keeper.ask(Work::Scrub);
        }
        let log = shared.consensus.is_none().then_some(log);
        let threads = Mutex::new(Some(Threads { reconciler, keeper, log, home }));
        Ok(Self(Arc::new(Inner { shared, grid_id, range, threads })))
    }

    /// Ends when the command is fsynced and applied: every view taken from then on sees it. Dropping the future does not take it
    /// back.
    ///
    /// # Errors
    /// A [`SubmitError`]; nothing is stored then.
    pub async fn submit(&self, command: Command) -> Result<Applied, SubmitError> {
        self.admit(command)?.await
    }

    /// The first half of [`Store::submit`]: once this returns, the command has its place in the order of those that are admitted. The
    /// future is its answer.
    ///
    /// # Errors
    /// A [`SubmitError`]; nothing is stored then.
    pub fn admit(
        &self,
        command: Command,
    ) -> Result<impl Future<Output = Result<Applied, SubmitError>> + Send + 'static, SubmitError> {
        self.check_effects(&command)?;
        let (pending, answer) = self.pending(command)?;
        self.check_leads()?;
        self.0.shared.write_log.admit(pending).map_err(|(error, _)| error)?;
        // The reconciler answers everything that was admitted, unless it died.
        Ok(async { answer.await.unwrap_or(Err(SubmitError::Closed)) })
    }

    /// The same, but waits where there is no room.
    ///
    /// # Errors
    /// A [`SubmitError`], but [`SubmitError::Overloaded`]; nothing is stored then.
    pub async fn submit_patiently(&self, command: Command) -> Result<Applied, SubmitError> {
        let (mut pending, answer) = self.pending(command)?;
        self.check_leads()?;
        while let Err((error, refused)) = self.0.shared.write_log.admit(pending) {
            let SubmitError::Overloaded { retry_after, .. } = error else { return Err(error) };
            pending = refused;
            tokio::time::sleep(retry_after).await;
            self.check_leads()?;
        }
        answer.await.unwrap_or(Err(SubmitError::Closed))
    }

    /// A command as it waits.
    fn pending(&self, command: Command) -> Result<(Box<Pending>, Answer), SubmitError> {
        let bound = match &self.0.shared.consensus {
            None => COMMAND_BYTES,
            Some(_) if command.operations.iter().all(|operation| matches!(operation, Operation::Take(_))) => DELIVERY_BYTES,
            Some(_) => REPLICA_COMMAND_BYTES,
        };
        let encoded = entry::encode(&command).map_err(|error| SubmitError::Refused { reason: error.to_string() })?;
        if encoded.len() > bound {
            return Err(SubmitError::TooLarge { bytes: encoded.len(), bound });
        }
        let (reply, answer) = oneshot::channel();
        Ok((Box::new(Pending { command, encoded, reply }), answer))
    }

    /// A command that is admitted when this replica ceases to lead is refused a moment later.
    fn check_leads(&self) -> Result<(), SubmitError> {
        if self.0.shared.takes_commands() { Ok(()) } else { Err(SubmitError::NotLeader) }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// Pins the newest state of a namespace; an unknown namespace is an empty one.
    ///
    /// # Errors
    /// [`ViewError::BeforeHistory`] if the namespace does not keep its history for so long.
    pub fn view(&self, namespace: &Namespace, as_of: AsOf) -> Result<View, ViewError> {
        self.0.shared.state.load().view(namespace, as_of, self.now())
    }

    /// What the earlier command with this request key came to: `None` if there is none within the hour, `Err(KeyReused)` if its
    /// digest is another. Asked before names are resolved, so that a repetition is answered whatever has changed in between.
    pub fn remembered(&self, namespace: &Namespace, request: &RequestKey) -> Option<Result<Applied, Rejection>> {
        let state = self.0.shared.state.load();
        // An hour may be over though nothing was written since that would tell, and a wall clock may be behind the log's time.
        let session = state.sessions.get(namespace, &request.key, state.clock.max(self.now()))?;
        if session.digest != request.digest {
            return Some(Err(Rejection::KeyReused));
        }
        Some(Ok(Applied { repeated: true, ..session.applied.clone() }))
    }

    /// The wall clock.
    pub fn now(&self) -> Timestamp {
        (self.0.shared.config.wall_clock)()
    }

    /// Every namespace, by name.
    pub fn namespaces(&self) -> Vec<NamespaceView> {
        self.0.shared.state.load().namespace_views()
    }

    /// Snapshots of other replicas that took the place of what was here, since it was opened.
    pub fn installs(&self) -> u64 {
        self.0.shared.counters.installs.load(Ordering::Relaxed)
    }

    /// Last entry that every new view sees, and the last that any view so far does.
    pub fn applied(&self) -> LogIndex {
        self.0.shared.state.load().applied
    }

    /// Ends once `index` is applied: at once if it is, never if the store is closed before.
    pub async fn wait_applied(&self, index: LogIndex) {
        let mut applied = self.0.shared.applied.subscribe();
        if applied.wait_for(|applied| *applied >= index).await.is_err() {
            // The sender lives as long as this store: not reached.
            std::future::pending::<()>().await;
        }
    }

    /// The shard.
    pub fn shard(&self) -> u64 {
        self.0.shared.group.0
    }

    /// What the shard holds of the placement space.
    pub fn range(&self) -> KeyRange {
        self.0.range
    }

    /// The grid that the directory belongs to.
    pub fn grid_id(&self) -> String {
        self.0.grid_id.clone()
    }

    /// Why no write can succeed any more; `None` while they can.
    pub fn failure(&self) -> Option<String> {
        if let Some(reason) = self.0.shared.ended.load_full() {
            return Some(reason.as_ref().clone());
        }
        let threads = self.0.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.is_none().then(|| "the store is closed".into())
    }

    /// Ends when everything applied so far is in segments, and the log is cut behind it.
    ///
    /// # Errors
    /// [`KeepFailure`]: it stays in memory and in the log, and is tried again.
    pub async fn checkpoint(&self) -> Result<(), KeepFailure> {
        self.keep(Work::CheckpointNow).await
    }

    /// Ends when everything applied so far is in one segment.
    ///
    /// # Errors
    /// [`KeepFailure`]: the segments stay as they are.
    pub async fn compact(&self) -> Result<(), KeepFailure> {
        self.keep(Work::CompactNow).await
    }

    pub(crate) async fn keep<T>(&self, work: impl FnOnce(oneshot::Sender<Result<T, String>>) -> Work) -> Result<T, KeepFailure> {
        let (done, kept) = oneshot::channel();
        self.ask_keeper(work(done));
        match kept.await {
            Ok(outcome) => outcome.map_err(|reason| KeepFailure { reason }),
            Err(_) => Err(KeepFailure { reason: "the store is closed".into() }),
        }
    }

    pub(crate) fn ask_keeper(&self, work: Work) {
        self.0.shared.keeper.ask(work);
    }

    /// Ends when what entries up to `index` erased is in no file of the store any more.
    pub async fn scrub(&self, index: LogIndex) {
        let mut scrubbed = self.0.shared.scrubbed.subscribe();
        let is_clean =
            |upto: &LogIndex| *upto >= index || !self.0.shared.state.load().scrubs.iter().any(|scrub| scrub.index <= index);
        if scrubbed.wait_for(is_clean).await.is_err() {
            // The sender lives as long as this store: not reached.
            std::future::pending::<()>().await;
        }
        self.drop_effects().await;
    }

    /// Ends when everything submitted before is durable and applied.
    ///
    /// # Errors
    /// [`SubmitError::Closed`].
    pub async fn flush(&self) -> Result<(), SubmitError> {
        if !self.0.shared.takes_commands() {
            // Nothing was admitted here, or it was refused.
            return Ok(());
        }
        let (done, flushed) = oneshot::channel();
        self.0.shared.write_log.flush(done)?;
        flushed.await.map_err(|_| SubmitError::Closed)
    }

    /// Turns new commands away; ends when those admitted are durable and applied, all is in segments if the disk takes it, the log
    /// says that it is whole, and the directory is unlocked.
    pub async fn close(&self) {
        let inner = Arc::clone(&self.0);
        // Joining blocks for as long as the last checkpoint takes.
        let joined = tokio::task::spawn_blocking(move || inner.close()).await;
        if let Err(error) = joined {
            tracing::error!(%error, "closing the store failed");
        }
    }
}

/// Where the answer to a command comes.
type Answer = oneshot::Receiver<Result<Applied, SubmitError>>;

impl Inner {
    fn close(&self) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Threads { reconciler, keeper, log, home }) = threads.take() else { return };
        self.shared.write_log.close();
        self.shared.keeper.ask(Work::Close);
        if keeper.join().is_err() {
            tracing::error!("the thread that writes segments had panicked");
        }
        self.shared.write_log.finish();
        if reconciler.join().is_err() {
            tracing::error!("the thread that writes had panicked");
        }
        if let Some(log) = log
            && let Err(error) = log.close()
        {
            tracing::error!(%error, "the log could not be marked as whole; nothing acknowledged is lost");
        }
        drop(home);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}
