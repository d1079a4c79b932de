//! A command over several shards: each operation to the shard that decides about it, and what came of it wherever it was done.
//!
//! ```text
//!   operations ─ by place ─→ one command a shard ─→ its leader ─ effects ─→ other shards ─→ seen here
//!   with a request key ────→ the shard that remembers it ─ effects ─→ the shards that do it
//! ```
//!
//! Whoever asked is answered once every shard has taken its part, and this node sees it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use sutra_protocol::command::{Applied, Command, LogIndex, Operation, Outcome, Rejection};
use sutra_protocol::{AsOf, Namespace, PlacementKey, Timestamp};
use sutra_storage::SubmitError;
use tokio::time::{Instant, timeout_at};

use crate::questions::Dimension;
use crate::reach::KnownShard;
use crate::route::{Kind, Repeat, RouteError, Router};
use crate::there::{There, Wish};

/// How long to wait before something is tried again that somebody else is deciding about: at first, and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(320)];
/// About how many bytes of operations go to a shard at once: their effects have to fit into what is delivered.
const PART_BYTES: usize = 4 << 20;
/// About how many bytes a command with a request key may have: it is forwarded whole.
const FORWARDED_BYTES: usize = 12 << 20;

/// What one operation came to, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// What it did, or why it changed nothing.
    pub outcome: Result<Outcome, Rejection>,
    /// The shard that did it.
    pub shard: u64,
    /// The entry of its log.
    pub index: LogIndex,
    /// Its record time.
    pub recorded_at: Timestamp,
}

/// What a command came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Performed {
    /// One for each operation, in order. An operation has failed alone where others of the same command are stored.
    pub done: Vec<Result<Done, RouteError>>,
    /// Entries after which all of it is seen.
    pub seen: Vec<(u64, LogIndex)>,
}

impl Performed {
    /// What one shard made of it.
    pub(crate) fn of(shard: u64, applied: Applied) -> Self {
        let Applied { index, recorded_at, outcomes, .. } = applied;
        let done = outcomes.into_iter().map(|outcome| Ok(Done { outcome, shard, index, recorded_at })).collect();
        Self { done, seen: vec![(shard, index)] }
    }

    /// Where it was not seen in time that all shards have taken their part: what has come so far is committed, whatever is in the way of the
    /// rest; what another shard decides about may be refused; and of what was refused nothing is on its way.
    pub(crate) fn unfollowed(mut self) -> Self {
        for done in &mut self.done {
            let error = match done {
                Ok(Done { outcome: Ok(Outcome::Forwarded(_)), .. }) => RouteError::Late,
                Ok(Done { outcome: Ok(_), .. }) => RouteError::Pending,
                _ => continue,
            };
            *done = Err(error);
        }
        self
    }

    /// The first error, where it is true of the whole: nothing was done at all, or what became of all is the same.
    ///
    /// # Errors
    /// That.
    pub fn or_failed(self) -> Result<Self, RouteError> {
        let Some(Err(first)) = self.done.first() else { return Ok(self) };
        let is_alike = |error: &RouteError| error == first || !(error.may_be_stored() || first.may_be_stored());
        if self.done.iter().all(|done| done.as_ref().is_err_and(is_alike)) {
            return Err(first.clone());
        }
        Ok(self)
    }
}

impl Router {
    /// Submits a command to whoever decides about it. Ends when it is acknowledged, every shard has taken its effects, and every view
    /// taken here sees them.
    ///
    /// # Errors
    /// A [`RouteError`]: nothing of it is stored, but for [`RouteError::Late`], [`RouteError::Pending`] and [`SubmitError::Unknown`].
    pub async fn perform(&self, command: Command, repeat: Repeat, until: Instant) -> Result<Performed, RouteError> {
        match self.kind() {
            Kind::Alone(store) => {
                let submitted = timeout_at(until, store.submit(command)).await;
                let applied = submitted.map_err(|_| RouteError::Late)?.map_err(RouteError::Submit)?;
                Ok(Performed::of(sutra_storage::SHARD, applied))
            }
            Kind::Grid(grid) => match &grid.reach().shards()[..] {
                [only] => self.part(only, command, repeat, until).await,
                _ => self.spread(command, repeat, until).await.or_failed(),
            },
        }
    }

