//! The reconciler: the one thread that writes and applies.
//!
//! It takes everything that waits, packs it into one log entry, makes that durable with one fsync, applies it, publishes one new
//! snapshot, and only then answers. While it waits for the disk the next entry's commands gather: that is the whole group commit. Only
//! where callers come back together ([`crate::load`]) does it wait a little for the rest of them.
//!
//! It alone changes what readers see; the keeper, which moves deltas into segments, asks it to put them in place.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sutra_protocol::Timestamp;
use sutra_protocol::command::{Applied, Command, LogIndex, Operation};
use sutra_wal::{AppendError, GroupId, Log, Record};
use tokio::sync::oneshot;

use crate::clock::{Clock, wall_clock};
use crate::control::Control;
use crate::entry;
use crate::error::SubmitError;
use crate::keeper::Work;
use crate::memory::State;
use crate::store::Shared;
use crate::write_log::{Gate, Item, Reply};

/// The group of the one shard.
pub(crate) const GROUP: GroupId = GroupId::FIRST_SHARD;
/// The term of a group of one voter that never lost an election.
pub(crate) const TERM: u64 = 1;

/// What the thread owns.
pub(crate) struct Reconciler {
    shared: Arc<Shared>,
    log: Log,
    clock: Clock,
    /// Commands admitted when the last entry was written, and when that was.
    seen: (u64, Instant),
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
    pub(crate) fn new(shared: Arc<Shared>, log: Log, clock: Clock) -> Self {
        Self { shared, log, clock, seen: (0, Instant::now()) }
    }

    /// Writes until the write log is closed and empty.
    pub(crate) fn run(mut self) {
        let _guard = EndOnPanic(Arc::clone(&self.shared));
        let mut payload = Vec::new();
        while let Some(taken) = self.shared.write_log.take(self.gate()) {
            for control in taken.controls {
                self.control(control);
            }
            let batch = self.batch(taken.items);
            if !batch.commands.is_empty() && !self.commit(batch.commands, &batch.encoded, batch.replies, &mut payload) {
                return;
            }
            for done in batch.flushes {
                // Whoever asked may have gone away.
                let _ = done.send(());
            }
        }
        self.shared.write_log.abandon();
    }

