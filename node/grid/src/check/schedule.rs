//! When shards are checked, and what came of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sutra_protocol::founding::CheckReport;
use sutra_replication::{ReplicaId, Transport};
use tokio::time::Instant;

use super::round::check;
use super::taken::Taken;
use super::verdict::Outcome;
use crate::hosted::HostedShard;
use crate::hosting::Hosting;
use crate::map::ShardId;

/// How often it is looked whether a check is due.
const LOOK: Duration = Duration::from_secs(1);
/// A shard is checked first this part of the interval after it came to be led here: a grid that has just started has other things to do.
const FIRST: u32 = 24;

/// The checks of the shards that are led here. Cheap to clone; all clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Checks {
    taken: Taken,
    counts: Arc<Mutex<BTreeMap<(u64, Outcome), u64>>>,
    /// What came of the last one of a shard.
    last: Arc<Mutex<BTreeMap<u64, Outcome>>>,
    /// One at a time: they read all that there is.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Checks {
    /// The digests that this node was asked for.
    pub(crate) fn taken(&self) -> &Taken {
        &self.taken
    }

    /// Compares the replicas of a shard now.
    ///
    /// # Errors
    /// It could not be done: a sentence.
    pub(crate) async fn check(
        &self,
        shard: &HostedShard,
        hosting: &Hosting,
        pool: &Arc<dyn Transport>,
    ) -> Result<CheckReport, String> {
        let _turn = self.turn.lock().await;
        let (outcome, report) = check(shard, hosting, pool, &self.taken).await?;
        *self.lock().entry((shard.id().0, outcome)).or_default() += 1;
        self.last.lock().unwrap_or_else(PoisonError::into_inner).insert(shard.id().0, outcome);
        Ok(report)
    }

    /// Whether nobody can say which replicas of a shard are right, as far as was found here: none is healed with another's state then.
    pub(crate) fn is_undecided(&self, shard: u64) -> bool {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).get(&shard) == Some(&Outcome::Undecided)
    }

    /// How many there were since the start, by shard and outcome.
    pub(crate) fn counts(&self) -> Vec<(u64, Outcome, u64)> {
        self.lock().iter().map(|((shard, outcome), count)| (*shard, *outcome, *count)).collect()
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(u64, Outcome), u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks every shard that is led here once in `interval`; never, if that is nothing.
pub(crate) async fn keep(checks: Checks, hosting: Hosting, pool: Arc<dyn Transport>, interval: Duration) {
    if interval.is_zero() {
        return;
    }
    let mut due: BTreeMap<(ShardId, ReplicaId), Instant> = BTreeMap::new();
    loop {
        tokio::time::sleep(LOOK.min(interval)).await;
        let now = Instant::now();
        // What is there once can't be compared.
        let is_due = |shard: &&HostedShard| shard.group().leads() && shard.group().status().voters.len() > 1;
        let led: Vec<HostedShard> = hosting.shards().iter().filter(is_due).cloned().collect();
        due.retain(|key, _| led.iter().any(|shard| (shard.id(), shard.group().replica()) == *key));
        for shard in led {
            let next = due.entry((shard.id(), shard.group().replica())).or_insert(now + interval / FIRST);
            if *next > now {
                continue;
            }
            if let Err(reason) = checks.check(&shard, &hosting, &pool).await {
                tracing::warn!(shard = %shard.id(), reason, "the replicas of a shard could not be compared");
            }
            due.insert((shard.id(), shard.group().replica()), Instant::now() + interval);
        }
    }
}
