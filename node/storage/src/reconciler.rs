//! The reconciler: the one thread that writes and applies.
//!
//! It takes everything that waits, packs it into one log entry, makes that durable with one fsync, applies it, publishes one new
//! snapshot, and only then answers. While it waits for the disk the next entry's commands gather: that is the whole group commit,
//! without a timer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use sutra_protocol::Timestamp;
use sutra_protocol::command::{Applied, Command, LogIndex};
use tokio::sync::oneshot;

use crate::clock::{Clock, wall_clock};
use crate::datadir::DataDir;
use crate::entry;
use crate::error::SubmitError;
use crate::memory::State;
use crate::store::Shared;
use crate::wal::{AppendError, Writer};
use crate::write_log::{Item, Reply};

/// What the thread owns.
pub(crate) struct Reconciler {
    shared: Arc<Shared>,
    writer: Writer,
    clock: Clock,
    /// Unlocked when the thread is through, which is when the log is whole.
    _dir: DataDir,
}

/// The commands of an entry, in order.
#[derive(Default)]
struct Batch {
    commands: Vec<(Timestamp, Command)>,
    encoded: Vec<Vec<u8>>,
    replies: Vec<Reply>,
    flushes: Vec<oneshot::Sender<()>>,
}

impl Reconciler {
    pub(crate) fn new(shared: Arc<Shared>, writer: Writer, clock: Clock, dir: DataDir) -> Self {
        Self { shared, writer, clock, _dir: dir }
    }

    /// Writes until the write log is closed and empty.
    pub(crate) fn run(mut self) {
        let _guard = EndOnPanic;
        let mut payload = Vec::new();
        while let Some(items) = self.shared.write_log.take() {
            let batch = self.batch(items);
            if !batch.commands.is_empty() {
                self.commit(batch.commands, &batch.encoded, batch.replies, &mut payload);
            }
            for done in batch.flushes {
                // Whoever asked may have gone away.
                let _ = done.send(());
            }
        }
        if let Err(AppendError::Refused(error) | AppendError::Fatal(error)) = self.writer.close() {
            tracing::error!(%error, "the log could not be marked as whole; nothing acknowledged is lost");
        }
    }

    fn batch(&mut self, items: Vec<Item>) -> Batch {
        let mut batch = Batch::default();
        for item in items {
            match item {
                Item::Command(pending) => {
                    batch.commands.push((self.clock.stamp(wall_clock()), pending.command));
                    batch.encoded.push(pending.encoded);
                    batch.replies.push(pending.reply);
                }
                Item::Flush(done) => batch.flushes.push(done),
            }
        }
        batch
    }

    fn commit(&mut self, commands: Vec<(Timestamp, Command)>, encoded: &[Vec<u8>], replies: Vec<Reply>, payload: &mut Vec<u8>) {
        let mut state = State::clone(&self.shared.state.load());
        let index = LogIndex(state.applied.0 + 1);
        let stamped = commands.iter().zip(encoded).map(|((recorded_at, _), bytes)| (*recorded_at, bytes.as_slice()));
        let packed = entry::pack(index, encoded.len() as u32, stamped, payload);
        let written = packed
            .map_err(|error| AppendError::Refused(error.into()))
            .and_then(|()| self.writer.append(index, payload))
            .and_then(|()| self.sync());
        match written {
            Ok(()) => {}
            Err(AppendError::Refused(error)) => {
                tracing::warn!(%error, commands = replies.len(), "the log refused an entry; nothing of it is stored");
                let reason = error.to_string();
                return answer(replies, |_| Err(SubmitError::Refused { reason: reason.clone() }));
            }
            Err(AppendError::Fatal(error)) => end_process(&error),
        }
        let counters = &self.shared.counters;
        counters.durable.store(index.0, Ordering::Relaxed);
        counters.wal_bytes.store(self.writer.bytes(), Ordering::Relaxed);

        let mut applied: Vec<Option<Applied>> =
            commands.iter().map(|(recorded_at, command)| Some(state.apply(index, *recorded_at, command))).collect();
        state.applied = index;
        self.shared.state.store(Arc::new(state));
        self.shared.applied.send_replace(index);
        counters.entries.fetch_add(1, Ordering::Relaxed);
        counters.commands.fetch_add(replies.len() as u64, Ordering::Relaxed);
        answer(replies, |at| applied.get_mut(at).and_then(Option::take).ok_or(SubmitError::Closed));
    }

    fn sync(&mut self) -> Result<(), AppendError> {
        let started = Instant::now();
        self.writer.sync().map_err(AppendError::Fatal)?;
        let nanos = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let counters = &self.shared.counters;
        counters.sync_nanos.fetch_add(nanos, Ordering::Relaxed);
        counters.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Ends the process if the thread panics: writes would be admitted that nobody makes, and what is in the log might not be in memory.
struct EndOnPanic;

impl Drop for EndOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("the thread that writes has panicked; the process ends, and its next start replays the log");
            std::process::exit(1);
        }
    }
}

fn answer(replies: Vec<Reply>, mut result: impl FnMut(usize) -> Result<Applied, SubmitError>) {
    for (at, reply) in replies.into_iter().enumerate() {
        // Whoever asked may have gone away; the write stands.
        let _ = reply.send(result(at));
    }
}

/// After a failed fsync nobody knows what the disk holds: the only safe answer is none, and the next start reads what is there.
fn end_process(error: &std::io::Error) -> ! {
    tracing::error!(%error, "the log could not be made durable; the process ends so that nothing false is acknowledged");
    std::process::exit(1);
}
