//! Keys, and what operations of other shards change here.

use std::collections::BTreeSet;
use std::sync::Arc;

use sutra_protocol::command::{Applied, Command, Learn, NewConcept, Operation, Outcome, Rejection, RequestKey};
use sutra_protocol::effects::{Audience, Delivery, Effect, Ghost, Keyed, Piece, Presumed, Taken};
use sutra_protocol::{AssociationKey, Concept, ConceptId, KeyRange, Namespace, PlacementKey, Timestamp};
use sutra_segment::EvidenceVersion;

use super::abroad::{Abroad, version_of};
use super::change::Change;
use super::{Moment, State};
use crate::memory::outbox::{GivingWay, Reservation};
use crate::memory::session_of;

impl State {
    /// Teaches a concept. Whose its key is is decided here; where another shard keeps it, the rest is that one's.
    pub(super) fn learn(
        &mut self,
        at: Moment,
        command: &Command,
        learn: &Learn,
        abroad: &mut Abroad<'_>,
    ) -> Result<Outcome, Rejection> {
        let Some(key) = &learn.concept.key else {
            return self.change(at, command, abroad, |change| change.learn(learn, learn.concept.id, None));
        };
        let reserved = (command.namespace.clone(), Arc::clone(key));
        if self.reserved.get(&reserved).is_some_and(|held| held.id != learn.concept.id) {
            return Err(Rejection::KeyBusy { key: Arc::clone(key) });
        }
        let giving_way = self.giving_way.clone();
        let gives_way = |concept: &Concept| is_giving_way(&giving_way, concept);
        let taught = self.namespaces.get(&command.namespace).and_then(|graph| graph.concept(learn.concept.id, None));
        if taught.is_some_and(|taught| gives_way(&taught)) {
            return Err(Rejection::KeyBusy { key: Arc::clone(key) });
        }
        let (subject, retire) = self.change(at, command, abroad, |change| change.place(learn, gives_way))?;
        if self.range.keeps(subject) {
            let learned = self.change(at, command, abroad, |change| change.learn(learn, subject, retire));
            if learned.is_ok() {
                self.note_giving_way(&command.namespace, retire);
            }
            return learned;
        }
        self.reserved.insert(reserved, Reservation { id: learn.concept.id, number: abroad.number() });
        let era = self.era(&command.namespace);
        let keyed = Keyed { learn: learn.clone(), subject, retire, era };
        let place = PlacementKey::of_concept(subject);
        abroad.ask(Audience::At(vec![place]), Effect::Learn(Box::new(keyed)));
        Ok(Outcome::Forwarded(place))
    }

    /// Takes what operations of another shard change here: once, and in their order.
    pub(super) fn take(
        &mut self,
        at: Moment,
        command: &Command,
        delivery: &Delivery,
        abroad: &mut Abroad<'_>,
    ) -> Result<Outcome, Rejection> {
        let Delivery { origin, number, after, recorded_at, era, ahead, effects } = delivery;
        let taken = self.taken.get(origin).copied().unwrap_or(0);
        let request = RequestKey { key: session_of(*origin, *number), digest: u128::from(*number) };
        let remembered = self.sessions.get(&command.namespace, &request.key, self.clock);
        let remembered = remembered.and_then(|session| match session.applied.outcomes.as_slice() {
            [Ok(Outcome::Taken(taken))] => Some(taken.clone()),
            _ => None,
        });
        if *number <= taken {
            return Ok(Outcome::Taken(remembered.unwrap_or_default()));
        }
        if *after > taken {
            return Err(Rejection::Gap { origin: *origin, taken, after: *after });
        }
        self.clock = self.clock.max(*recorded_at);
        if !ahead {
            self.taken.insert(*origin, *number);
        }
        // What those that came ahead did belongs to it.
        let mut took = remembered.map_or_else(Taken::default, |taken| *taken);
        for effect in effects {
            if *era < self.era(&command.namespace) && effect.is_of_its_era() {
                continue;
            }
            let told = Told { at, command, recorded_at: *recorded_at, era: *era, number: *number };
            self.take_one(&told, effect, &mut took, abroad);
        }
        let may_be_gone = self.may_have_given_way(&command.namespace, effects);
        self.forget_who_gave_way(&command.namespace, may_be_gone);
        let is_asked = effects
            .iter()
            .any(|effect| matches!(effect, Effect::Learn(_) | Effect::Do(_) | Effect::Retire { .. } | Effect::Drop));
        // Whoever mentioned a concept as it is no more is answered when that is known where it was mentioned.
        if (is_asked || abroad.corrects()) && !abroad.is_empty() {
            took.sent.push(abroad.number());
        }
        let says_something = took != Taken::default();
        took.at = (at.index, at.recorded_at);
        let taken = Outcome::Taken(Box::new(took));
        if says_something {
            let outcomes = vec![Ok(taken.clone())];
            let (index, recorded_at) = (at.index, at.recorded_at);
            let applied = Applied { index, recorded_at, repeated: false, outcomes, sent: None };
            self.sessions.remember(&command.namespace, &request, &applied);
        }
        Ok(taken)
    }

