//! The store: a data directory, its log, and what it knows.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use sutra_protocol::command::{Applied, Command, LogIndex, Rejection, RequestKey};
use sutra_protocol::http::NamespaceView;
use sutra_protocol::{AsOf, Namespace, Timestamp};
use tokio::sync::{oneshot, watch};

use crate::clock::{Clock, wall_clock};
use crate::datadir::DataDir;
use crate::entry::{self, Entry};
use crate::error::{OpenError, SubmitError, ViewError};
use crate::memory::{Graph, State, View};
use crate::reconciler::Reconciler;
use crate::wal::{self, Writer};
use crate::write_log::{Bounds, Pending, WriteLog};

/// Where a store is, and how much may wait in it.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The data directory; created if it is not there.
    pub dir: PathBuf,
    /// Most commands that may wait to be written; more are turned away. Default: 65,536.
    pub queue_commands: usize,
    /// Most bytes of commands that may wait. Default: 64 MiB.
    pub queue_bytes: usize,
    /// Size in bytes beyond which a log file is followed by a new one. Default: 256 MiB.
    pub log_file_bytes: u64,
}

impl StoreConfig {
    /// The defaults, for this directory.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), queue_commands: 65_536, queue_bytes: 64 << 20, log_file_bytes: 256 << 20 }
    }
}

/// Largest command that is taken, in bytes of its encoding.
pub const COMMAND_BYTES: usize = wal::PAYLOAD_BYTES - entry::ENTRY_OVERHEAD_BYTES - entry::COMMAND_OVERHEAD_BYTES;

/// The one shard of a grid that has not been split: its number is that of its group in the log, where 0 is meta's.
pub const SHARD: u64 = wal::GroupId::FIRST_SHARD.0;

/// The storage of a node: one directory, one shard, one log. Cheap to clone; the directory is free again when [`Store::close`] is
/// through or the last clone is gone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    grid_id: String,
    /// `None` once it has been waited for.
    reconciler: Mutex<Option<JoinHandle<()>>>,
}

/// What the callers' threads and the reconciler's share.
pub(crate) struct Shared {
    pub(crate) write_log: WriteLog,
    pub(crate) state: ArcSwap<State>,
    /// Last entry that is applied and published.
    pub(crate) applied: watch::Sender<LogIndex>,
    pub(crate) counters: Counters,
}

/// Numbers about the log, since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commands: AtomicU64,
    pub(crate) entries: AtomicU64,
    pub(crate) durable: AtomicU64,
    pub(crate) wal_bytes: AtomicU64,
    pub(crate) syncs: AtomicU64,
    pub(crate) sync_nanos: AtomicU64,
}

/// Numbers about a store; those of the log since it was opened.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoreStats {
    /// Living concepts.
    pub concepts: u64,
    /// Living associations.
    pub associations: u64,
    /// Living concepts with a vector.
    pub vectors: u64,
    /// Namespaces.
    pub namespaces: u64,
    /// Commands made durable and applied.
    pub commands_written: u64,
    /// Commands that wait.
    pub commands_pending: u64,
    /// Their size in bytes.
    pub bytes_pending: u64,
    /// Log entries; each packs the commands that waited together.
    pub entries: u64,
    /// Last entry that is applied.
    pub applied: LogIndex,
    /// Last entry that is durable.
    pub durable: LogIndex,
    /// Size of the log.
    pub wal_bytes: u64,
    /// How many fsyncs there were.
    pub syncs: u64,
    /// Time of all of them, in seconds.
    pub sync_seconds_total: f64,
}

impl Store {
    /// Opens or creates the directory and replays its log. Blocking.
    ///
    /// # Errors
    /// An [`OpenError`] whose text is a sentence for the operator.
    pub fn open(config: StoreConfig) -> Result<Self, OpenError> {
        let dir = DataDir::open(&config.dir)?;
        let mut state = State::default();
        let mut newest = Timestamp::default();
        let tail = wal::replay(&dir.wal(), dir.store_id(), dir.floor().read()?, |_, payload| {
            let entry: Entry = rmp_serde::from_slice(payload).map_err(|error| format!("the entry can't be read: {error}"))?;
            if entry.index.0 != state.applied.0 + 1 {
                return Err(format!("entry {} follows entry {}", entry.index.0, state.applied.0));
            }
            for stamped in &entry.commands {
                state.apply(entry.index, stamped.recorded_at, &stamped.command);
                newest = newest.max(stamped.recorded_at);
            }
            state.applied = entry.index;
            Ok(())
        })?;
        let applied = state.applied;
        let writer = Writer::open(dir.wal(), dir.store_id().into(), dir.floor(), tail, applied, config.log_file_bytes)?;
        let counters = Counters::default();
        counters.durable.store(applied.0, Ordering::Relaxed);
        counters.wal_bytes.store(writer.bytes(), Ordering::Relaxed);
        let shared = Arc::new(Shared {
            write_log: WriteLog::new(Bounds { commands: config.queue_commands, bytes: config.queue_bytes }),
            state: ArcSwap::from_pointee(state),
            applied: watch::Sender::new(applied),
            counters,
        });
        let grid_id = dir.grid_id().to_owned();
        let reconciler = Reconciler::new(Arc::clone(&shared), writer, Clock::after(newest), dir);
        let thread = std::thread::Builder::new()
            .name("reconciler".into())
            .spawn(move || reconciler.run())
            .map_err(OpenError::io("start the thread that writes", &config.dir))?;
        Ok(Self(Arc::new(Inner { shared, grid_id, reconciler: Mutex::new(Some(thread)) })))
    }

