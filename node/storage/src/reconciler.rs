//! The reconciler: the one thread that writes and applies.
//!
//! It takes everything that waits, packs it into one log entry, makes that durable with one fsync, applies it, publishes one new
//! snapshot, and only then answers. While it waits for the disk the next entry's commands gather: that is the whole group commit. Only
//! where callers come back together ([`crate::load`]) does it wait a little for the rest of them.
//!
//! Where the store is one of several replicas, the entry goes to the consensus instead, and what is applied comes from there: the
//! leader's own entries, and on every other replica the leader's.
//!
//! It alone changes what readers see; the keeper, which moves deltas into segments, asks it to put them in place.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use sutra_protocol::Timestamp;
use sutra_protocol::command::{Applied, Command, LogIndex};
use sutra_wal::{AppendError, Log, Record};
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::control::Control;
use crate::entry::{self, Entry, Label};
use crate::error::SubmitError;
use crate::keeper::Work;
use crate::manifest::Configuration;
use crate::memory::State;
use crate::proposals::{Proposals, Waiting};
use crate::replica::{Committed, Consensus, Proposal};
use crate::store::Shared;
use crate::write_log::{Gate, Item, Reply};

/// The term of a group of one voter that never lost an election.
pub(crate) const TERM: u64 = 1;

/// What the thread owns.
pub(crate) struct Reconciler {
    shared: Arc<Shared>,
    log: Log,
    clock: Clock,
    /// Commands admitted when the last entry was written, and when that was.
    seen: (u64, Instant),
    proposals: Proposals,
    /// Who waits for an entry to be applied.
    awaited: Vec<(LogIndex, SyncSender<()>)>,
    /// Who waits for the entry of a mark.
    marks: Vec<(u64, oneshot::Sender<Box<State>>)>,
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
        Self {
            shared,
            log,
            clock,
            seen: (0, Instant::now()),
            proposals: Proposals::new(),
            awaited: Vec::new(),
            marks: Vec::new(),
        }
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
            if let Some(consensus) = self.shared.consensus.clone() {
                self.propose(&*consensus, batch);
                continue;
            }
            if !batch.commands.is_empty() && !self.commit(batch.commands, &batch.encoded, batch.replies, &mut payload) {
                return;
            }
            for done in batch.flushes {
                // Whoever asked may have gone away.
                let _ = done.send(());
            }
        }
        self.proposals.give_up();
        self.shared.write_log.abandon();
        // Nothing makes room any more: who waits for it would hold the store for ever, and learns now that it is closed.
        self.shared.room.send_replace(true);
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
        // What the replicas have agreed on is applied even where the disk takes no segment: there is no refusing it.
        let has_room = !stalled || self.shared.trouble.load().is_some();
        self.shared.room.send_if_modified(|room| std::mem::replace(room, has_room) != has_room);
        if !has_room || !self.shared.takes_commands() || self.proposals.are_many() {
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
                    // What is decided with something in view comes after it.
                    let seen = pending.command.foreign.iter().filter_map(|ghost| Some(ghost.versions.last()?.0)).max();
                    self.clock.see(seen.unwrap_or_default());
                    batch.commands.push((self.clock.stamp((self.shared.config.wall_clock)()), pending.command));
                    batch.encoded.push(pending.encoded);
                    batch.replies.push(pending.reply);
                }
                Item::Flush(done) => batch.flushes.push(done),
            }
        }
        batch
    }

    /// Why no more can be taken into memory.
    fn full(&self) -> Option<SubmitError> {
        let trouble = self.shared.trouble.load_full().filter(|_| self.shared.stalled.load(Ordering::Relaxed))?;
        Some(SubmitError::Refused { reason: format!("memory is full, and it can't be written into a segment: {trouble}") })
    }

    /// Hands an entry to the consensus.
    fn propose(&mut self, consensus: &dyn Consensus, batch: Batch) {
        if batch.commands.is_empty() {
            return self.proposals.flush(batch.flushes);
        }
        let number = self.proposals.number();
        let stamped = batch.commands.iter().zip(&batch.encoded).map(|((recorded_at, _), bytes)| (*recorded_at, bytes.as_slice()));
        let mut payload = Vec::new();
        let packed = entry::pack(Label::Proposal(number), batch.encoded.len() as u32, stamped, &mut payload);
        let refusal = if self.shared.takes_commands() { self.full() } else { Some(SubmitError::NotLeader) };
        let refusal = refusal.or_else(|| packed.err().map(|error| SubmitError::Refused { reason: error.to_string() }));
        if let Some(error) = refusal {
            answer(batch.replies, |_| Err(error.clone()));
            return self.proposals.flush(batch.flushes);
        }
        self.proposals.begin(number, batch.replies, batch.flushes);
        consensus.propose(payload, Proposal::new(Arc::clone(&self.shared), number));
    }

    /// Applies what the replicas have agreed on, and answers those who wait for it here.
    fn apply(&mut self, entries: Vec<Committed>) -> Result<(), String> {
        let started = Instant::now();
        let mut state = State::clone(&self.shared.state.load());
        let mut answers: Vec<(Waiting, Vec<Applied>)> = Vec::new();
        let scrubs = state.scrubs.len();
        let mut commands = 0;
        let mut proposed = None;
        let count = entries.len();
        for Committed { point, payload } in entries {
            let index = point.index;
            let follows = state.point().map_or(index.0 <= 1, |before| before.index.0 + 1 == index.0);
            if !follows {
                return Err(format!("entry {} can't follow entry {}", index.0, state.applied.0));
            }
            let entry: Entry = entry::decode(&payload).map_err(|error| format!("entry {} can't be read: {error}", index.0))?;
            let applied = entry.commands.iter().map(|one| state.apply(index, one.recorded_at, &one.command)).collect();
            commands += entry.commands.len();
            if let Some(words) = entry.configuration {
                state.configuration = Some(Arc::new(Configuration { index, term: point.term, words }));
            }
            (state.applied, state.term) = (index, point.term);
            let is_it = |of: &u64| entry.proposal == Some(*of);
            for (_, reply) in self.marks.extract_if(.., |(mark, reply)| is_it(mark) || reply.is_closed()) {
                // Whoever asked may have gone away.
                let _ = reply.send(Box::new(state.clone()));
            }
            if let Some(waiting) = entry.proposal.and_then(|number| self.proposals.applied(number)) {
                proposed = Some(waiting.proposed.elapsed());
                answers.push((waiting, applied));
            }
        }
        if let Some(damage) = state.damage() {
            return Err(format!("an entry could not be applied: {damage}"));
        }
        self.clock.see(state.clock);
        let erases = state.scrubs.len() > scrubs;
        let applied = state.applied;
        let config = &self.shared.config;
        let full = state.delta_bytes() > config.delta_bytes && !state.is_frozen();
        self.shared.state.store(Arc::new(state));
        self.shared.applied.send_replace(applied);
        let counters = &self.shared.counters;
        counters.durable.store(applied.0, Ordering::Relaxed);
        counters.applied(count, commands, started);
        for (waiting, applied) in answers {
            waiting.answer(applied);
        }
        if full {
            self.shared.keeper.ask(Work::Checkpoint);
        }
        self.shared.tenants.relieve(&self.log, config.log_bytes);
        if erases {
            self.shared.keeper.ask(Work::Scrub);
        }
        self.observe(commands, proposed.unwrap_or_else(|| started.elapsed()));
        Ok(())
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
        if let Some(error) = self.full() {
            answer(replies, |_| Err(error.clone()));
            return true;
        }
        let mut state = State::clone(&self.shared.state.load());
        let index = LogIndex(state.applied.0 + 1);
        let stamped = commands.iter().zip(encoded).map(|((recorded_at, _), bytes)| (*recorded_at, bytes.as_slice()));
        let packed = entry::pack(Label::Index(index), encoded.len() as u32, stamped, payload);
        let written = packed.map_err(|error| AppendError::Refused(error.into())).and_then(|()| {
            let position = self.log.append(&[Record::Entry { group: self.shared.group, index, term: TERM, payload }])?;
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
        let durable = Instant::now();
        let scrubs = state.scrubs.len();
        let mut applied: Vec<Option<Applied>> =
            commands.iter().map(|(recorded_at, command)| Some(state.apply(index, *recorded_at, command))).collect();
        (state.applied, state.term) = (index, TERM);
        self.clock.see(state.clock);
        let erases = state.scrubs.len() > scrubs;
        if let Some(damage) = state.damage() {
            self.shared.end(&format!("an entry could not be applied: {damage}"));
            return false;
        }
        let config = &self.shared.config;
        let over_budget = state.delta_bytes() > config.delta_bytes || self.log.bytes() > config.log_bytes;
        let full = over_budget && !state.is_frozen();
        self.shared.state.store(Arc::new(state));
        self.shared.applied.send_replace(index);
        counters.applied(1, replies.len(), durable);
        answer(replies, |at| applied.get_mut(at).and_then(Option::take).ok_or(SubmitError::Closed));
        if full {
            self.shared.keeper.ask(Work::Checkpoint);
        }
        if erases {
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
    fn control(&mut self, control: Control) {
        let control = match control {
            Control::Apply { entries, done } => {
                let applied = self.apply(entries);
                if let Err(reason) = &applied {
                    // Of a damaged replica there are others: what becomes of it is for its node to say.
                    let is_damaged = self.shared.state.load().damage().is_some();
                    if is_damaged { self.shared.end_quietly(reason) } else { self.shared.end(reason) }
                }
                // Whoever asked waits, unless the node is ending.
                let _ = done.send(applied);
                return self.tell_reached();
            }
            Control::Proposed { number, fate } => return self.proposals.resolve(number, fate),
            Control::Lead(leads) => return self.lead(leads),
            Control::Mark { mark, reply } => return self.marks.push((mark, reply)),
            Control::Reach { index, done } => {
                self.awaited.push((index, done));
                return self.tell_reached();
            }
            other => other,
        };
        let mut state = State::clone(&self.shared.state.load());
        let mut scrubbed = None;
        let done = match control {
            Control::Wake
            | Control::Apply { .. }
            | Control::Proposed { .. }
            | Control::Lead(_)
            | Control::Mark { .. }
            | Control::Reach { .. } => return,
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
            Control::Installed { state: installed, done } => {
                state = *installed;
                self.clock.see(state.clock);
                // What was to be scrubbed went with the old state.
                scrubbed = Some(*self.shared.scrubbed.borrow());
                // Whether it holds them or not, nobody can tell any more what they came to.
                self.proposals.give_up();
                self.marks.clear();
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
                scrubbed = Some(upto);
                done
            }
        };
        let applied = state.applied;
        self.shared.state.store(Arc::new(state));
        // Whoever is told looks at the state: it is there before.
        self.shared.applied.send_if_modified(|told| std::mem::replace(told, applied) != applied);
        if let Some(upto) = scrubbed {
            self.shared.scrubbed.send_replace(upto);
        }
        let _ = done.send(());
        self.tell_reached();
    }

    /// Tells those who waited for what is applied now.
    fn tell_reached(&mut self) {
        let applied = self.shared.state.load().applied;
        for (_, done) in self.awaited.extract_if(.., |(index, _)| *index <= applied) {
            // Whoever waited may have given up.
            let _ = done.send(());
        }
    }
}

impl Reconciler {
    /// The replica leads from now on, or no longer.
    fn lead(&mut self, leads: bool) {
        if leads {
            return;
        }
        // What is on its way may still be committed; what waits will not.
        let mut batch = self.batch(self.shared.write_log.empty());
        answer(std::mem::take(&mut batch.replies), |_| Err(SubmitError::NotLeader));
        self.proposals.flush(batch.flushes);
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