    /// Notes who loses a key, as far as it is another shard's and is not known to have lost it.
    fn note_giving_way(&mut self, namespace: &Namespace, retired: Option<(ConceptId, u64)>) {
        if let Some((id, incarnation)) = retired.filter(|(id, _)| !self.range.keeps(*id)) {
            let who = (namespace.clone(), id);
            let known = self.giving_way.get(&who).copied().unwrap_or(0);
            self.giving_way.insert(who, incarnation.max(known));
            self.forget_who_gave_way(namespace, [id]);
        }
    }

    /// Forgets those of these of which their shards have said that they live no more, or again.
    fn forget_who_gave_way(&mut self, namespace: &Namespace, ids: impl IntoIterator<Item = ConceptId>) {
        for id in ids {
            let who = (namespace.clone(), id);
            let Some(incarnation) = self.giving_way.get(&who).copied() else { continue };
            let known = self.namespaces.get(namespace).and_then(|graph| graph.concept(id, None));
            if known.is_none_or(|concept| concept.incarnation > incarnation) {
                self.giving_way.remove(&who);
            }
        }
    }

    /// Those who may have given way, of what is told.
    fn may_have_given_way(&self, namespace: &Namespace, effects: &[Effect]) -> Vec<ConceptId> {
        if self.giving_way.is_empty() {
            return Vec::new();
        }
        if effects.iter().any(|effect| matches!(effect, Effect::Vanish { .. })) {
            return self.giving_way.keys().filter(|(of, _)| of == namespace).map(|(_, id)| *id).collect();
        }
        let told = effects.iter().filter_map(|effect| match effect {
            Effect::Ghost(ghost) | Effect::Glimpse(ghost) => Some(ghost.id),
            Effect::Forget { id, .. } => Some(*id),
            _ => None,
        });
        told.collect()
    }