    /// Ends when the command is fsynced and applied: every view taken from then on sees it. Dropping the future does not take it
    /// back.
    ///
    /// # Errors
    /// A [`SubmitError`]; nothing is stored then.
    pub async fn submit(&self, command: Command) -> Result<Applied, SubmitError> {
        let encoded = entry::encode(&command).map_err(|error| SubmitError::Refused { reason: error.to_string() })?;
        if encoded.len() > COMMAND_BYTES {
            return Err(SubmitError::TooLarge { bytes: encoded.len(), bound: COMMAND_BYTES });
        }
        let (reply, answer) = oneshot::channel();
        self.0.shared.write_log.admit(Pending { command, encoded, reply })?;
        // The reconciler answers everything that was admitted, unless it died.
        answer.await.unwrap_or(Err(SubmitError::Closed))
    }

    /// Pins the newest state of a namespace; an unknown namespace is an empty one.
    ///
    /// # Errors
    /// [`ViewError::BeforeHistory`] if the namespace does not keep its history for so long.
    pub fn view(&self, namespace: &Namespace, as_of: AsOf) -> Result<View, ViewError> {
        let graph = self.0.shared.state.load().namespaces.get(namespace).cloned().unwrap_or_else(Graph::new);
        if let (Some(known_at), Some(horizon)) = (as_of.known_at, graph.horizon(self.now()))
            && known_at < horizon
        {
            return Err(ViewError::BeforeHistory { namespace: namespace.clone(), known_at, horizon });
        }
        Ok(View::new(namespace.clone(), as_of, graph))
    }

    /// What the earlier command with this request key came to: `None` if there is none within the hour, `Err(KeyReused)` if its
    /// digest is another. Asked before names are resolved, so that a repetition is answered whatever has changed in between.
    pub fn remembered(&self, namespace: &Namespace, request: &RequestKey) -> Option<Result<Applied, Rejection>> {
        let state = self.0.shared.state.load();
        let session = state.sessions.get(namespace, &request.key, self.now())?;
        if session.digest != request.digest {
            return Some(Err(Rejection::KeyReused));
        }
        Some(Ok(Applied { repeated: true, ..session.applied.clone() }))
    }

    /// The wall clock.
    pub fn now(&self) -> Timestamp {
        wall_clock()
    }

    /// Every namespace, by name.
    pub fn namespaces(&self) -> Vec<NamespaceView> {
        let state = self.0.shared.state.load();
        let views = state.namespaces.iter().map(|(name, graph)| NamespaceView {
            name: name.clone(),
            settings: graph.settings.clone(),
            concepts: graph.counts.concepts,
            associations: graph.counts.associations,
            dimension: graph.dimension,
        });
        views.collect()
    }

    /// Numbers about the store.
    pub fn stats(&self) -> StoreStats {
        let state = self.0.shared.state.load();
        let depth = self.0.shared.write_log.depth();
        let counters = &self.0.shared.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut stats = StoreStats {
            namespaces: state.namespaces.len() as u64,
            commands_written: read(&counters.commands),
            commands_pending: depth.commands as u64,
            bytes_pending: depth.bytes as u64,
            entries: read(&counters.entries),
            applied: state.applied,
            durable: LogIndex(read(&counters.durable)),
            wal_bytes: read(&counters.wal_bytes),
            syncs: read(&counters.syncs),
            sync_seconds_total: Duration::from_nanos(read(&counters.sync_nanos)).as_secs_f64(),
            ..StoreStats::default()
        };
        for graph in state.namespaces.values() {
            stats.concepts += graph.counts.concepts;
            stats.associations += graph.counts.associations;
            stats.vectors += graph.counts.vectors;
        }
        stats
    }

    /// Last entry that every new view sees.
    pub fn applied(&self) -> LogIndex {
        *self.0.shared.applied.borrow()
    }

    /// Ends once `index` is applied: at once if it is, never if the store is closed before.
    pub async fn wait_applied(&self, index: LogIndex) {
        let mut applied = self.0.shared.applied.subscribe();
        if applied.wait_for(|applied| *applied >= index).await.is_err() {
            // The sender lives as long as this store: not reached.
            std::future::pending::<()>().await;
        }
    }

    /// The grid that the directory belongs to.
    pub fn grid_id(&self) -> String {
        self.0.grid_id.clone()
    }

    /// Why no write can succeed any more; `None` while they can. A failed fsync is not told here: it ends the process.
    pub fn failure(&self) -> Option<String> {
        let reconciler = self.0.reconciler.lock().unwrap_or_else(PoisonError::into_inner);
        match reconciler.as_ref() {
            None => Some("the store is closed".into()),
            Some(thread) if thread.is_finished() => Some("the thread that writes has ended".into()),
            Some(_) => None,
        }
    }

    /// Ends when everything submitted before is durable and applied.
    ///
    /// # Errors
    /// [`SubmitError::Closed`].
    pub async fn flush(&self) -> Result<(), SubmitError> {
        let (done, flushed) = oneshot::channel();
        self.0.shared.write_log.flush(done)?;
        flushed.await.map_err(|_| SubmitError::Closed)
    }

    /// Turns new commands away; ends when those admitted are durable and applied, the log says so, and the directory is unlocked.
    pub async fn close(&self) {
        let inner = Arc::clone(&self.0);
        // Joining blocks for as long as the last fsync takes.
        let joined = tokio::task::spawn_blocking(move || inner.close()).await;
        if let Err(error) = joined {
            tracing::error!(%error, "closing the store failed");
        }
    }
}

impl Inner {
    fn close(&self) {
        self.shared.write_log.close();
        let thread = self.reconciler.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that writes had panicked");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}
