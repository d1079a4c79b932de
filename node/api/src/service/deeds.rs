//! Writes that name concepts: looked up, submitted as one command, looked up again where a concept vanished in between.
//!
//! A batch is one command per namespace, in the order in which the batch first names them. Each item stands or falls on its own.
//! With an `Idempotency-Key`, an item that is refused before the store sees it takes its place in the command as
//! [`Operation::Refuse`]: outcomes and items then match one to one, and a repetition is answered from the remembered outcomes
//! alone, whatever was taught or retracted in between.

use std::sync::Arc;

use sutra_learning::{Overlay, Planner};
use sutra_protocol::command::{Applied, Operation, RequestKey};
use sutra_protocol::{ApiError, Namespace, limits};

use super::deed::Deed;
use super::fault;
use super::submit::{self, Done};
use super::{Caller, SHARD, Service, Token};

/// How often names are looked up before a vanished concept is reported.
const ATTEMPTS: u32 = 4;
/// Looking up more names than this at once would hold up the other requests of a runtime thread.
const NAMES_INLINE: usize = 2_000;

/// A write, or why it was refused.
type Item = Result<Deed, ApiError>;

/// The operations of one attempt, each with the item that it is for.
type Planned = Vec<(usize, Result<Operation, ApiError>)>;

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
                    token = token.merge(&Token::at(SHARD, done.index));
                }
                results[at] = Some((namespace.clone(), result));
            }
        }
        Ok((results.into_iter().flatten().collect(), token))
    }

    /// Does `items` in one namespace. `alone`: there is one, whose refusal is the whole request's.
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
        for attempt in 0..ATTEMPTS {
            let request = caller.request.as_ref().map(|request| of_attempt(request, attempt));
            let (places, applied) = match self.remembered(namespace, request.as_ref())? {
                Some(applied) => (pending, applied),
                None => {
                    let mut places = Vec::new();
                    let mut operations = Vec::new();
                    for (at, planned) in self.plan(namespace, &items, pending).await? {
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
                    if operations.is_empty() {
                        break;
                    }
                    match self.submit(caller, submit::command(caller, namespace, request, operations)).await {
                        Ok(applied) => (places, applied),
                        Err(error) if attempt == 0 => return Err(error),
                        Err(error) => {
                            places.into_iter().for_each(|at| results[at] = Some(Err(error.clone())));
                            break;
                        }
                    }
                }
            };
            pending = Vec::new();
            let Applied { index, recorded_at, outcomes, .. } = applied;
            for (at, outcome) in places.into_iter().zip(outcomes) {
                results[at] = match (outcome, &items[at]) {
                    (Ok(outcome), _) => Some(Ok(Done { outcome, index, recorded_at })),
                    (Err(rejection), Ok(deed)) if attempt + 1 < ATTEMPTS && deed.may_retry(&rejection) => {
                        pending.push(at);
                        None
                    }
                    (Err(rejection), _) => Some(Err(fault::rejection(&rejection))),
                };
            }
            if pending.is_empty() {
                break;
            }
        }
        let missing = || Err(fault::internal("a write has no outcome"));
        Ok(results.into_iter().map(|result| result.unwrap_or_else(missing)).collect())
    }

    async fn plan(&self, namespace: &Namespace, items: &Arc<Vec<Item>>, pending: Vec<usize>) -> Result<Planned, ApiError> {
        let names: usize = pending.iter().map(|at| items[*at].as_ref().map_or(0, Deed::names)).sum();
        if names <= NAMES_INLINE {
            return self.plan_now(namespace, items, pending);
        }
        let (service, namespace, items) = (self.clone(), namespace.clone(), Arc::clone(items));
        let planned = tokio::task::spawn_blocking(move || service.plan_now(&namespace, &items, pending)).await;
        planned.unwrap_or_else(|error| {
            tracing::error!(%error, "planning a write panicked");
            Err(fault::internal("the write could not be prepared"))
        })
    }

    fn plan_now(&self, namespace: &Namespace, items: &[Item], pending: Vec<usize>) -> Result<Planned, ApiError> {
        self.recorded(namespace, None)?.read(|view| {
            let mut overlay = Overlay::default();
            let mut plan = |at: usize| {
                let deed = items[at].as_ref().map_err(ApiError::clone)?;
                let planned = deed.plan(&mut Planner::new(namespace, view, &mut overlay));
                planned.map_err(|refusal| fault::refusal(&refusal, view, &overlay))
            };
            Ok(pending.into_iter().map(|at| (at, plan(at))).collect())
        })
    }
}

/// Each attempt is a request of its own to the store: repeated, the whole takes the same course as the first time.
fn of_attempt(request: &RequestKey, attempt: u32) -> RequestKey {
    match attempt {
        0 => request.clone(),
        // No header and no field can hold this character, so no caller's key is another's attempt.
        _ => RequestKey { key: format!("{}\u{0}{attempt}", request.key), digest: request.digest },
    }
}