    fn take_one(&mut self, told: &Told<'_>, effect: &Effect, took: &mut Taken, abroad: &mut Abroad<'_>) {
        let Told { at, command, recorded_at, era, number } = *told;
        let namespace = &command.namespace;
        match effect {
            Effect::Ghost(ghost) => took.died += self.change(at, command, abroad, |change| change.take_ghost(ghost)),
            Effect::Glimpse(ghost) => took.died += self.change(at, command, abroad, |change| change.take_glimpse(ghost)),
            Effect::Forget { id, upto } => {
                took.died += self.change(at, command, abroad, |change| change.forget(*id, *upto));
                self.sessions.forget_quoting(namespace, *id);
                self.scrub(at, namespace, *id);
            }
            Effect::Ensure { concept, incarnation } => {
                let at = Moment { recorded_at, ..at };
                self.change(at, command, abroad, |change| change.take_ensure(concept, *incarnation));
            }
            Effect::Evidence { key, pieces, presumed } => {
                self.change(at, command, abroad, |change| change.take_evidence(key, pieces, presumed));
            }
            Effect::Retire { id, incarnation } => {
                self.change(at, command, abroad, |change| change.give_way(*id, *incarnation));
            }
            Effect::Learn(keyed) => {
                let Keyed { learn, subject, retire, era } = &**keyed;
                let key = learn.concept.key.as_ref();
                let outcome = if !self.range.keeps(*subject) {
                    Err(Rejection::NotHere)
                } else if self.era(namespace) > *era {
                    // Whose the key is was decided in a namespace that is gone.
                    Err(Rejection::KeyBusy { key: key.cloned().unwrap_or_default() })
                } else {
                    self.change(at, command, abroad, |change| change.learn(learn, *subject, *retire))
                };
                let gives_way = retire.filter(|_| outcome.is_ok());
                took.outcomes.push(outcome);
                if let Some(key) = key {
                    let settled = Effect::Settled { key: Arc::clone(key), number, gives_way };
                    abroad.tell_place(PlacementKey::of_key(namespace, key), settled);
                }
            }
            Effect::Settled { key, number, gives_way } => {
                // What was so in a namespace that is gone says nothing of the one that there is.
                self.note_giving_way(namespace, gives_way.filter(|_| era >= self.era(namespace)));
                let reserved = (namespace.clone(), Arc::clone(key));
                if self.reserved.get(&reserved).is_some_and(|held| held.number <= *number) {
                    self.reserved.remove(&reserved);
                }
            }
            Effect::Do(operation) => {
                let is_own = matches!(**operation, Operation::Take(_) | Operation::Delivered(_) | Operation::Forward(_));
                let outcome = if is_own { Err(Rejection::NotHere) } else { self.operate(at, command, operation, abroad) };
                took.outcomes.push(outcome);
            }
            Effect::Inhabit => {
                if !self.namespaces.contains_key(namespace) {
                    let settings = self.settings(namespace);
                    self.set(at, namespace, settings);
                }
            }
            Effect::Settings(settings) => self.set(at, namespace, (**settings).clone()),
            Effect::Dimension(dimension) => {
                if let Some(graph) = self.namespaces.get_mut(namespace).filter(|graph| graph.shape.is_none()) {
                    Arc::make_mut(graph).fix_dimension(*dimension);
                }
            }
            Effect::Drop => {
                took.dropped += self.remove(at, recorded_at, namespace, abroad);
            }
            Effect::Vanish { range, upto } => {
                took.died += self.change(at, command, abroad, |change| change.vanish(*range, *upto));
            }
        }
    }
}

/// Whether a concept has lost its key, as far as this shard has decided.
fn is_giving_way(giving_way: &GivingWay, concept: &Concept) -> bool {
    let lost = giving_way.get(&(concept.namespace.clone(), concept.id));
    lost.is_some_and(|incarnation| concept.incarnation <= *incarnation)
}

/// What is known of effects that are taken.
#[derive(Clone, Copy)]
struct Told<'a> {
    at: Moment,
    command: &'a Command,
    /// When they were decided.
    recorded_at: Timestamp,
    /// In which namespace of the name.
    era: Timestamp,
    number: u64,
}

impl Change<'_, '_> {
    /// A concept of another shard is as that one says; answers how many living associations died of it.
    fn take_ghost(&mut self, ghost: &Ghost) -> u64 {
        if self.keeps(ghost.id) {
            return 0;
        }
        let known = self.graph.ghost(ghost.id);
        // Every command that mentions it here shows it, mostly as it was.
        if (&known.versions, known.erased_incarnation) == (&ghost.versions, ghost.erased_incarnation) {
            return 0;
        }
        let living = |ghost: &Ghost| ghost.living().map(|(_, shade)| shade.incarnation);
        if living(&known) == living(ghost) {
            // No more of it decides whether what rests on it lives.
            self.graph.put_ghost(self.namespace, ghost);
            return 0;
        }
        self.see(ghost.id, |change| change.graph.put_ghost(change.namespace, ghost))
    }