    /// The same over several shards.
    async fn spread(&self, command: Command, repeat: Repeat, until: Instant) -> Performed {
        let count = command.operations.len();
        let result = match command.request {
            Some(_) => self.forward(command, repeat, until).await,
            None => Ok(self.split(command, repeat, until).await),
        };
        result.unwrap_or_else(|error| Performed { done: vec![Err(error); count], seen: Vec::new() })
    }

    /// A command with a request key: to the shard that remembers it, and from there to those that do it.
    async fn forward(&self, command: Command, repeat: Repeat, until: Instant) -> Result<Performed, RouteError> {
        let Command { namespace, asserted_by, request, operations, foreign } = command;
        let Some(request) = request else { return Ok(Performed::default()) };
        let bytes = operations.iter().map(Operation::weight).sum::<usize>();
        if bytes > FORWARDED_BYTES {
            return Err(RouteError::Submit(SubmitError::TooLarge { bytes, bound: FORWARDED_BYTES }));
        }
        // What is remembered is done once, so that nothing may be missing when it is.
        if let Some(dimension) = operations.iter().find_map(dimension_of)
            && !self.has_dimension(&namespace, until).await
        {
            self.fix_dimension(&namespace, &asserted_by, dimension, until).await;
        }
        let place = PlacementKey::of_request(&namespace, &request.key);
        let operations = operations.into_iter().map(|operation| Operation::Forward(Box::new(operation))).collect();
        let shard = self.at(place).ok_or(RouteError::NoLeader { shard: 0 })?;
        self.part(&shard, Command { namespace, asserted_by, request: Some(request), operations, foreign }, repeat, until).await
    }

    /// One without: each operation to the shard that does it.
    async fn split(&self, command: Command, repeat: Repeat, until: Instant) -> Performed {
        let Command { namespace, asserted_by, operations, foreign, .. } = command;
        let mut performed = Performed { done: vec![Err(RouteError::Late); operations.len()], seen: Vec::new() };
        let mut left: Vec<usize> = (0..operations.len()).collect();
        let mut pause = PAUSES[0];
        loop {
            let mut shards: BTreeMap<PlacementKey, (KnownShard, Vec<usize>)> = BTreeMap::new();
            for at in left {
                let place = operations[at].place(&namespace).unwrap_or_else(|| PlacementKey::of_namespace(&namespace));
                if let Some(shard) = self.at(place) {
                    shards.entry(shard.range().start).or_insert((shard, Vec::new())).1.push(at);
                }
            }
            let ran = shards.into_values().map(|(shard, places)| {
                let (namespace, asserted_by, foreign, operations) = (&namespace, &asserted_by, &foreign, &operations);
                async move {
                    let mut ran = Vec::new();
                    // Operations of one shard stay in their order.
                    for places in parts(operations, places) {
                        let operations = places.iter().map(|at| operations[*at].clone()).collect();
                        let (namespace, asserted_by, foreign) = (namespace.clone(), asserted_by.clone(), foreign.clone());
                        let command = Command { namespace, asserted_by, request: None, operations, foreign };
                        let part = self.part(&shard, command, repeat, until).await;
                        ran.push((places, part));
                    }
                    ran
                }
            });
            let mut again = Vec::new();
            for (places, part) in join_all(ran).await.into_iter().flatten() {
                match part {
                    Ok(part) => {
                        performed.seen.extend(part.seen);
                        for (at, done) in places.into_iter().zip(part.done) {
                            if done.as_ref().is_ok_and(|done| done.outcome.as_ref().is_err_and(Rejection::is_undecided)) {
                                again.push(at);
                            }
                            performed.done[at] = done;
                        }
                    }
                    Err(error) => places.into_iter().for_each(|at| performed.done[at] = Err(error.clone())),
                }
            }
            if again.is_empty() || Instant::now() + pause >= until {
                return performed;
            }
            again.sort_unstable();
            if let Some(dimension) = again.iter().find_map(|at| dimension_of(&operations[*at])) {
                self.fix_dimension(&namespace, &asserted_by, dimension, until).await;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES[1]);
            left = again;
        }
    }

