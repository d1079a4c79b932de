//! What those who write and read see of the grid: nodes that come and go.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sutra_disk::Random;
use sutra_grid::{Missing, Performed, Reading, Repeat, RouteError, Router, View};
use sutra_protocol::command::{Command, LogIndex, Operation, RequestKey};
use sutra_protocol::{AsOf, Namespace};
use sutra_storage::SubmitError;
use tokio::time::{Instant, sleep, timeout_at};

use super::nodes::Running;

/// How long somebody waits for an answer.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// Cheap to clone; all clones are the same.
#[derive(Clone, Default)]
pub(super) struct Scene(Arc<Inner>);

#[derive(Default)]
struct Inner {
    nodes: Mutex<BTreeMap<u64, Running>>,
    is_over: AtomicBool,
}

/// What somebody has written or seen: a position in the log of each shard.
#[derive(Clone, Debug, Default)]
pub(super) struct Token(BTreeMap<u64, LogIndex>);

impl Token {
    pub(super) fn merge(&mut self, seen: impl IntoIterator<Item = (u64, LogIndex)>) {
        for (shard, index) in seen {
            let held = self.0.entry(shard).or_default();
            *held = index.max(*held);
        }
    }
}

/// What somebody who asked for an operation can know of it, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// Nothing of it is stored.
    Absent,
    /// It may be stored, now or later, or never.
    Open,
    /// It is stored, and will be whole.
    Stored,
    /// It was answered.
    Done,
}

impl Fate {
    pub(super) fn of<T>(done: &Result<T, RouteError>) -> Self {
        match done {
            Ok(_) => Self::Done,
            Err(RouteError::Pending) => Self::Stored,
            Err(RouteError::Late | RouteError::Submit(SubmitError::Unknown | SubmitError::Closed)) => Self::Open,
            Err(RouteError::NoLeader { .. } | RouteError::Unreachable { .. } | RouteError::Submit(_)) => Self::Absent,
        }
    }
}

impl Scene {
    /// From now on a node is asked.
    pub(super) fn enter(&self, node: u64, running: Running) {
        self.0.nodes.lock().unwrap().insert(node, running);
    }

    /// From now on it is not.
    pub(super) fn leave(&self, node: u64) {
        self.0.nodes.lock().unwrap().remove(&node);
    }

