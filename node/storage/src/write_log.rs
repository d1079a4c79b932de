//! The write log: the one place where writes wait, and where they are turned away.
//!
//! A command is admitted here *before* it goes to the log; what is admitted is written, applied and answered, never dropped.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sutra_protocol::command::{Applied, Command};
use tokio::sync::oneshot;

use crate::control::Control;
use crate::entry::COMMAND_OVERHEAD_BYTES;
use crate::error::SubmitError;
use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Most commands that one log entry packs.
const ENTRY_COMMANDS: usize = 1_024;
/// Most bytes that one log entry packs, unless its only command is larger.
const ENTRY_BYTES: usize = 4 << 20;
/// What a caller who is turned away is told to wait: a few times what writing a full entry takes.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Who waits for a command.
pub(crate) type Reply = oneshot::Sender<Result<Applied, SubmitError>>;

/// A waiting command.
pub(crate) struct Pending {
    pub(crate) command: Command,
    /// The command, encoded by who submitted it.
    pub(crate) encoded: Vec<u8>,
    pub(crate) reply: Reply,
}

/// A bounded queue between many callers and the one reconciler.
pub(crate) struct WriteLog {
    queue: Mutex<Queue>,
    filled: Condvar,
    bounds: Bounds,
}

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) commands: usize,
    /// A single command may exceed it, when it waits alone.
    pub(crate) bytes: usize,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Item>,
    /// What the keeper asks of the thread that applies; it goes before everything that waits.
    controls: VecDeque<Control>,
    /// How many commands were ever admitted.
    admitted: u64,
    /// Of the commands in `waiting`.
    bytes: usize,
    commands: usize,
    closed: bool,
    /// Closed, and the keeper asks for nothing more.
    finished: bool,
    /// Nobody takes any more.
    abandoned: bool,
}

/// What stands in the queue.
pub(crate) enum Item {
    /// A command to write.
    Command(Box<Pending>),
    /// Somebody who wants to know when everything before is applied.
    Flush(oneshot::Sender<()>),
}

/// What is to be done next.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) controls: Vec<Control>,
    /// At most what one log entry packs.
    pub(crate) items: Vec<Item>,
}

/// Whether commands may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// They may, as soon as there is one.
    Open,
    /// They may once so many wait, or this time is over.
    Gather {
        /// How many are worth waiting for.
        commands: usize,
        /// For how long at most.
        window: Duration,
    },
    /// Not before memory has been given back; what waits, waits.
    Shut,
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Depth {
    pub(crate) commands: usize,
    pub(crate) bytes: usize,
}

