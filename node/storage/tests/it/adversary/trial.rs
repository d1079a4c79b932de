//! A store and its model, side by side.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sutra_disk::{Disk, Random, SimulatedDisk};
use sutra_protocol::command::{Applied, Command, LogIndex, Operation};
use sutra_protocol::{AsOf, Namespace, Timestamp};
use sutra_storage::{KeepFailure, OpenError, Store, StoreConfig, SubmitError, View, ViewError};
use tokio::runtime::Runtime;

use super::author::Author;
use super::model::{Model, Ward};
use super::scene::{self, YEARS};
use super::seen::{NOW, Seen};

/// How much of what was done is told with a failure.
const JOURNAL: usize = 12;
/// How long anything may take before it counts as hanging.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// What comes of a submission.
type Answer = Result<Applied, SubmitError>;

/// A store and its model.
pub(crate) struct Trial {
    pub(crate) random: Random,
    pub(crate) model: Model,
    author: Author,
    /// `None` only while this is dropped.
    runtime: Option<Runtime>,
    pub(super) disk: SimulatedDisk,
    config: StoreConfig,
    pub(super) store: Option<Store>,
    /// What became of these is not known yet: they were sent before an accident.
    pub(super) lost: Vec<Command>,
    /// Acknowledged beside them.
    pub(super) held: Vec<(Command, Applied)>,
    /// Refused: nothing of them may ever be seen.
    pub(super) refused: Vec<Command>,
    pins: Vec<Pin>,
    /// Record times of what was acknowledged, ascending.
    times: Vec<Timestamp>,
    applied: LogIndex,
    journal: VecDeque<String>,
}

/// A view that is held, and what it answered when it was new.
struct Pin {
    view: View,
    seen: Seen,
}