    /// The same, as somebody else saw it.
    fn take_glimpse(&mut self, ghost: &Ghost) -> u64 {
        let known = self.graph.ghost(ghost.id);
        let Some((since, shade)) = ghost.living() else { return 0 };
        let is_newer = match known.living() {
            Some((known_since, known)) => (known.incarnation, known_since) < (shade.incarnation, since),
            // An incarnation that has ended does not come back.
            None => known.incarnation() < shade.incarnation,
        };
        if is_newer { self.take_ghost(ghost) } else { 0 }
    }

    fn forget(&mut self, id: ConceptId, upto: u64) -> u64 {
        if self.keeps(id) { 0 } else { self.see(id, |change| change.graph.forget_ghost(id, upto)) }
    }

    /// Changes what is known of a concept of another shard, and counts anew what rests on it here.
    fn see(&mut self, id: ConceptId, change: impl FnOnce(&mut Self)) -> u64 {
        let graph = &*self.graph;
        let arriving = graph.arriving(id).into_iter().map(|link| link.key());
        let keys: BTreeSet<AssociationKey> =
            arriving.chain(graph.supported_by(id)).filter(|key| self.keeps(key.source)).collect();
        let alive = |change: &Self| keys.iter().filter(|key| change.stands(key)).count() as u64;
        let before = alive(self);
        change(self);
        let after = alive(self);
        self.graph.counts.associations = self.graph.counts.associations.saturating_add(after).saturating_sub(before);
        before.saturating_sub(after)
    }

    fn stands(&self, key: &AssociationKey) -> bool {
        self.graph.association(key).is_some_and(|row| self.graph.is_alive(key, &row))
    }

    /// A concept of here is needed in an incarnation.
    fn take_ensure(&mut self, concept: &NewConcept, incarnation: u64) {
        if !self.keeps(concept.id) {
            return;
        }
        if self.graph.incarnation(concept.id) >= incarnation {
            return;
        }
        let row = self.graph.row(concept.id).map(std::borrow::Cow::into_owned).unwrap_or_default();
        let mut made = self.created(concept);
        made.incarnation = incarnation;
        // Versions rise, whatever the clocks of two shards say.
        let after = row.versions.last().map(|version| version.recorded_at.plus_micros(1));
        let recorded_at = after.map_or(self.recorded_at, |after| after.max(self.recorded_at));
        (made.created_at, made.updated_at) = (recorded_at, recorded_at);
        self.graph.put_concept(made, recorded_at);
        self.announce(concept.id);
    }

    /// Evidence that the shard of an association's source has decided.
    fn take_evidence(&mut self, key: &AssociationKey, pieces: &[Piece], presumed: &[Presumed]) {
        if self.keeps(key.source) {
            return;
        }
        let mut row = self.graph.association(key).map(std::borrow::Cow::into_owned).unwrap_or_default();
        let is_told = |held: &EvidenceVersion| {
            pieces.iter().any(|piece| (&held.ground, held.recorded_at) == (&piece.ground, piece.recorded_at))
        };
        row.evidence.retain(|held| !is_told(held));
        // One that was replaced at the moment when it was taught stood for nobody.
        let stood = pieces.iter().filter(|piece| piece.retracted_at != Some(piece.recorded_at));
        row.evidence.extend(stood.map(version_of));
        self.graph.put_row(key, row);
        let others = [key.source, key.target].map(PlacementKey::of_concept);
        for (id, known) in presumed {
            // Whoever answers for the association has to know better.
            if self.keeps(*id) && self.graph.ghost(*id).living().map(|(_, shade)| shade) != known.as_ref() {
                self.correct(*id, others);
            }
        }
    }

    /// What another shard kept of the namespace, in incarnations up to `upto`, is gone.
    fn vanish(&mut self, range: KeyRange, upto: u64) -> u64 {
        let ids = self.graph.ids_from(ConceptId::default()).filter(|id| range.keeps(*id) && !self.keeps(*id));
        let gone: Vec<ConceptId> = ids.filter(|id| self.graph.ghost(*id).incarnation() <= upto).collect();
        gone.into_iter().map(|id| self.see(id, |change| change.graph.forget_ghost(id, upto))).sum()
    }
}