    /// Has every shard keep vectors of one dimension.
    async fn fix_dimension(&self, namespace: &Namespace, asserted_by: &std::sync::Arc<str>, dimension: u32, until: Instant) {
        let Some(shard) = self.at(PlacementKey::of_namespace(namespace)) else { return };
        let (operations, asserted_by) = (vec![Operation::FixDimension(dimension)], asserted_by.clone());
        let command = Command { namespace: namespace.clone(), asserted_by, request: None, operations, foreign: Vec::new() };
        // Whoever needs it sees what came of it.
        if let Err(error) = self.part(&shard, command, Repeat::Safe, until).await {
            tracing::debug!(%error, "the dimension of a namespace was not fixed yet");
        }
    }

    fn at(&self, place: PlacementKey) -> Option<KnownShard> {
        self.grid()?.reach().at(place)
    }

    /// Whether it is fixed which dimension the vectors of a namespace have.
    async fn has_dimension(&self, namespace: &Namespace, until: Instant) -> bool {
        let Some(grid) = self.grid() else { return true };
        let Some(shard) = self.at(PlacementKey::of_namespace(namespace)) else { return true };
        let as_of = AsOf { valid_at: None, known_at: None };
        match shard.readable() {
            Some(here) => here.store().view(namespace, as_of).is_ok_and(|view| view.dimension().is_some()),
            None => {
                let (namespace, until) = (namespace.clone(), Some(until));
                let wish = Wish { namespace, as_of, seen: shard.seen(), strong: false, until };
                There::new(grid.reach().clone(), shard, wish).ask(&Dimension {}).await.flatten().is_some()
            }
        }
    }

    /// Submits a command to one shard, and follows its effects.
    async fn part(&self, shard: &KnownShard, command: Command, repeat: Repeat, until: Instant) -> Result<Performed, RouteError> {
        let Kind::Grid(grid) = self.kind() else { return Err(RouteError::Late) };
        let applied = grid.to_leader().submit(shard, &command, repeat, until).await?;
        self.followed(shard, &command.namespace, applied, until).await
    }
}

/// Some operations of one shard in their order, in parts of about [`PART_BYTES`].
fn parts(operations: &[Operation], places: Vec<usize>) -> Vec<Vec<usize>> {
    let mut parts: Vec<Vec<usize>> = Vec::new();
    let mut bytes = 0;
    for at in places {
        let weight = operations[at].weight();
        match parts.last_mut().filter(|_| bytes + weight <= PART_BYTES) {
            Some(part) => part.push(at),
            None => {
                bytes = 0;
                parts.push(vec![at]);
            }
        }
        bytes += weight;
    }
    parts
}

/// Of the vector that it teaches.
fn dimension_of(operation: &Operation) -> Option<u32> {
    match operation {
        Operation::Learn(learn) => learn.concept.vector.as_ref().map(|vector| vector.len() as u32),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(errors: &[RouteError]) -> Result<Performed, RouteError> {
        let done = errors.iter().map(|error| Err(error.clone())).collect();
        Performed { done, seen: Vec::new() }.or_failed()
    }

    #[test]
    fn nobody_is_told_of_the_whole_what_is_true_of_a_part() {
        let (first, second) = (RouteError::NoLeader { shard: 1 }, RouteError::NoLeader { shard: 2 });
        let unknown = RouteError::Submit(SubmitError::Unknown);
        assert_eq!(failed(&[first.clone(), second.clone()]), Err(first.clone()), "nothing is stored");
        for stored in [RouteError::Pending, RouteError::Late, unknown] {
            assert_eq!(failed(&[stored.clone(), stored.clone()]), Err(stored.clone()));
            for parts in [[first.clone(), stored.clone()], [stored, second.clone()]] {
                let told = failed(&parts).unwrap().done;
                assert_eq!(told, parts.map(Err), "one may be stored, and the other is not");
            }
        }
    }
}