    /// Whether commands may be taken now.
    fn gate(&self) -> Gate {
        let state = self.shared.state.load();
        let budget = self.shared.config.delta_bytes;
        let stalled = state.delta_bytes() > 2 * budget;
        self.shared.stalled.store(stalled, Ordering::Relaxed);
        if stalled && !state.is_frozen() {
            // It may have been asked for while the last one was not done.
            self.shared.keeper.ask(Work::Checkpoint);
        }
        if stalled && self.shared.trouble.load().is_none() {
            return Gate::Shut;
        }
        match self.shared.load.load().gather() {
            Some((commands, window)) => Gate::Gather { commands, window },
            None => Gate::Open,
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

    /// Writes an entry and applies it; `false`: nothing further may be written or answered.
    fn commit(
        &mut self,
        commands: Vec<(Timestamp, Command)>,
        encoded: &[Vec<u8>],
        replies: Vec<Reply>,
        payload: &mut Vec<u8>,
    ) -> bool {
        let started = Instant::now();
        if self.shared.stalled.load(Ordering::Relaxed)
            && let Some(trouble) = self.shared.trouble.load_full()
        {
            let reason = format!("memory is full, and it can't be written into a segment: {trouble}");
            answer(replies, |_| Err(SubmitError::Refused { reason: reason.clone() }));
            return true;
        }
        let mut state = State::clone(&self.shared.state.load());
        let index = LogIndex(state.applied.0 + 1);
        let stamped = commands.iter().zip(encoded).map(|((recorded_at, _), bytes)| (*recorded_at, bytes.as_slice()));
        let packed = entry::pack(index, encoded.len() as u32, stamped, payload);
        let written = packed.map_err(|error| AppendError::Refused(error.into())).and_then(|()| {
            let position = self.log.append(&[Record::Entry { group: GROUP, index, term: TERM, payload }])?;
            self.log.sync(position)
        });
        match written {
            Ok(()) => {}
            Err(error @ (AppendError::Refused(_) | AppendError::Invalid { .. })) => {
                tracing::warn!(%error, commands = replies.len(), "the log refused an entry; nothing of it is stored");
                let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                answer(replies, |_| Err(SubmitError::Refused { reason: reason.clone() }));
                return true;
            }
            Err(AppendError::Fatal(error)) => {
                // Nobody knows what the disk holds: the only safe answer is none, and the next start reads what is there.
                self.shared.end(&format!("the log could not be made durable: {error}"));
                return false;
            }
        }
        let counters = &self.shared.counters;
        counters.durable.store(index.0, Ordering::Relaxed);

        let mut applied: Vec<Option<Applied>> =
            commands.iter().map(|(recorded_at, command)| Some(state.apply(index, *recorded_at, command))).collect();
        state.applied = index;
        if let Some(damage) = state.damage() {
            self.shared.end(&format!("an entry could not be applied: {damage}"));
            return false;
        }
        let config = &self.shared.config;
        let over_budget = state.delta_bytes() > config.delta_bytes || self.log.bytes() > config.log_bytes;
        let full = over_budget && !state.is_frozen();
        self.shared.state.store(Arc::new(state));
        self.shared.applied.send_replace(index);
        counters.entries.fetch_add(1, Ordering::Relaxed);
        counters.commands.fetch_add(replies.len() as u64, Ordering::Relaxed);
        answer(replies, |at| applied.get_mut(at).and_then(Option::take).ok_or(SubmitError::Closed));
        if full {
            self.shared.keeper.ask(Work::Checkpoint);
        }
        if commands.iter().any(|(_, command)| command.operations.iter().any(|one| matches!(one, Operation::Erase(_)))) {
            self.shared.keeper.ask(Work::Scrub);
        }
        self.observe(commands.len(), started.elapsed());
        true
    }

    fn observe(&mut self, packed: usize, cycle: Duration) {
        let (admitted, now) = (self.shared.write_log.admitted(), Instant::now());
        let mut load = **self.shared.load.load();
        load.observe(packed, cycle, admitted - self.seen.0, now - self.seen.1);
        self.seen = (admitted, now);
        self.shared.load.store(Arc::new(load));
    }

    /// Does what the keeper asks, and shows it to readers before it says so.
    fn control(&self, control: Control) {
        let mut state = State::clone(&self.shared.state.load());
        let done = match control {
            Control::Wake => return,
            Control::Freeze(reply) => {
                state.freeze();
                self.shared.state.store(Arc::new(state.clone()));
                // The keeper waits for it, unless it ended.
                let _ = reply.send(state);
                return;
            }
            Control::Checkpointed { segment, born, done } => {
                state.checkpointed(segment.as_deref(), &born);
                done
            }
            Control::Compacted { replaced, segment, done } => {
                state.compacted(&replaced, segment.as_deref());
                done
            }
            Control::Indexed { segment, place, graph, done } => {
                state.indexed(segment, place, &graph);
                done
            }
            Control::Scrubbed { upto, done } => {
                state.scrubs.retain(|scrub| scrub.index > upto);
                self.shared.scrubbed.send_replace(upto);
                done
            }
        };
        self.shared.state.store(Arc::new(state));
        let _ = done.send(());
    }
}

/// Ends the store if the thread panics: writes would be admitted that nobody makes, and what is in the log might not be in memory.
struct EndOnPanic(Arc<Shared>);

impl Drop for EndOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.end("the thread that writes has panicked");
        }
    }
}

fn answer(replies: Vec<Reply>, mut result: impl FnMut(usize) -> Result<Applied, SubmitError>) {
    for (at, reply) in replies.into_iter().enumerate() {
        // Whoever asked may have gone away; the write stands.
        let _ = reply.send(result(at));
    }
}
