//! Writes that name concepts: looked up, submitted as one command, looked up again where a concept vanished in between.
//!
//! A batch is one command per namespace, in the order in which the batch first names them. Each item stands or falls on its own.
//! With an `Idempotency-Key`, an item that is refused before the store sees it takes its place in the command as
//! [`Operation::Refuse`]: outcomes and items then match one to one, and a repetition is answered from the remembered outcomes
//! alone, whatever was taught or retracted in between.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sutra_grid::{Reading, View};
use sutra_learning::{Overlay, Planner};
use sutra_protocol::command::{Learn, NewConcept, Operation, RequestKey};
use sutra_protocol::{ApiError, ConceptId, Knowledge, Namespace, Wanted, limits};
use tokio::time::Instant;

use super::deed::Deed;
use super::fault;
use super::submit::{self, Done, NotDone};
use super::{Caller, Service, Token};

/// How often names are looked up before a vanished concept is reported.
const ATTEMPTS: u32 = 4;
/// Looking up more names than this at once would hold up the other requests of a runtime thread.
const NAMES_INLINE: usize = 2_000;

/// How long to wait before something is tried again that somebody else is deciding about: at first, and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(320)];

/// A write, or why it was refused.
type Item = Result<Deed, ApiError>;

/// The operations of one wave, each with the item that it is for.
type Planned = Vec<(usize, Result<Operation, ApiError>)>;

/// A wave, and the items that wait for it.
type Wave = (Planned, Vec<usize>);

impl Service {
    /// Does one thing.
    pub(super) async fn do_one(&self, caller: &Caller, deed: Deed) -> Result<(Done, Namespace), ApiError> {
        deed.validate()?;
        let namespace = deed.namespace().cloned().unwrap_or_default();
        submit::writable(&namespace)?;
        self.ready_to_write(caller).await?;
        let mut results = self.do_in(caller, &namespace, vec![Ok(deed)], true).await?;
        match results.pop() {
            Some(result) => result.map(|done| (done, namespace)),
            None => Err(fault::internal("a write has no outcome")),
        }
    }

    /// Does all of `deeds`; `namespace` is that of items that name none. Answers in their order, with the token of them all.
    pub(super) async fn do_all(
        &self,
        caller: &Caller,
        namespace: Option<&Namespace>,
        deeds: Vec<Deed>,
    ) -> Result<(Vec<(Namespace, Result<Done, ApiError>)>, Token), ApiError> {
        limits::at_most("items", deeds.len(), limits::BATCH_ITEMS, "entries")?;
        self.ready_to_write(caller).await?;
        let mut groups: Vec<(Namespace, Vec<usize>, Vec<Item>)> = Vec::new();
        let mut results: Vec<Option<(Namespace, Result<Done, ApiError>)>> = (0..deeds.len()).map(|_| None).collect();
        for (at, deed) in deeds.into_iter().enumerate() {
            let namespace = deed.namespace().or(namespace).cloned().unwrap_or_default();
            if let Err(error) = submit::writable(&namespace) {
                // It takes no place in a command: that would be a write to this namespace.
                results[at] = Some((namespace, Err(error)));
                continue;
            }
            let item = deed.validate().map(|()| deed).map_err(ApiError::from);
            match groups.iter_mut().find(|(of, ..)| *of == namespace) {
                Some((_, places, items)) => {
                    places.push(at);
                    items.push(item);
                }
                None => groups.push((namespace, vec![at], vec![item])),
            }
        }
        let mut token = caller.token.clone().unwrap_or_default().merge(&self.seen());
        for (group, (namespace, places, items)) in groups.into_iter().enumerate() {
            let done = match self.do_in(caller, &namespace, items, false).await {
                Ok(done) => done,
                // What the namespaces before it took is stored, so the request as a whole can't fail any more.
                Err(error) if group > 0 => places.iter().map(|_| Err(error.clone())).collect(),
                Err(error) => return Err(error),
            };
            for (at, result) in places.into_iter().zip(done) {
                if let Ok(done) = &result {
                    token = token.merge(&Token::of(done.seen.iter().copied()));
                }
                results[at] = Some((namespace.clone(), result));
            }
        }
        Ok((results.into_iter().flatten().collect(), token))
    }

