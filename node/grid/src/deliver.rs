//! Delivering the effects of a shard's commands to the other shards, by whoever leads it.
//!
//! The effects stay in the shard's state until they are taken, so the next leader goes on where this one stopped; what is delivered twice is
//! taken once.

mod batch;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use sutra_protocol::Namespace;
use sutra_protocol::command::{Applied, Command, Operation, Rejection};
use tokio::time::Instant;

use self::batch::{Batch, Reached};
use crate::hosted::HostedShard;
use crate::map::ShardId;
use crate::reach::KnownShard;
use crate::route::{Repeat, RouteError};
use crate::to_leader::ToLeader;

/// How long a delivery may take before it is tried again.
const TIME: Duration = Duration::from_secs(10);
/// How long to wait before what failed is tried again.
const PAUSE: Duration = Duration::from_millis(100);
/// How often it is looked whether there is something to do when nothing else says so: while effects wait, and while none do.
const LOOKS: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(30)];
/// How long a replica takes to know that it leads.
const TURN: Duration = Duration::from_millis(20);
/// After how many deliveries it is noted what everybody has; and after what time where there are fewer.
const NOTED: (u64, Duration) = (1_024, Duration::from_secs(1));

/// A delivery that has ended: to whom, how far that one has come if it was taken, and how it went.
type Ended = (ShardId, Reached, Result<Applied, RouteError>);

/// How far a shard's effects have come, as its leader knows.
#[derive(Default)]
struct Progress {
    /// By taker.
    taken: BTreeMap<ShardId, Reached>,
    /// Takers to which something is on its way.
    busy: BTreeMap<ShardId, Option<Instant>>,
    /// Up to which number it is noted that all have them.
    noted: u64,
    /// When something was noted last.
    noted_at: Option<Instant>,
    noting: bool,
}

/// Delivers as long as this node leads the shard, and waits while it does not.
pub(crate) async fn keep(shard: HostedShard, to: ToLeader) {
    let mut progress = Progress::default();
    let mut running: FuturesUnordered<Running> = FuturesUnordered::new();
    let mut applied = shard.store().applied_changes();
    loop {
        let is_idle = shard.store().effects(0, 1).is_empty();
        let look = tokio::time::sleep(LOOKS[usize::from(is_idle)]);
        if !shard.store().leads() {
            // Another leader may have gone further.
            progress = Progress::default();
            running.clear();
            // Who comes to lead applies an entry first.
            tokio::select! {
                Ok(()) = applied.changed() => tokio::time::sleep(TURN).await,
                () = look => {}
            }
            continue;
        }
        if is_idle && running.is_empty() {
            tokio::select! {
                Ok(()) = applied.changed() => {}
                () = look => {}
            }
            continue;
        }
        let (mut others, mut own) = (Vec::new(), None);
        for known in to.reach().shards().iter() {
            if known.id() == shard.id() {
                own = Some(known.clone());
            } else {
                others.push(known.clone());
            }
        }
        for other in &others {
            let is_busy = match progress.busy.get(&other.id()) {
                Some(None) => true,
                Some(Some(until)) => *until > Instant::now(),
                None => false,
            };
            if is_busy {
                continue;
            }
            let reached = progress.taken.entry(other.id()).or_default();
            let before = reached.upto;
            let pending = |after, limit| shard.store().effects(after, limit);
            let batch = batch::next(shard.id().0, &other.range(), reached, pending);
            let is_far = reached.upto > before + batch::LOOKED_AT as u64;
            if let Some(Batch { command, reached }) = batch {
                progress.busy.insert(other.id(), None);
                running.push(deliver(to.clone(), other.clone(), command, reached));
            }
            if is_far {
                // Whoever else waits for this thread has not been served for a while.
                tokio::task::yield_now().await;
            }
        }
        if let (Some(upto), Some(own)) = (progress.due(&others), own) {
            progress.noting = true;
            running.push(note(to.clone(), own, upto));
        }
        tokio::select! {
            Some(ended) = running.next() => progress.end(&shard, ended),
            Ok(()) = applied.changed() => {}
            () = tokio::time::sleep(PAUSE), if progress.waits() => {}
            () = look => {}
        }
    }
}

type Running = std::pin::Pin<Box<dyn Future<Output = Ended> + Send>>;

fn deliver(to: ToLeader, taker: KnownShard, command: Command, reached: Reached) -> Running {
    Box::pin(async move {
        let ended = to.submit(&taker, &command, Repeat::Safe, Instant::now() + TIME).await;
        (taker.id(), reached, ended)
    })
}

/// Notes in the shard's own log that all have taken them.
fn note(to: ToLeader, shard: KnownShard, upto: u64) -> Running {
    Box::pin(async move {
        let command = Command {
            namespace: Namespace::default(),
            asserted_by: Arc::from("grid"),
            request: None,
            operations: vec![Operation::Delivered(upto)],
            foreign: Vec::new(),
        };
        let ended = to.submit(&shard, &command, Repeat::Safe, Instant::now() + TIME).await;
        (shard.id(), Reached { upto, ..Reached::default() }, ended)
    })
}

impl Progress {
    /// Up to which number it should be noted now that all have them.
    fn due(&self, others: &[KnownShard]) -> Option<u64> {
        let all = others.iter().map(|other| self.taken.get(&other.id()).map_or(0, |reached| reached.upto)).min()?;
        let new = all.checked_sub(self.noted).filter(|new| *new > 0)?;
        let waited = self.noted_at.is_none_or(|at| at.elapsed() >= NOTED.1);
        (!self.noting && (new >= NOTED.0 || waited)).then_some(all)
    }

    /// Whether something is tried again after a while.
    fn waits(&self) -> bool {
        self.busy.values().any(Option::is_some)
    }

    fn end(&mut self, shard: &HostedShard, (taker, reached, ended): Ended) {
        if taker == shard.id() {
            self.noting = false;
            self.noted_at = Some(Instant::now());
            if ended.is_ok() {
                self.noted = self.noted.max(reached.upto);
            }
            return;
        }
        let refused = match &ended {
            Ok(applied) => applied.outcomes.iter().find_map(|outcome| outcome.as_ref().err()),
            Err(_) => None,
        };
        match (&ended, refused) {
            (Ok(_), None) => {
                self.busy.remove(&taker);
                self.taken.insert(taker, reached);
            }
            (_, refused) => {
                let why = refused.map(ToString::to_string).or_else(|| ended.as_ref().err().map(ToString::to_string));
                tracing::warn!(from = %shard.id(), to = %taker, reason = why, "effects were not delivered yet");
                // What it says that it has is right; what it is believed to have was not.
                if let Some(Rejection::Gap { taken, .. }) = refused {
                    self.taken.insert(taker, Reached { upto: *taken, last: *taken, ahead: None });
                }
                self.busy.insert(taker, Some(Instant::now() + PAUSE));
            }
        }
    }
}
