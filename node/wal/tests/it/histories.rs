//! Random histories on a disk that loses, tears and refuses, against the model: after every reopening the log holds what was
//! durable and a beginning of what was appended since, and nothing else.

use std::path::Path;
use std::sync::Arc;

use sutra_disk::{Disk, DiskCall, Failure, Fault, Random, SimulatedDisk, When};
use sutra_wal::{AppendError, Log, LogConfig};

use crate::fixture::*;
use crate::model::{Deed, Model};

/// How many histories a run has, but for who asks for more.
const HISTORIES: u64 = 400;
const STEPS: u64 = 60;

/// A log, and what it may hold.
struct History {
    random: Random,
    disk: SimulatedDisk,
    log: Log,
    /// What it held after each record since something was last known to be durable; the first is durable.
    since: Vec<Model>,
    /// What of a failed append may be there too, after `since`.
    perhaps: Vec<Model>,
}

fn settings(random: &mut Random) -> LogConfig {
    LogConfig { file_bytes: 200 + random.below(3_000), preallocate: random.one_in(2), ..LogConfig::at(Path::new("/data"), STORE) }
}

impl History {
    fn begin(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let disk = SimulatedDisk::new(random.number());
        disk.create_dir_all(Path::new("/data")).unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        let (log, _) = open_with(Arc::new(disk.clone()), settings(&mut random)).unwrap();
        Self { random, disk, log, since: vec![Model::default()], perhaps: Vec::new() }
    }

    fn now(&self) -> &Model {
        self.since.last().unwrap()
    }

    fn deed(&mut self, model: &Model) -> Deed {
        let group = 1 + self.random.below(3);
        let state = model.0.get(&group).cloned().unwrap_or_default();
        let (first, next) = (state.entries.first().map_or(state.next, |entry| Some(entry.0)), state.next);
        let term = 1 + self.random.below(5);
        match (self.random.below(20), first, next) {
            (0, Some(first), Some(next)) if first < next => {
                Deed::Truncate { group, from: first + self.random.below(next - first + 1) }
            }
            (1 | 2, Some(first), Some(next)) if first < next => {
                Deed::Purge { group, upto: first + self.random.below(next - first), term }
            }
            (3, _, _) => Deed::Purge { group, upto: next.unwrap_or(0) + self.random.below(4), term },
            (4 | 5, _, _) => Deed::Vote { group, vote: vec![term as u8; 1 + self.random.index(20)] },
            (6, _, _) => Deed::Committed { group, index: self.random.below(50) },
            (7, _, _) if self.random.one_in(6) => Deed::Forget { group },
            _ => {
                let length = if self.random.one_in(30) { 9_000 } else { self.random.below(60) };
                let payload = (0..length).map(|at| (at as u8).wrapping_mul(31).wrapping_add(term as u8)).collect();
                Deed::Entry { group, index: next.unwrap_or(self.random.below(2)), term, payload }
            }
        }
    }

    /// Whether the log goes on.
    fn append(&mut self) -> bool {
        let mut model = self.now().clone();
        let mut deeds = Vec::new();
        let mut models = Vec::new();
        for _ in 0..=self.random.below(4) {
            let deed = self.deed(&model);
            model.apply(&deed);
            models.push(model.clone());
            deeds.push(deed);
        }
        let records: Vec<_> = deeds.iter().map(Deed::record).collect();
        match self.log.append(&records) {
            Ok(position) => {
                self.since.extend(models);
                if !self.random.one_in(3) {
                    return true;
                }
                match self.log.sync(position) {
                    Ok(()) => self.all_is_durable(),
                    Err(AppendError::Fatal(_)) => return false,
                    Err(other) => panic!("{other}"),
                }
            }
            Err(AppendError::Refused(_)) => {
                assert!(self.disk.is_off() || self.now().is(&self.log), "what was refused left a trace");
            }
            Err(AppendError::Fatal(_)) => {
                self.perhaps = models;
                return false;
            }
            Err(AppendError::Invalid { reason, .. }) => panic!("{reason}: {deeds:?}"),
        }
        true
    }