    pub(super) fn end(&self) {
        self.0.is_over.store(true, Ordering::Release);
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::Acquire)
    }

    /// Somebody who can be asked.
    pub(super) async fn host(&self, random: &mut Random) -> Host {
        loop {
            let running: Vec<Running> = self.0.nodes.lock().unwrap().values().cloned().collect();
            if let Some(running) = random.pick(&running) {
                return Host { running: running.clone(), until: Instant::now() + PATIENCE };
            }
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A node that somebody asks for something, and how long it may take.
pub(super) struct Host {
    running: Running,
    until: Instant,
}

impl Host {
    /// What comes of it, unless the time is over before, or the node ends.
    async fn ask<T>(&self, asked: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.running.ends.cancelled() => None,
            answer = timeout_at(self.until, asked) => answer.ok().filter(|_| !self.running.disk.is_off()),
        }
    }

    fn router(&self) -> &Router {
        &self.running.router
    }

    /// Who it is, for whoever looks for a failure.
    pub(super) fn told(&self) -> String {
        let grid = &self.running.grid;
        let statuses: Vec<_> = grid.shards().iter().map(|shard| (shard.store().applied(), shard.group().status())).collect();
        format!("{} {statuses:?}", grid.node())
    }

    /// Ends when this node's replicas have what a token has seen, or do not come to it; `false`: not in time.
    pub(super) async fn has_reached(&self, token: &Token) -> bool {
        let wait = async {
            for (shard, index) in &token.0 {
                assert!(self.router().wait_applied(*shard, *index).await, "there is no shard {shard}");
            }
        };
        self.ask(wait).await.is_some()
    }

    /// The shards of which a view that is taken here sees all that was acknowledged before.
    pub(super) async fn caught_up(&self) -> Option<Vec<u64>> {
        self.ask(self.router().catch_up(self.until)).await
    }

    /// The shards of which this node's replicas tell what a write means, as the service asks before each.
    pub(super) async fn ready_to_write(&self) -> Option<Vec<u64>> {
        let ready = async {
            self.router().settle(self.until).await?;
            Ok::<_, RouteError>(self.router().ready_to_write(self.until).await)
        };
        self.ask(ready).await?.ok()
    }

    /// A read of what a token has seen.
    pub(super) fn seeing(&self, token: &Token) -> Reading {
        Reading { seen: token.0.iter().map(|(shard, index)| (*shard, *index)).collect(), ..self.as_it_is() }
    }

    /// A read of all that was acknowledged before, on a node that has caught up with these shards.
    pub(super) fn strongly(&self, here: Vec<u64>) -> Reading {
        Reading { strong: true, here, ..self.as_it_is() }
    }

    /// A read of what is known here.
    pub(super) fn as_it_is(&self) -> Reading {
        Reading { until: Some(self.until), ..Reading::default() }
    }

    /// What somebody reads of a namespace; `None`: the node ended meanwhile, or could not ask another about a shard.
    pub(super) fn read<T>(&self, namespace: &Namespace, reading: Reading, read: impl FnOnce(&View) -> T) -> Option<T> {
        let view = view(self.router(), namespace, reading);
        let answer = read(&view);
        // Without power nothing was read. Else what a segment holds is whole.
        let (is_off, missing) = (self.running.disk.is_off(), view.missing());
        let is_damaged = |missing: &Missing| matches!(missing, Missing::Damaged(_) | Missing::NoView(_));
        assert!(is_off || !missing.iter().any(is_damaged), "{missing:?}");
        (!is_off && missing.is_empty()).then_some(answer)
    }

    /// What whoever has seen a view has seen.
    pub(super) fn seen(&self) -> Vec<(u64, LogIndex)> {
        self.router().applied()
    }

    /// Has it done, with what is known here of the concepts that it mentions.
    pub(super) async fn perform(&self, command: &Command) -> Performed {
        self.perform_seeing(command, self.as_it_is()).await
    }

    /// Has it done, with what a reader sees of the concepts that it mentions.
    pub(super) async fn perform_seeing(&self, command: &Command, reading: Reading) -> Performed {
        let count = command.operations.len();
        let all = |error: RouteError| Performed { done: vec![Err(error); count], seen: Vec::new() };
        let repeat = if command.request.is_some() { Repeat::Safe } else { Repeat::Unsafe };
        let mut mentioned: Vec<_> = command.operations.iter().flat_map(Operation::mentions).collect();
        mentioned.sort_unstable();
        mentioned.dedup();
        let foreign = self.read(&command.namespace, reading, |view| mentioned.into_iter().map(|id| view.ghost(id)).collect());
        let Some(foreign) = foreign else { return all(RouteError::NoLeader { shard: 0 }) };
        let asked = self.router().perform(Command { foreign, ..command.clone() }, repeat, self.until);
        // A node that ends in the middle may have done anything.
        let performed = tokio::select! {
            biased;
            () = self.running.ends.cancelled() => return all(RouteError::Submit(SubmitError::Unknown)),
            performed = asked => performed,
        };
        if self.running.disk.is_off() {
            return all(RouteError::Submit(SubmitError::Unknown));
        }
        performed.unwrap_or_else(all)
    }

    /// What an equal request came to before, if it is known here.
    pub(super) async fn remembered(&self, namespace: &Namespace, request: &RequestKey) -> Option<Performed> {
        let asked = async {
            let here = self.router().catch_up(self.until).await;
            self.router().remembered(namespace, request, &here, self.until).await
        };
        let answer = self.ask(asked).await??;
        answer.expect("the key was used for nothing else").ok()
    }
}

/// A state of a namespace.
pub(super) fn view(router: &Router, namespace: &Namespace, reading: Reading) -> View {
    router.view(namespace, AsOf { valid_at: None, known_at: None }, reading).unwrap()
}

/// A command of this namespace.
pub(super) fn command(namespace: &Namespace, by: &str, request: Option<RequestKey>, operations: Vec<Operation>) -> Command {
    Command { namespace: namespace.clone(), asserted_by: by.into(), request, operations, foreign: Vec::new() }
}
