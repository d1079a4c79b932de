//! The state machine: what a command does to the rows.
//!
//! Deterministic: everything that varies (time, ids, vectors) is in the command. An operation checks all that can be wrong before
//! it changes anything, so that a rejected one leaves no trace.
//!
//! | module | responsibility |
//! |---|---|
//! | `change` | an operation on one namespace |
//! | `abroad` | what an operation needs to know of concepts of other shards, and what it tells those |
//! | `take` | what operations of other shards change here |

mod abroad;
mod change;
mod take;

use std::sync::Arc;

use sutra_protocol::command::{Applied, Command, LogIndex, Operation, Outcome, Rejection};
use sutra_protocol::effects::{Audience, Effect};
use sutra_protocol::http::NamespaceSettings;
use sutra_protocol::{Namespace, PlacementKey, Timestamp};

use self::abroad::Abroad;
use self::change::Change;
use super::State;
use super::graph::Graph;
use super::outbox::Dropped;
use crate::manifest::Scrub;

impl State {
    /// Applies one command of the entry at `index`.
    pub(crate) fn apply(&mut self, index: LogIndex, recorded_at: Timestamp, command: &Command) -> Applied {
        self.clock = self.clock.max(recorded_at);
        let number = self.outbox.number();
        if let Some(request) = &command.request
            && let Some(session) = self.sessions.get(&command.namespace, &request.key, self.clock)
        {
            if session.digest == request.digest {
                return Applied { repeated: true, ..session.applied.clone() };
            }
            let outcomes = command.operations.iter().map(|_| Err(Rejection::KeyReused)).collect();
            return Applied { index, recorded_at, repeated: false, outcomes, sent: None };
        }
        let mut abroad = Abroad::new(self.range, command, number);
        let at = Moment { index, recorded_at };
        let outcomes = command.operations.iter().map(|operation| self.operate(at, command, operation, &mut abroad)).collect();
        let sent = self.post(abroad, recorded_at);
        let applied = Applied { index, recorded_at, repeated: false, outcomes, sent };
        if let Some(request) = &command.request {
            self.sessions.remember(&command.namespace, request, &applied);
        }
        applied
    }

    /// Keeps the effects of what was applied, if it has any; answers their number.
    fn post(&mut self, abroad: Abroad<'_>, recorded_at: Timestamp) -> Option<u64> {
        let era = self.era(abroad.namespace());
        let effects = abroad.finish(recorded_at, era)?;
        let number = effects.number;
        self.outbox.post(effects);
        Some(number)
    }

    fn operate(
        &mut self,
        at: Moment,
        command: &Command,
        operation: &Operation,
        abroad: &mut Abroad<'_>,
    ) -> Result<Outcome, Rejection> {
        let namespace = &command.namespace;
        if !self.range.is_whole() && operation.place(namespace).is_some_and(|place| !self.range.holds(place)) {
            return Err(Rejection::NotHere);
        }
        match operation {
            Operation::SetNamespace(settings) => self.set_namespace(at, namespace, settings, abroad),
            Operation::DropNamespace => self.drop_namespace(at, namespace, abroad),
            Operation::FixDimension(dimension) => self.fix_dimension(at, namespace, *dimension, abroad),
            Operation::Refuse(error) => Err(Rejection::Refused(error.clone())),
            Operation::Learn(learn) => self.learn(at, command, learn, abroad),
            Operation::Associate(association) => self.change(at, command, abroad, |change| change.associate(association)),
            Operation::Dissociate(key) => self.change(at, command, abroad, |change| Ok(change.dissociate(key))),
            Operation::Amend(amend) => self.change(at, command, abroad, |change| change.amend(amend)),
            Operation::Retract(id) => self.change(at, command, abroad, |change| change.retract(*id)),
            Operation::Erase(id) => {
                let erased = self.change(at, command, abroad, |change| change.erase(*id));
                // Whether anything is left of it may depend on what a replica has forgotten; what is remembered may not.
                self.sessions.forget_quoting(namespace, *id);
                if erased.is_ok() {
                    self.scrub(at, namespace, *id);
                }
                erased
            }
            Operation::Forward(operation) => match operation.place(namespace).filter(|place| !self.range.holds(*place)) {
                Some(place) => {
                    abroad.ask(Audience::At(vec![place]), Effect::Do(operation.clone()));
                    Ok(Outcome::Forwarded(place))
                }
                None => self.operate(at, command, operation, abroad),
            },
            Operation::Take(delivery) => {
                // Its effects are its own: who waits for them waits for no others.
                let mut own = Abroad::new(self.range, command, self.outbox.number());
                let taken = self.take(at, command, delivery, &mut own);
                self.post(own, at.recorded_at);
                taken
            }
            Operation::Delivered(number) => {
                self.outbox.delivered(*number);
                Ok(Outcome::Noted)
            }
        }
    }