    /// Does `items` in one namespace. `alone`: there is one, whose refusal is the whole request's.
    ///
    /// Where there are several shards it goes in waves: an item that names what an earlier one teaches waits until that is so.
    async fn do_in(
        &self,
        caller: &Caller,
        namespace: &Namespace,
        items: Vec<Item>,
        alone: bool,
    ) -> Result<Vec<Result<Done, ApiError>>, ApiError> {
        let items = Arc::new(items);
        let mut results: Vec<Option<Result<Done, ApiError>>> = items.iter().map(|_| None).collect();
        let mut pending: Vec<usize> = (0..items.len()).collect();
        // How often each was looked up in vain.
        let mut setbacks: Vec<u32> = vec![0; items.len()];
        let mut pause = PAUSES[0];
        for wave in 0.. {
            let request = caller.request.as_ref().map(|request| of_wave(request, wave));
            let remembered = match self.remembered(caller, namespace, request.as_ref()).await {
                Ok(remembered) => remembered,
                Err(error) if wave == 0 => return Err(error),
                // What the waves before it did is stored.
                Err(error) => {
                    pending.drain(..).for_each(|at| results[at] = Some(Err(error.clone())));
                    break;
                }
            };
            let (places, outcomes) = match remembered {
                Some(outcomes) => {
                    let later = pending.split_off(outcomes.len().min(pending.len()));
                    (std::mem::replace(&mut pending, later), outcomes)
                }
                None => {
                    let (planned, later) = match self.plan(caller, namespace, &items, pending.clone()).await {
                        Ok(wave) => wave,
                        Err(error) if wave == 0 => return Err(error),
                        Err(error) => {
                            pending.drain(..).for_each(|at| results[at] = Some(Err(error.clone())));
                            break;
                        }
                    };
                    pending = later;
                    let mut places = Vec::new();
                    let mut operations = Vec::new();
                    for (at, planned) in planned {
                        match planned {
                            Ok(operation) => {
                                places.push(at);
                                operations.push(operation);
                            }
                            Err(error) if alone => return Err(error),
                            Err(error) if request.is_some() => {
                                places.push(at);
                                operations.push(Operation::Refuse(Box::new(error)));
                            }
                            Err(error) => results[at] = Some(Err(error)),
                        }
                    }
                    if operations.is_empty() && pending.is_empty() {
                        break;
                    }
                    if operations.is_empty() {
                        continue;
                    }
                    let submitted = match self.teach_named(caller, namespace, &mut operations).await {
                        Ok(()) => self.submit(caller, submit::command(caller, namespace, request, operations)).await,
                        Err(error) => Err(error),
                    };
                    match submitted {
                        Ok(outcomes) => (places, outcomes),
                        Err(error) if wave == 0 => return Err(error),
                        Err(error) => {
                            let lost = places.into_iter().chain(std::mem::take(&mut pending));
                            lost.for_each(|at| results[at] = Some(Err(error.clone())));
                            break;
                        }
                    }
                }
            };
            let mut again = Vec::new();
            let mut undecided = None;
            for (at, outcome) in places.into_iter().zip(outcomes) {
                results[at] = match (outcome, &items[at]) {
                    (Ok(done), _) => Some(Ok(done)),
                    // Whoever is deciding does so soon.
                    (Err(NotDone::Rejected(rejection)), Ok(_)) if rejection.is_undecided() => {
                        undecided = Some(fault::rejection(&rejection));
                        again.push(at);
                        None
                    }
                    (Err(NotDone::Rejected(rejection)), Ok(deed))
                        if setbacks[at] + 1 < ATTEMPTS && deed.may_retry(&rejection) =>
                    {
                        setbacks[at] += 1;
                        again.push(at);
                        None
                    }
                    (Err(not_done), _) => Some(Err(not_done.into())),
                };
            }
            again.append(&mut pending);
            pending = again;
            if pending.is_empty() {
                break;
            }
            if let Some(error) = undecided {
                if Instant::now() + pause >= caller.deadline {
                    // All of what is left: a wave without some of it would be another than the one that is remembered.
                    pending.into_iter().for_each(|at| results[at] = Some(Err(error.clone())));
                    break;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSES[1]);
            }
        }
        let missing = || Err(fault::internal("a write has no outcome"));
        Ok(results.into_iter().map(|result| result.unwrap_or_else(missing)).collect())
    }

