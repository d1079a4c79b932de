//! Delivering the effects of a shard's commands to the other shards, by whoever leads it.
//!
//! The effects stay in the shard's state until they are taken, so the next leader goes on where this one stopped; what is delivered twice is
//! taken once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use sutra_protocol::Namespace;
use sutra_protocol::command::{Applied, Command, Operation, Rejection};
use sutra_protocol::effects::{Delivery, Effect, Effects};
use tokio::time::Instant;

use crate::hosted::HostedShard;
use crate::map::ShardId;
use crate::reach::KnownShard;
use crate::route::{Repeat, RouteError};
use crate::to_leader::ToLeader;

/// Commands whose effects are looked at together.
const LOOKED_AT: usize = 1_024;
/// Most commands whose effects are delivered at once.
const COMMANDS: usize = 256;
/// Bytes beyond which no more are added to a delivery: it has to fit into a frame, and an entry of the log into a message.
const BYTES: usize = 4 << 20;
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

/// A delivery that has ended: to whom, up to which number, and how.
type Ended = (ShardId, u64, Result<Applied, RouteError>);

/// How far a shard's effects have come, as its leader knows.
#[derive(Default)]
struct Progress {
    /// By taker: the number up to which it has all that is for it, and the last one that was.
    taken: BTreeMap<ShardId, (u64, u64)>,
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
            let (upto, last) = progress.taken.entry(other.id()).or_insert((0, 0));
            match batch(&shard, other, &shard.store().effects(*upto, LOOKED_AT), *last) {
                Batch::Nothing { upto: seen } => *upto = seen.max(*upto),
                Batch::Some { command, upto } => {
                    progress.busy.insert(other.id(), None);
                    running.push(deliver(to.clone(), other.clone(), command, upto));
                }
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

fn deliver(to: ToLeader, taker: KnownShard, command: Command, upto: u64) -> Running {
    Box::pin(async move {
        let ended = to.submit(&taker, &command, Repeat::Safe, Instant::now() + TIME).await;
        (taker.id(), upto, ended)
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
        (shard.id(), upto, ended)
    })
}

impl Progress {
    /// Up to which number it should be noted now that all have them.
    fn due(&self, others: &[KnownShard]) -> Option<u64> {
        let all = others.iter().map(|other| self.taken.get(&other.id()).map_or(0, |(upto, _)| *upto)).min()?;
        let new = all.checked_sub(self.noted).filter(|new| *new > 0)?;
        let waited = self.noted_at.is_none_or(|at| at.elapsed() >= NOTED.1);
        (!self.noting && (new >= NOTED.0 || waited)).then_some(all)
    }

    /// Whether something is tried again after a while.
    fn waits(&self) -> bool {
        self.busy.values().any(Option::is_some)
    }

    fn end(&mut self, shard: &HostedShard, (taker, upto, ended): Ended) {
        if taker == shard.id() {
            self.noting = false;
            self.noted_at = Some(Instant::now());
            if ended.is_ok() {
                self.noted = self.noted.max(upto);
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
                self.taken.insert(taker, (upto, upto));
            }
            (_, refused) => {
                let why = refused.map(ToString::to_string).or_else(|| ended.as_ref().err().map(ToString::to_string));
                tracing::warn!(from = %shard.id(), to = %taker, reason = why, "effects were not delivered yet");
                // What it says that it has is right; what it is believed to have was not.
                if let Some(Rejection::Gap { taken, .. }) = refused {
                    self.taken.insert(taker, (*taken, *taken));
                }
                self.busy.insert(taker, Some(Instant::now() + PAUSE));
            }
        }
    }
}

/// What a taker gets next.
enum Batch {
    /// There is nothing for it up to this number.
    Nothing {
        upto: u64,
    },
    Some {
        command: Command,
        upto: u64,
    },
}

/// The next effects for a taker, of those that it may not have; `last` is the number of the last that it has, as far as is known.
fn batch(shard: &HostedShard, taker: &KnownShard, pending: &[Arc<Effects>], last: u64) -> Batch {
    let range = taker.range();
    let mut after = last;
    let mut batch: Option<(Command, usize)> = None;
    let mut upto = 0;
    for effects in pending {
        let own = || effects.effects.iter().filter(|(audience, _)| audience.is_in(&range)).map(|(_, effect)| effect);
        if own().next().is_none() {
            // Behind what is delivered nothing is known to be seen.
            if batch.is_none() {
                upto = effects.number;
            }
            continue;
        }
        let weight = own().map(Effect::weight).sum::<usize>();
        let alone = !effects.foreign.is_empty() || own().any(Effect::stands_alone);
        let (command, bytes) = batch.get_or_insert_with(|| (begin(effects), 0));
        let belongs = command.namespace == effects.namespace && command.asserted_by == effects.asserted_by;
        let fits = belongs && !alone && command.operations.len() < COMMANDS && *bytes + weight <= BYTES;
        if !command.operations.is_empty() && !fits {
            break;
        }
        *bytes += weight;
        command.operations.push(Operation::Take(Box::new(Delivery {
            origin: shard.id().0,
            number: effects.number,
            after,
            recorded_at: effects.recorded_at,
            effects: own().cloned().collect(),
        })));
        (after, upto) = (effects.number, effects.number);
        if alone {
            break;
        }
    }
    match batch {
        Some((command, _)) => Batch::Some { command, upto },
        None => Batch::Nothing { upto },
    }
}

fn begin(effects: &Effects) -> Command {
    Command {
        namespace: effects.namespace.clone(),
        asserted_by: Arc::clone(&effects.asserted_by),
        request: None,
        operations: Vec::new(),
        foreign: effects.foreign.clone(),
    }
}