impl WriteLog {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { queue: Mutex::default(), filled: Condvar::new(), bounds }
    }

    /// Admits a command, or turns it away at once and gives it back.
    pub(crate) fn admit(&self, pending: Box<Pending>) -> Result<(), (SubmitError, Box<Pending>)> {
        let size = pending.encoded.len() + COMMAND_OVERHEAD_BYTES;
        let mut queue = self.lock();
        if queue.closed {
            return Err((SubmitError::Closed, pending));
        }
        let full = queue.commands >= self.bounds.commands || queue.bytes + size > self.bounds.bytes;
        if full && queue.commands > 0 {
            let (commands, bytes) = (queue.commands, queue.bytes);
            return Err((SubmitError::Overloaded { commands, bytes, retry_after: RETRY_AFTER }, pending));
        }
        queue.bytes += size;
        queue.commands += 1;
        queue.admitted += 1;
        queue.waiting.push_back(Item::Command(pending));
        drop(queue);
        self.filled.notify_one();
        Ok(())
    }

    /// Asks to be told when everything admitted so far is applied.
    pub(crate) fn flush(&self, done: oneshot::Sender<()>) -> Result<(), SubmitError> {
        let mut queue = self.lock();
        if queue.closed {
            return Err(SubmitError::Closed);
        }
        queue.waiting.push_back(Item::Flush(done));
        drop(queue);
        self.filled.notify_one();
        Ok(())
    }

    /// Asks something of the thread that applies.
    pub(crate) fn control(&self, control: Control) {
        let mut queue = self.lock();
        // Nobody would do it: who asked learns that by its being dropped.
        if !queue.abandoned {
            queue.controls.push_back(control);
        }
        drop(queue);
        self.filled.notify_one();
    }

    /// Waits for something to do, and takes as much as one entry packs. `None`: closed, and all is written.
    pub(crate) fn take(&self, gate: Gate) -> Option<Taken> {
        let mut queue = self.lock();
        let mut gathering = None;
        loop {
            if !queue.controls.is_empty() {
                return Some(Taken { controls: queue.controls.drain(..).collect(), items: Vec::new() });
            }
            let wait = match gate {
                Gate::Shut if !queue.finished => None,
                _ if queue.waiting.is_empty() && queue.finished => return None,
                _ if queue.waiting.is_empty() => None,
                Gate::Gather { commands, window } if queue.commands < commands && !queue.closed => {
                    let until = *gathering.get_or_insert_with(|| Instant::now() + window);
                    match until.checked_duration_since(Instant::now()) {
                        Some(rest) if !rest.is_zero() => Some(rest),
                        _ => break,
                    }
                }
                _ => break,
            };
            queue = match wait {
                None => self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(rest) => self.filled.wait_timeout(queue, rest).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        let (mut commands, mut bytes) = (0, 0);
        let mut taken = Vec::new();
        while let Some(item) = queue.waiting.pop_front() {
            if let Item::Command(pending) = &item {
                let size = pending.encoded.len() + COMMAND_OVERHEAD_BYTES;
                if commands == ENTRY_COMMANDS || (commands > 0 && bytes + size > ENTRY_BYTES) {
                    queue.waiting.push_front(item);
                    break;
                }
                commands += 1;
                bytes += size;
            }
            taken.push(item);
        }
        queue.commands -= commands;
        queue.bytes -= bytes;
        Some(Taken { controls: Vec::new(), items: taken })
    }

    /// Turns everything away from now on; what was admitted is still written.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// Ends the thread that takes, once nothing waits.
    pub(crate) fn finish(&self) {
        self.lock().finished = true;
        self.filled.notify_all();
    }

    /// Drops everything that waits, and whatever comes: nobody takes any more. Whoever waits for an answer learns that there is none.
    pub(crate) fn abandon(&self) {
        let mut queue = self.lock();
        (queue.closed, queue.finished, queue.abandoned) = (true, true, true);
        let dropped = (std::mem::take(&mut queue.waiting), std::mem::take(&mut queue.controls));
        (queue.commands, queue.bytes) = (0, 0);
        drop(queue);
        drop(dropped);
        self.filled.notify_all();
    }

    /// Takes out what waits, to tell those who wait that nothing comes of it.
    pub(crate) fn empty(&self) -> Vec<Item> {
        let mut queue = self.lock();
        (queue.commands, queue.bytes) = (0, 0);
        queue.waiting.drain(..).collect()
    }

    /// How many commands were ever admitted.
    pub(crate) fn admitted(&self) -> u64 {
        self.lock().admitted
    }

    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
    }

    pub(crate) fn depth(&self) -> Depth {
        let queue = self.lock();
        Depth { commands: queue.commands, bytes: queue.bytes }
    }

    /// No code panics while it holds the lock, so what a poisoned lock guards is whole.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{aspirin, learn};

    fn pending(bytes: usize) -> Pending {
        Pending { command: learn(aspirin()), encoded: vec![0; bytes], reply: oneshot::channel().0 }
    }

    fn admit(log: &WriteLog, bytes: usize) -> Result<(), SubmitError> {
        log.admit(Box::new(pending(bytes))).map_err(|(error, refused)| {
            assert_eq!(refused.encoded.len(), bytes);
            error
        })
    }

    fn log(commands: usize, bytes: usize) -> WriteLog {
        WriteLog::new(Bounds { commands, bytes })
    }

    #[test]
    fn a_full_log_turns_away_and_keeps_what_it_has() {
        let log = log(2, 1 << 20);
        admit(&log, 10).unwrap();
        admit(&log, 10).unwrap();
        assert!(matches!(admit(&log, 10), Err(SubmitError::Overloaded { commands: 2, .. })));
        assert_eq!(log.take(Gate::Open).unwrap().items.len(), 2);
        assert_eq!(log.depth(), Depth::default());
        admit(&log, 10).unwrap();
    }

    #[test]
    fn a_large_command_is_taken_only_when_it_waits_alone() {
        let log = log(10, 1_000);
        admit(&log, 5_000).unwrap();
        assert!(matches!(admit(&log, 1), Err(SubmitError::Overloaded { .. })));
        log.take(Gate::Open).unwrap();
        admit(&log, 1).unwrap();
        assert!(matches!(admit(&log, 5_000), Err(SubmitError::Overloaded { .. })));
    }

    #[test]
    fn an_entry_is_bounded_by_commands_and_bytes() {
        let log = log(10_000, 1 << 30);
        (0..ENTRY_COMMANDS + 1).for_each(|_| admit(&log, 1).unwrap());
        assert_eq!(log.take(Gate::Open).unwrap().items.len(), ENTRY_COMMANDS);
        assert_eq!(log.take(Gate::Open).unwrap().items.len(), 1);
        (0..3).for_each(|_| admit(&log, ENTRY_BYTES / 2).unwrap());
        assert_eq!(log.take(Gate::Open).unwrap().items.len(), 1);
    }

    #[test]
    fn a_closed_log_gives_out_what_it_has_and_takes_nothing() {
        let log = log(10, 1_000);
        admit(&log, 1).unwrap();
        log.close();
        log.finish();
        assert_eq!(admit(&log, 1), Err(SubmitError::Closed));
        assert_eq!(log.take(Gate::Open).unwrap().items.len(), 1);
        assert!(log.take(Gate::Open).is_none());
    }
}