    /// Where there are several shards, teaches the concepts with a key that operations need, each for itself: only the key's shard can say
    /// whether they may have it. Taught again they change nothing.
    async fn teach_named(&self, caller: &Caller, namespace: &Namespace, operations: &mut [Operation]) -> Result<(), ApiError> {
        if self.router.shard_count() == 1 {
            return Ok(());
        }
        let mut named = Vec::new();
        for operation in operations.iter_mut() {
            if let Operation::Learn(learn) = operation {
                let (keyed, others) = std::mem::take(&mut learn.targets).into_iter().partition(|target| target.key.is_some());
                learn.targets = others;
                let keyed: Vec<NewConcept> = keyed;
                named.extend(keyed.into_iter().map(|concept| {
                    let (targets, associations) = (Vec::new(), Vec::new());
                    Operation::Learn(Box::new(Learn { concept, on_conflict: None, targets, associations }))
                }));
            }
        }
        if !named.is_empty() {
            for outcome in self.submit(caller, submit::command(caller, namespace, None, named)).await? {
                outcome.map_err(ApiError::from)?;
            }
        }
        Ok(())
    }

    async fn plan(
        &self,
        caller: &Caller,
        namespace: &Namespace,
        items: &Arc<Vec<Item>>,
        pending: Vec<usize>,
    ) -> Result<Wave, ApiError> {
        let names: usize = pending.iter().map(|at| items[*at].as_ref().map_or(0, Deed::names)).sum();
        if names <= NAMES_INLINE {
            return self.plan_now(caller.planning(), namespace, items, pending);
        }
        let (service, namespace, items) = (self.clone(), namespace.clone(), Arc::clone(items));
        let reading = caller.planning();
        let planned = tokio::task::spawn_blocking(move || service.plan_now(reading, &namespace, &items, pending)).await;
        planned.unwrap_or_else(|error| {
            tracing::error!(%error, "planning a write panicked");
            Err(fault::internal("the write could not be prepared"))
        })
    }

    fn plan_now(&self, reading: Reading, namespace: &Namespace, items: &[Item], pending: Vec<usize>) -> Result<Wave, ApiError> {
        let in_waves = self.router.shard_count() > 1;
        self.recorded(namespace, None, reading)?.read(|view| {
            if view.is_elsewhere() {
                let mut wanted = Wanted::default();
                pending.iter().filter_map(|at| items[*at].as_ref().ok()).for_each(|deed| deed.names_in(namespace, &mut wanted));
                view.prepare(&wanted);
            }
            let mut overlay = Overlay::default();
            let mut planned: Planned = Vec::with_capacity(pending.len());
            // What the shards of keys say about them is not known before it is done.
            let mut keyed = BTreeSet::new();
            for (place, at) in pending.iter().copied().enumerate() {
                let operation = items[at].as_ref().map_err(ApiError::clone).and_then(|deed| {
                    let planned = deed.plan(&mut Planner::new(namespace, view, &mut overlay));
                    planned.map_err(|refusal| fault::refusal(&refusal, view, &overlay))
                });
                if let Ok(operation) = &operation
                    && in_waves
                {
                    if place > 0 && waits(operation, view, &keyed) {
                        return Ok((planned, pending[place..].to_vec()));
                    }
                    if let Operation::Learn(learn) = operation
                        && let Some(key) = &learn.concept.key
                    {
                        keyed.extend(view.keyed(key).into_iter().chain([learn.concept.id]));
                    }
                }
                planned.push((at, operation));
            }
            Ok((planned, Vec::new()))
        })
    }
}

/// Whether an operation mentions what is not there yet, and is not made by itself; or what an earlier one of its wave, that goes by
/// way of a key, may change.
fn waits(operation: &Operation, view: &View, keyed: &BTreeSet<ConceptId>) -> bool {
    let own: Vec<ConceptId> = match operation {
        Operation::Learn(learn) => {
            std::iter::once(learn.concept.id).chain(learn.targets.iter().map(|target| target.id)).collect()
        }
        Operation::Dissociate(key) => return keyed.contains(&key.source) || keyed.contains(&key.target),
        _ => Vec::new(),
    };
    let is_early = |id: &ConceptId| keyed.contains(id) || view.concept(*id).is_none();
    operation.mentions().iter().any(|id| !own.contains(id) && is_early(id))
}

/// Each wave is a request of its own to the store: repeated, the whole takes the same course as the first time.
fn of_wave(request: &RequestKey, wave: u32) -> RequestKey {
    match wave {
        0 => request.clone(),
        // No header and no field can hold this character, so no caller's key is another's wave.
        _ => RequestKey { key: format!("{}\u{0}{wave}", request.key), digest: request.digest },
    }
}
