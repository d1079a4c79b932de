//! What came of a command on the shards that it has effects on.
//!
//! Whoever asked is answered once every shard has taken its part, and whatever is read after that, here or with the answer's token, sees it.

use sutra_protocol::Namespace;
use sutra_protocol::command::{Applied, LogIndex, Outcome};
use sutra_protocol::effects::{Audience, Taken};
use sutra_storage::SubmitError;
use tokio::time::{Instant, timeout_at};

use crate::grid::Grid;
use crate::hosted::STANDS_STILL;
use crate::messages::{AUDIENCES, Audiences, FOLLOW, Follow, Followed, Fresh, Said};
use crate::perform::{Done, Performed};
use crate::reach::KnownShard;
use crate::route::{Kind, RouteError, Router, strong};

impl Router {
    /// What a command came to on all shards, once they have taken their part, and it is seen here.
    pub(crate) async fn followed(
        &self,
        origin: &KnownShard,
        namespace: &Namespace,
        applied: Applied,
        until: Instant,
    ) -> Result<Performed, RouteError> {
        let (sent, index) = (applied.sent, applied.index);
        origin.note_seen(index);
        if let (Some(here), Some(grid)) = (origin.readable(), self.grid()) {
            // What was acknowledged is stored, whether this node comes to see it in time or not.
            let _ = timeout_at(until, here.comes_to(index, grid.pool())).await;
        }
        let mut performed = Performed::of(origin.id().0, applied);
        if let Some(sent) = sent {
            let following = self.follow(origin, namespace, sent, &mut performed, until);
            if !matches!(timeout_at(until, following).await, Ok(Ok(()))) {
                return performed.unfollowed().or_failed();
            }
        }
        for done in &mut performed.done {
            if matches!(done, Ok(Done { outcome: Ok(Outcome::Forwarded(_)), .. })) {
                // It was done, but nobody remembers any more what came of it.
                *done = Err(RouteError::Submit(SubmitError::Unknown));
            }
        }
        Ok(performed)
    }

    async fn follow(
        &self,
        origin: &KnownShard,
        namespace: &Namespace,
        sent: u64,
        performed: &mut Performed,
        until: Instant,
    ) -> Result<(), RouteError> {
        let Kind::Grid(grid) = self.kind() else { return Ok(()) };
        let shards = grid.reach().shards();
        let (mut died, mut dropped) = (0, 0);
        let all: Vec<usize> = (0..performed.done.len()).collect();
        let mut work = vec![(origin.clone(), sent, all)];
        while let Some((origin, number, among)) = work.pop() {
            let audiences = audiences(grid, &origin, number, until).await?;
            if audiences.is_none() {
                // All have taken them; whether this node's replicas have is another question.
                if !self.shows_all(until).await {
                    return Err(RouteError::Pending);
                }
            }
            for shard in shards.iter().filter(|shard| shard.id() != origin.id()) {
                let range = shard.range();
                let is_taker = match &audiences {
                    Some(audiences) if !audiences.iter().any(|audience| audience.is_in(&range)) => continue,
                    audiences => audiences.is_some(),
                };
                let (applied, taken) = taken(grid, shard, (origin.id().0, number), namespace, is_taker, until).await?;
                shard.note_seen(applied);
                performed.seen.push((shard.id().0, applied));
                let Some(taken) = taken else { continue };
                died += taken.died;
                dropped += taken.dropped;
                let forwarded = |at: &usize| match performed.done.get(*at) {
                    Some(Ok(Done { outcome: Ok(Outcome::Forwarded(place)), .. })) => range.holds(*place),
                    _ => false,
                };
                let here: Vec<usize> = among.iter().copied().filter(forwarded).collect();
                let (index, recorded_at) = taken.at;
                for (at, outcome) in here.iter().zip(taken.outcomes) {
                    performed.done[*at] = Ok(Done { outcome, shard: shard.id().0, index, recorded_at });
                }
                work.extend(taken.sent.into_iter().map(|sent| (shard.clone(), sent, here.clone())));
            }
        }
        // Where something may die of it, a command has one operation.
        if let [Ok(Done { outcome: Ok(outcome), .. })] = &mut performed.done[..] {
            match outcome {
                Outcome::Retracted { associations } | Outcome::Erased { associations } => *associations += died,
                Outcome::NamespaceDropped { concepts } => *concepts += dropped,
                _ => {}
            }
        }
        Ok(())
    }
}

/// For whom effects of a shard are; `None`: all have taken them.
async fn audiences(grid: &Grid, origin: &KnownShard, number: u64, until: Instant) -> Result<Option<Vec<Audience>>, RouteError> {
    if let Some(here) = origin.readable()
        // Where it does not know of the command yet, it does not know that all have taken its effects either.
        && here.comes_to(origin.seen(), grid.pool()).await
    {
        let effects = here.store().effects_numbered(number);
        return Ok(effects.map(|effects| effects.effects.iter().map(|(audience, _): &(Audience, _)| audience.clone()).collect()));
    }
    let asked = (number, Fresh { applied: Some(origin.seen()), ..strong(until) });
    let told = grid.reach().ask_any(origin, AUDIENCES, &asked, until, Audiences::is_known).await;
    told.and_then(Said::known).ok_or(RouteError::Pending)
}

/// What a shard made of another's effects, once it has taken them, and an entry after which that is seen.
async fn taken(
    grid: &Grid,
    shard: &KnownShard,
    (origin, number): (u64, u64),
    namespace: &Namespace,
    is_taker: bool,
    until: Instant,
) -> Result<(LogIndex, Option<Taken>), RouteError> {
    if let Some(here) = shard.readable() {
        let store = here.store();
        let waiting = async {
            if is_taker {
                store.wait_taken(origin, number).await;
                return true;
            }
            // All of its shard have taken what it may lack.
            here.comes_to(shard.seen(), grid.pool()).await
        };
        // It may stand still, and others not, if there are some.
        let limit = if shard.is_only_here() { until } else { until.min(Instant::now() + STANDS_STILL) };
        if let Ok(Some(true)) = timeout_at(limit, here.unless_it_leaves(waiting)).await {
            let taken = store.taken(namespace, origin, number);
            // Looked at last: it is of no state before the one that was told.
            return Ok((store.applied(), taken));
        }
    }
    let (namespace, mut fresh) = (namespace.clone(), strong(until));
    // Who has taken them is as new as is needed.
    fresh.strong = !is_taker;
    let asked = Follow { namespace, origin, number, is_taker, fresh };
    let told = grid.reach().ask_any(shard, FOLLOW, &asked, until, Followed::is_known).await;
    told.and_then(Said::known).ok_or(RouteError::Pending)
}
