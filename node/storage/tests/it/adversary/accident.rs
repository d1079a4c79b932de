//! What a trial does around an accident: it keeps account of what was sent, and asks afterwards what became of it.

use std::time::{Duration, Instant};

use sutra_protocol::command::{Applied, Command, RequestKey};
use sutra_storage::SubmitError;

use super::trial::{PATIENCE, Trial, chain};

impl Trial {
    /// Submits random commands at once, some of which may fail.
    pub(crate) fn try_write(&mut self, most: u64) {
        let commands = self.traceable(most);
        self.try_commands(commands);
    }

    /// Submits a command of about this many bytes, which may fail.
    pub(crate) fn try_large(&mut self, bytes: usize) {
        let command = self.large(bytes);
        self.try_commands(vec![command]);
    }

    fn try_commands(&mut self, commands: Vec<Command>) {
        // Now and then the keeper is at work at the same time.
        let answers = if self.random.one_in(6) { self.keep_and_submit(&commands).1 } else { self.submit(&commands) };
        let mut done = Vec::new();
        for (command, answer) in commands.into_iter().zip(answers) {
            match answer {
                Ok(applied) => done.push((command, applied)),
                // Nothing of it is stored.
                Err(SubmitError::Refused { .. }) => self.refused.push(command),
                Err(SubmitError::Closed) => self.lost.push(command),
                Err(error) => self.fail(&format!("{command:?} was turned away: {error}")),
            }
        }
        if self.is_over() {
            // The order is known when it is known what became of the lost ones.
            self.held.extend(done);
        } else {
            self.learn_of(done);
        }
    }

    /// Writes as soon as the store takes it, which it must before long.
    pub(crate) fn write_when_it_can(&mut self) {
        let end = Instant::now() + PATIENCE;
        loop {
            self.try_write(3);
            let refused = std::mem::take(&mut self.refused);
            if refused.is_empty() && !self.is_over() {
                return;
            }
            if self.is_over() || Instant::now() > end {
                self.fail(&format!(
                    "nothing is in the way, and it is not taken: {:?}, {:?}",
                    refused.first(),
                    self.store().stats()
                ));
            }
            // What it refused must not be there later either.
            if let Some(one) = refused.iter().find(|one| self.remembered(one).is_some()) {
                self.fail(&format!("{one:?} was refused, and is there"));
            }
            let store = self.store().clone();
            self.within("a pause", &store, async { tokio::time::sleep(Duration::from_millis(100)).await });
        }
    }

    /// A checkpoint or a compaction, which may fail.
    pub(crate) fn try_keep(&mut self) {
        let store = self.store().clone();
        let checkpoint = self.random.one_in(2);
        let kept = if checkpoint {
            self.within("checkpoint", &store, store.checkpoint())
        } else {
            self.within("compact", &store, store.compact())
        };
        self.note(&(if checkpoint { "checkpoint" } else { "compact" }, kept.err().map(|error| error.to_string())));
    }

    /// A checkpoint, which may fail.
    pub(crate) fn try_checkpoint(&mut self) {
        let store = self.store().clone();
        let kept = self.within("checkpoint", &store, store.checkpoint());
        self.note(&("checkpoint", kept.err().map(|error| error.to_string())));
    }

    /// A compaction, which may fail.
    pub(crate) fn try_compact(&mut self) {
        let store = self.store().clone();
        let kept = self.within("compact", &store, store.compact());
        self.note(&("compact", kept.err().map(|error| error.to_string())));
    }

    /// Whether nothing can be written until the store is opened again.
    pub(crate) fn is_over(&self) -> bool {
        !self.lost.is_empty() || !self.held.is_empty() || self.disk.is_off() || self.store().failure().is_some()
    }

    /// The power goes, and comes back.
    pub(crate) fn crash(&mut self) {
        self.note(&"crash");
        // The threads of the old store find the disk without power; the next one is another disk.
        let next = self.disk.crash();
        self.close();
        self.disk = next;
    }

    /// Opens the store after an accident; now and then the power goes while it opens.
    pub(crate) fn recover(&mut self) {
        while self.random.one_in(4) {
            self.disk.crash_after(1 + self.random.below(12));
            let opened = self.try_open();
            if let Err(error) = &opened
                && !self.disk.is_off()
            {
                self.fail(&format!("the store does not open after an accident: {}", chain(error)));
            }
            self.note(&("crash while opening", opened.is_ok()));
            self.disk = {
                let next = self.disk.crash();
                self.close();
                next
            };
        }
        self.open();
        self.settle();
    }

    /// Asks what became of what was sent before the accident, and compares everything.
    pub(crate) fn settle(&mut self) {
        let mut done = std::mem::take(&mut self.held);
        let acknowledged = done.iter().map(|(_, applied)| applied.index).max();
        if acknowledged.is_some_and(|index| self.store().applied() < index) {
            self.fail(&format!("{acknowledged:?} was acknowledged; the store has {:?}", self.store().applied()));
        }
        for command in std::mem::take(&mut self.lost) {
            if let Some(applied) = self.remembered(&command) {
                self.note(&"the next one was not acknowledged, and is there");
                done.push((command, Applied { repeated: false, ..applied }));
            }
        }
        self.learn_of(done);
        for command in std::mem::take(&mut self.refused) {
            if self.remembered(&command).is_some() {
                self.fail(&format!("{command:?} was refused, and is there"));
            }
        }
        self.check();
        self.check_pins();
        self.look_back();
    }

    fn remembered(&self, command: &Command) -> Option<Applied> {
        let request: &RequestKey = command.request.as_ref().expect("commands around an accident are traceable");
        match self.store().remembered(&command.namespace, request)? {
            Ok(applied) => Some(applied),
            Err(rejection) => self.fail(&format!("{command:?} is remembered otherwise: {rejection}")),
        }
    }
}