    fn all_is_durable(&mut self) {
        self.since.drain(..self.since.len() - 1);
    }

    fn step(&mut self) -> bool {
        match self.random.below(40) {
            0 | 1 => !matches!(self.log.rotate(), Err(AppendError::Fatal(_))),
            2..5 => !matches!(self.log.drop_unneeded(), Err(AppendError::Fatal(_))),
            5 => {
                self.disk.crash_after(1 + self.random.below(12));
                true
            }
            6 => {
                let calls = [
                    DiskCall::Write,
                    DiskCall::Sync,
                    DiskCall::SyncDir,
                    DiskCall::Allocate,
                    DiskCall::SetLen,
                    DiskCall::Create,
                    DiskCall::Rename,
                    DiskCall::Remove,
                ];
                let failures = [Failure::Io, Failure::Full, Failure::Torn, Failure::Lost, Failure::Late];
                let call = *self.random.pick(&calls).unwrap();
                let failure = *self.random.pick(&failures).unwrap();
                self.disk.fault(Fault::new(call, failure, When::Nth(1 + self.random.below(3))));
                true
            }
            7 => {
                let room = self.disk.used() + self.random.below(20_000);
                self.disk.set_capacity(Some(room));
                true
            }
            8 | 9 => {
                self.disk.set_capacity(None);
                true
            }
            10 => false,
            _ => self.append(),
        }
    }

    /// The process ends, and perhaps the power goes with it; the log is opened again, which may take more than one attempt.
    fn reopen(mut self) -> Self {
        let closes = self.random.one_in(4) && self.perhaps.is_empty();
        let Self { log, .. } = self;
        if closes {
            // Closing makes all durable, or fails.
            if log.close().is_ok() {
                self.since.drain(..self.since.len() - 1);
            }
        } else {
            drop(log);
        }
        self.disk.heal();
        self.disk.set_capacity(None);
        loop {
            if self.disk.is_off() || self.random.one_in(2) {
                self.disk = self.disk.crash();
            }
            let config = settings(&mut self.random);
            if self.random.one_in(5) {
                self.disk.crash_after(1 + self.random.below(15));
            }
            let (log, handed) = match open_with(Arc::new(self.disk.clone()), config) {
                // The power may go when only the floor is left to be written.
                Ok(_) if self.disk.is_off() => continue,
                Ok(opened) => opened,
                Err(error) => {
                    assert!(self.disk.is_off(), "a log that only lost power does not open: {error}");
                    continue;
                }
            };
            let mut may_hold = self.since.iter().chain(&self.perhaps).rev();
            let held = may_hold.find(|model| model.is(&log) && model.was_handed(&handed)).cloned();
            let Some(held) = held else {
                panic!("the log holds {:#?}, and may hold only one of {:#?}", log.groups(), self.since);
            };
            return Self { since: vec![held], perhaps: Vec::new(), log, ..self };
        }
    }
}

fn run(seed: u64) {
    let mut history = History::begin(seed);
    for _ in 0..STEPS {
        if !history.step() || history.disk.is_off() {
            history = history.reopen();
        }
        if history.perhaps.is_empty() {
            assert!(history.now().is(&history.log), "the open log is not what was appended");
        }
    }
    drop(history.reopen());
}

/// `SUTRA_WAL_HISTORIES` asks for more, `SUTRA_WAL_SEED` for one.
#[test]
fn what_was_durable_is_there_after_every_crash_and_nothing_else_is() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    if let Some(seed) = number("SUTRA_WAL_SEED") {
        return run(seed);
    }
    for seed in 0..number("SUTRA_WAL_HISTORIES").unwrap_or(HISTORIES) {
        let outcome = std::panic::catch_unwind(|| run(seed));
        assert!(outcome.is_ok(), "the history of SUTRA_WAL_SEED={seed} fails");
    }
}