    /// Changes a namespace, which is made if it is not there.
    fn change<T>(
        &mut self,
        at: Moment,
        command: &Command,
        abroad: &mut Abroad<'_>,
        operation: impl FnOnce(&mut Change<'_, '_>) -> T,
    ) -> T {
        let namespace = &command.namespace;
        let created = !self.namespaces.contains_key(namespace);
        let graph = Arc::make_mut(self.graph(at, namespace));
        let before = graph.counts.concepts;
        let mut change = Change::new(graph, namespace, at.recorded_at, &command.asserted_by, abroad);
        let outcome = operation(&mut change);
        change.tell();
        if before == 0 && graph.counts.concepts > 0 {
            abroad.tell_place(PlacementKey::of_namespace(namespace), Effect::Inhabit);
        }
        // Only teaching makes a namespace: a first write that taught nothing must not leave an empty one behind.
        if created && graph.delta.is_empty() {
            self.namespaces.remove(namespace);
        }
        outcome
    }

    /// Remembers to remove from the disk what was just erased.
    fn scrub(&mut self, at: Moment, namespace: &Namespace, id: sutra_protocol::ConceptId) {
        self.scrubs.push_back(Scrub { namespace: namespace.clone(), id, index: at.index });
    }

    fn set_namespace(
        &mut self,
        at: Moment,
        namespace: &Namespace,
        settings: &NamespaceSettings,
        abroad: &mut Abroad<'_>,
    ) -> Result<Outcome, Rejection> {
        let created = !self.namespaces.contains_key(namespace);
        let has_vectors = self.namespaces.get(namespace).is_some_and(|graph| graph.shape.is_some());
        let settings = settings.replacing(&self.settings(namespace), has_vectors)?;
        abroad.tell(Audience::All, Effect::Settings(Box::new(settings.clone())));
        self.set(at, namespace, settings);
        Ok(Outcome::NamespaceSet { created })
    }

    /// A namespace, which is made if it is not there.
    fn graph(&mut self, at: Moment, namespace: &Namespace) -> &mut Arc<Graph> {
        let base = self.dropped.get(namespace).map_or(0, |dropped| dropped.upto);
        let new = || Arc::new(Graph { base, ..Graph::new(at.index) });
        self.namespaces.entry(namespace.clone()).or_insert_with(new)
    }

    /// Which of the namespaces of a name there is.
    fn era(&self, namespace: &Namespace) -> Timestamp {
        self.dropped.get(namespace).map_or(Timestamp::default(), |dropped| dropped.era)
    }

    fn settings(&self, namespace: &Namespace) -> NamespaceSettings {
        self.namespaces.get(namespace).map(|graph| graph.settings.clone()).unwrap_or_default()
    }

    /// Gives a namespace, which is made if it is not there, its settings.
    fn set(&mut self, at: Moment, namespace: &Namespace, settings: NamespaceSettings) {
        let changed = Arc::make_mut(self.graph(at, namespace));
        changed.forgotten_to = changed.forgotten_before(at.recorded_at);
        changed.settings = settings;
    }

    fn drop_namespace(&mut self, at: Moment, namespace: &Namespace, abroad: &mut Abroad<'_>) -> Result<Outcome, Rejection> {
        if !self.namespaces.contains_key(namespace) {
            return Err(Rejection::NoNamespace { namespace: namespace.clone() });
        }
        abroad.ask(Audience::All, Effect::Drop);
        Ok(Outcome::NamespaceDropped { concepts: self.remove(at, at.recorded_at, namespace, abroad) })
    }

    /// Removes a namespace, whose next era has begun; answers how many living concepts it held here.
    fn remove(&mut self, at: Moment, era: Timestamp, namespace: &Namespace, abroad: &mut Abroad<'_>) -> u64 {
        let upto = u64::try_from(at.recorded_at.as_micros()).unwrap_or(0);
        if !self.range.is_whole() {
            self.dropped.insert(namespace.clone(), Dropped { era, upto });
        }
        let Some(graph) = self.namespaces.remove(namespace) else { return 0 };
        self.sessions.drop_namespace(namespace);
        self.reserved = std::mem::take(&mut self.reserved).into_iter().filter(|((of, _), _)| of != namespace).collect();
        self.giving_way = std::mem::take(&mut self.giving_way).into_iter().filter(|((of, _), _)| of != namespace).collect();
        // What others know of here may last longer than what is here; what is taught from now on is something else.
        abroad.tell(Audience::All, Effect::Vanish { range: self.range, upto });
        graph.counts.concepts
    }

    fn fix_dimension(
        &mut self,
        at: Moment,
        namespace: &Namespace,
        dimension: u32,
        abroad: &mut Abroad<'_>,
    ) -> Result<Outcome, Rejection> {
        let stored = self.namespaces.get(namespace).and_then(|graph| graph.shape);
        match stored {
            Some(shape) if shape.dimension() != dimension => {
                Err(Rejection::Dimension { expected: shape.dimension(), found: dimension })
            }
            Some(_) => Ok(Outcome::DimensionFixed),
            None => {
                let settings = Arc::make_mut(self.graph(at, namespace)).fix_dimension(dimension);
                abroad.tell(Audience::All, Effect::Settings(Box::new(settings)));
                abroad.tell(Audience::All, Effect::Dimension(dimension));
                Ok(Outcome::DimensionFixed)
            }
        }
    }
}

/// Where in the log, and when.
#[derive(Clone, Copy)]
struct Moment {
    index: LogIndex,
    recorded_at: Timestamp,
}