impl Trial {
    /// A new store on a new simulated disk.
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let author = Author::new(random.fork());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let disk = SimulatedDisk::new(random.number());
        let dir = Path::new("/store");
        disk.create_dir_all(dir).unwrap();
        disk.sync_all();
        let config = StoreConfig {
            // Small enough that files follow each other.
            log_file_bytes: 4_000 + random.below(60_000),
            delta_bytes: 20_000 + random.index(200_000),
            on_fatal: Arc::new(|_| {}),
            ..StoreConfig::at(dir)
        };
        let mut trial = Self {
            random,
            model: Model::default(),
            author,
            runtime: Some(runtime),
            disk,
            config,
            store: None,
            lost: Vec::new(),
            held: Vec::new(),
            refused: Vec::new(),
            pins: Vec::new(),
            times: Vec::new(),
            applied: LogIndex(0),
            journal: VecDeque::new(),
        };
        trial.open();
        trial
    }

    pub(crate) fn store(&self) -> &Store {
        self.store.as_ref().expect("the store is open")
    }

    /// Opens the store; it must have everything.
    pub(crate) fn open(&mut self) {
        match self.try_open() {
            Ok(()) => {}
            Err(error) => self.fail(&format!("the store does not open: {}", chain(&error))),
        }
    }

    pub(super) fn try_open(&mut self) -> Result<(), OpenError> {
        let config = StoreConfig { disk: Arc::new(self.disk.clone()), ..self.config.clone() };
        self.store = Some(Store::open(config)?);
        Ok(())
    }

    /// Closes the store.
    pub(crate) fn close(&mut self) {
        if let Some(store) = self.store.take() {
            self.within("close", &store, store.close());
        }
    }

    /// Waits for something that must end.
    pub(super) fn within<T>(&self, what: &str, store: &Store, future: impl Future<Output = T>) -> T {
        let runtime = self.runtime.as_ref().expect("a trial that is not dropped has a runtime");
        runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await }).unwrap_or_else(|_| {
            // Dropping it would wait for the same thing, and nobody would be told.
            std::mem::forget(store.clone());
            self.fail(&format!("{what} did not end within {PATIENCE:?}"))
        })
    }

    /// Submits commands at once.
    pub(super) fn submit(&self, commands: &[Command]) -> Vec<Answer> {
        let store = self.store().clone();
        self.within("a submission", &store, together(commands.iter().map(|command| store.submit(command.clone())).collect()))
    }

    pub(super) fn traceable(&mut self, most: u64) -> Vec<Command> {
        self.author.traceable(&self.model, most)
    }

    pub(super) fn large(&mut self, bytes: usize) -> Command {
        self.author.large(bytes)
    }

    /// Submits several random commands at once; all are taken.
    pub(crate) fn write(&mut self, most: u64) {
        let commands = self.author.commands(&self.model, most);
        let answers = self.submit(&commands);
        let mut done = Vec::new();
        for (command, answer) in commands.into_iter().zip(answers) {
            match answer {
                Ok(applied) => done.push((command, applied)),
                Err(error) => self.fail(&format!("{command:?} was refused: {error}")),
            }
        }
        self.learn_of(done);
    }

    /// What these commands, in the order of the log, came to is what they should have come to.
    pub(crate) fn learn_of(&mut self, mut done: Vec<(Command, Applied)>) {
        // A repetition carries the time of the first, which the model knows by then.
        done.sort_by_key(|(_, applied)| applied.recorded_at);
        for (command, applied) in done {
            self.note(&command);
            if !applied.repeated {
                if self.times.last().is_some_and(|last| *last >= applied.recorded_at) {
                    self.fail(&format!("record time {} does not rise", applied.recorded_at));
                }
                if applied.index < self.applied {
                    self.fail(&format!("{:?} comes after {:?}", applied.index, self.applied));
                }
                self.times.push(applied.recorded_at);
                self.applied = applied.index;
            }
            let right = self.model.apply(applied.index, applied.recorded_at, &command);
            if right != applied {
                self.fail(&format!("{command:?}\ncame to\n  {applied:?}\nand should have come to\n  {right:?}"));
            }
        }
    }

    /// Submits several random commands while a checkpoint or a compaction goes on.
    pub(crate) fn write_meanwhile(&mut self, most: u64) {
        let commands = self.author.commands(&self.model, most);
        let (kept, answers) = self.keep_and_submit(&commands);
        if let Err(error) = kept {
            self.fail(&format!("a checkpoint or a compaction: {error}"));
        }
        let mut done = Vec::new();
        for (command, answer) in commands.into_iter().zip(answers) {
            match answer {
                Ok(applied) => done.push((command, applied)),
                Err(error) => self.fail(&format!("{command:?} was refused: {error}")),
            }
        }
        self.learn_of(done);
    }

    /// A checkpoint or a compaction, and commands at the same time.
    pub(super) fn keep_and_submit(&mut self, commands: &[Command]) -> (Result<(), KeepFailure>, Vec<Answer>) {
        let store = self.store().clone();
        let checkpoint = self.random.one_in(2);
        self.note(&(if checkpoint { "checkpoint" } else { "compact" }, "and meanwhile"));
        let keep = async { if checkpoint { store.checkpoint().await } else { store.compact().await } };
        let submissions = together(commands.iter().map(|command| store.submit(command.clone())).collect());
        self.within("a checkpoint or a submission", &store, async { tokio::join!(keep, submissions) })
    }

    /// Submits one command, which is taken.
    pub(crate) fn send(&mut self, command: Command) -> Applied {
        let answer = self.submit(std::slice::from_ref(&command)).pop();
        match answer {
            Some(Ok(applied)) => {
                self.learn_of(vec![(command, applied.clone())]);
                applied
            }
            other => self.fail(&format!("{command:?} was refused: {other:?}")),
        }
    }

    /// Writes something that drops nothing and forgets no request.
    pub(crate) fn bystander(&mut self) {
        let commands = self.author.traceable(&self.model, 3);
        let quiet = |operation: &Operation| matches!(operation, Operation::Learn(_) | Operation::Associate(_));
        for command in commands.into_iter().filter(|command| command.operations.iter().all(quiet)) {
            self.send(command);
        }
    }

    /// Waits until what entries up to `index` erased is on no disk.
    pub(crate) fn scrub(&mut self, index: LogIndex) {
        let store = self.store().clone();
        self.within("scrub", &store, store.scrub(index));
    }

    /// Waits until all is applied.
    pub(crate) fn flush(&mut self) {
        self.note(&"flush");
        let store = self.store().clone();
        if let Err(error) = self.within("flush", &store, store.flush()) {
            self.fail(&format!("flush: {error}"));
        }
    }

    /// Writes a checkpoint.
    pub(crate) fn checkpoint(&mut self) {
        self.note(&"checkpoint");
        let store = self.store().clone();
        if let Err(error) = self.within("checkpoint", &store, store.checkpoint()) {
            self.fail(&format!("checkpoint: {error}"));
        }
    }

    /// Merges the segments.
    pub(crate) fn compact(&mut self) {
        self.note(&"compact");
        let store = self.store().clone();
        if let Err(error) = self.within("compact", &store, store.compact()) {
            self.fail(&format!("compact: {error}"));
        }
    }

    /// Compares the newest state of every namespace, and its numbers.
    pub(crate) fn check(&mut self) {
        for namespace in scene::namespaces() {
            self.compare(namespace, NOW);
        }
        let told = self.store().namespaces();
        let named: Vec<_> = told.iter().map(|view| view.name.clone()).collect();
        let right: Vec<_> = self.model.wards.keys().cloned().collect();
        if named != right {
            self.fail(&format!("namespaces are {named:?} and should be {right:?}"));
        }
        let mut total = (0, 0, 0);
        for (view, ward) in told.iter().zip(self.model.wards.values()) {
            let right = ward.counts();
            total = (total.0 + right.0, total.1 + right.1, total.2 + right.2);
            if (view.concepts, view.associations) != (right.0, right.1) || view.settings != ward.settings {
                self.fail(&format!("{view:?} and should have {right:?} and {:?}", ward.settings));
            }
        }
        let stats = self.store().stats();
        if (stats.concepts, stats.associations, stats.vectors) != total {
            self.fail(&format!("{stats:?} and should be {total:?}"));
        }
    }

    /// Compares a namespace at a random time.
    pub(crate) fn look_back(&mut self) {
        let namespaces = scene::namespaces();
        let namespace = namespaces[self.random.index(namespaces.len())].clone();
        let known_at = self.random.pick(&self.times).copied();
        // At a record time, just before it, just after it.
        let known_at = known_at.map(|time| time.plus_micros(self.random.below(3) as i64 - 1));
        let valid_at =
            (!self.random.one_in(3)).then(|| scene::year(YEARS[self.random.index(YEARS.len())] + self.random.below(2) as i64));
        let known_at = if self.random.one_in(4) { None } else { known_at };
        self.compare(&namespace, AsOf { valid_at, known_at });
    }

    fn compare(&mut self, namespace: &Namespace, as_of: AsOf) {
        let nothing = Ward::default();
        let ward = self.model.wards.get(namespace).unwrap_or(&nothing);
        let view = match (self.store().view(namespace, as_of), as_of.known_at) {
            (Ok(view), None) => view,
            (Ok(_), Some(time)) if ward.horizon(self.store().now()).is_some_and(|horizon| time < horizon) => {
                self.fail(&format!("{namespace} answers about {time}, before its horizon"))
            }
            (Ok(_), Some(time)) if !ward.keeps(time) => {
                self.fail(&format!("{namespace} answers about {time}, of which earlier settings have let it forget"))
            }
            (Ok(view), Some(_)) => view,
            (Err(ViewError::BeforeHistory { .. }), Some(time))
                if !ward.keeps(time) || ward.horizon(self.store().now()).is_some_and(|horizon| time < horizon) =>
            {
                return;
            }
            (Err(error), _) => self.fail(&format!("a view of {namespace} at {as_of:?}: {error}")),
        };
        let seen = Seen::of(&view, 1 + self.random.index(30));
        if let Some(damage) = view.damage() {
            self.fail(&format!("a view of {namespace} says {damage}"));
        }
        let nothing = Ward::default();
        let right = self.model.wards.get(namespace).unwrap_or(&nothing).seen(namespace, as_of);
        if let Some(difference) = seen.differs(&right) {
            self.fail(&format!("in {namespace} at {as_of:?}, {difference}"));
        }
        if self.random.one_in(8) {
            self.pins.push(Pin { view, seen });
        }
        if self.pins.len() > 6 {
            self.pins.swap_remove(self.random.index(6));
        }
    }

    /// Asks the pinned views again: whatever happened since, they answer as they did.
    pub(crate) fn check_pins(&mut self) {
        for pin in std::mem::take(&mut self.pins) {
            if let Some(difference) = Seen::of(&pin.view, 7).differs(&pin.seen) {
                let (namespace, as_of) = (pin.view.namespace(), pin.view.as_of());
                self.fail(&format!("a pinned view of {namespace} at {as_of:?} changed: {difference}"));
            }
            self.pins.push(pin);
        }
    }

    pub(crate) fn note(&mut self, what: &dyn Debug) {
        if self.journal.len() == JOURNAL {
            self.journal.pop_front();
        }
        self.journal.push_back(format!("{what:?}"));
    }

    pub(crate) fn fail(&self, why: &str) -> ! {
        let before = self.journal.iter().map(|line| format!("  … {line}\n")).collect::<String>();
        panic!("{why}\nbefore that:\n{before}");
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // What hangs must not keep the failure from being told.
            runtime.shutdown_background();
        }
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Drives all futures at once on this task, so that they are all submitted before any is answered.
pub(crate) async fn together<F: Future<Output = Answer>>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in futures.iter_mut().filter(|(_, output)| output.is_none()) {
            if let std::task::Poll::Ready(value) = future.as_mut().poll(context) {
                *output = Some(value);
            }
        }
        if futures.iter().all(|(_, output)| output.is_some()) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    futures.into_iter().filter_map(|(_, output)| output).collect()
}
