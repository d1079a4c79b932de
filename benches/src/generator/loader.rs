//! Many concepts into a store.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use sutra_protocol::command::{Applied, Command};
use sutra_storage::{Store, SubmitError};
use tokio::task::JoinHandle;

use super::Generator;
use crate::progress;

/// Operations of a command: what an import packs together.
const OPERATIONS: usize = 500;
/// Commands on their way at once: two threads make them while the store writes.
const IN_FLIGHT: usize = 8;
/// Between two words about progress.
const TOLD_EVERY: Duration = Duration::from_secs(15);

/// What was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Loaded {
    pub(crate) concepts: usize,
    pub(crate) associations: usize,
    /// Of the contents, in UTF-8.
    pub(crate) content_bytes: usize,
    /// Numbers of all vectors.
    pub(crate) vector_numbers: usize,
}

/// Teaches the store the concepts `range` in their order; every one is durable at the end.
pub(crate) async fn load(store: &Store, generator: &Generator, range: Range<usize>) -> anyhow::Result<Loaded> {
    let mut loaded = Loaded::default();
    let mut flight: VecDeque<JoinHandle<anyhow::Result<Loaded>>> = VecDeque::new();
    let mut told = Instant::now();
    let mut turn: Option<tokio::sync::oneshot::Receiver<()>> = None;
    for first in range.clone().step_by(OPERATIONS) {
        if flight.len() == IN_FLIGHT
            && let Some(oldest) = flight.pop_front()
        {
            loaded.add(oldest.await??);
        }
        let (generator, store) = (generator.clone(), store.clone());
        let part = first..range.end.min(first + OPERATIONS);
        // Commands are made side by side and submitted in their order: an association's target must be there before it.
        let (done, next) = tokio::sync::oneshot::channel();
        let before = turn.replace(next);
        flight.push_back(tokio::spawn(async move {
            let made = tokio::task::spawn_blocking(move || command(&generator, part)).await?;
            if let Some(before) = before {
                // A part that failed has ended the load; this one is dropped with it.
                before.await.context("an earlier part was not loaded")?;
            }
            submit(&store, made, done).await
        }));
        if told.elapsed() >= TOLD_EVERY {
            progress::step(format_args!("{} of {} concepts", first - range.start, range.len()));
            told = Instant::now();
        }
    }
    for part in flight {
        loaded.add(part.await??);
    }
    Ok(loaded)
}

fn command(generator: &Generator, part: Range<usize>) -> (Command, Loaded) {
    let mut loaded = Loaded::default();
    let operations = part.map(|index| {
        let operation = generator.learn(index);
        if let sutra_protocol::command::Operation::Learn(learn) = &operation {
            loaded.add(Loaded {
                concepts: 1,
                associations: learn.associations.len(),
                content_bytes: learn.concept.content.len(),
                vector_numbers: learn.concept.vector.as_ref().map_or(0, |vector| vector.len()),
            });
        }
        operation
    });
    let operations = operations.collect();
    let command = Command {
        namespace: generator.namespace().clone(),
        asserted_by: "records office".into(),
        request: None,
        operations,
        foreign: Vec::new(),
    };
    (command, loaded)
}

async fn submit(
    store: &Store,
    (command, loaded): (Command, Loaded),
    done: tokio::sync::oneshot::Sender<()>,
) -> anyhow::Result<Loaded> {
    // Admission is at the first poll; from then on the next may go.
    let mut done = Some(done);
    let mut submitted = std::pin::pin!(admitted(store, command));
    let answer = std::future::poll_fn(|context| {
        let polled = submitted.as_mut().poll(context);
        if let Some(done) = done.take() {
            // Nobody waits behind the last part.
            let _ = done.send(());
        }
        polled
    })
    .await;
    let applied = answer.context("teach the store")?;
    if let Some(refused) = applied.outcomes.iter().find_map(|outcome| outcome.as_ref().err()) {
        bail!("the store refused a concept: {refused}");
    }
    Ok(loaded)
}

async fn admitted(store: &Store, command: Command) -> Result<Applied, SubmitError> {
    store.submit(command).await
}

impl Loaded {
    fn add(&mut self, more: Self) {
        self.concepts += more.concepts;
        self.associations += more.associations;
        self.content_bytes += more.content_bytes;
        self.vector_numbers += more.vector_numbers;
    }
}

#[cfg(test)]
mod tests {
    use sutra_protocol::Knowledge as _;
    use sutra_storage::StoreConfig;

    use super::*;
    use crate::engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_loaded_is_there_with_its_associations() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::at(dir.path())).unwrap();
        let generator = Generator::new(4, true);
        let loaded = load(&store, &generator, 0..2_300).await.unwrap();
        assert_eq!((loaded.concepts, loaded.vector_numbers), (2_300, 2_300 * super::super::DIMENSION));
        let stats = store.stats();
        assert_eq!((stats.concepts, stats.associations), (2_300, loaded.associations as u64));
        assert_eq!(stats.vectors, 2_300);
        let view = engine::view(&store, generator.namespace()).unwrap();
        let last = view.concept(generator.id(2_299)).unwrap();
        assert_eq!(*last.content, *generator.content(2_299));
        assert_eq!(view.degree(generator.id(2_299)).out, generator.associations(2_299).len() as u64);
        store.close().await;
    }
}
