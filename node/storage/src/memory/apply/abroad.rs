//! What an operation needs to know of concepts of other shards, and what it tells those.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sutra_protocol::command::{Command, NewConcept};
use sutra_protocol::effects::{Audience, Effect, Effects, Ghost, Piece, Presumed, Shade};
use sutra_protocol::{AssociationKey, Concept, ConceptId, Ground, KeyRange, PlacementKey, Timestamp};
use sutra_segment::EvidenceVersion;

use super::change::Change;

/// Places beyond which effects go to all shards: an audience must not be as large as a hub.
const PLACES: usize = 4_096;

/// Most pieces of evidence of one effect.
const PIECES: usize = 1_000;

/// The effects of a command, as far as they have come.
pub(super) struct Abroad<'a> {
    pub(super) range: KeyRange,
    command: &'a Command,
    number: u64,
    effects: Vec<(Audience, Effect)>,
    /// Whether something is yet to be done elsewhere.
    asks: bool,
    /// Whether somebody is told that something is not as he had it.
    corrects: bool,
}

impl<'a> Abroad<'a> {
    /// Of a command whose effects will have this number.
    pub(super) fn new(range: KeyRange, command: &'a Command, number: u64) -> Self {
        Self { range, command, number, effects: Vec::new(), asks: false, corrects: false }
    }

    /// Whose graph it is about.
    pub(super) fn namespace(&self) -> &'a sutra_protocol::Namespace {
        &self.command.namespace
    }

    /// The number that the effects have.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether there are some.
    pub(super) fn is_empty(&self) -> bool {
        self.effects.is_empty()
    }

    /// Whether somebody is told that something is not as he had it.
    pub(super) fn corrects(&self) -> bool {
        self.corrects
    }

    /// What whoever planned the command knew of a concept.
    pub(super) fn foreign(&self, id: ConceptId) -> Option<&'a Ghost> {
        let at = self.command.foreign.binary_search_by_key(&id, |ghost| ghost.id).ok()?;
        self.command.foreign.get(at)
    }

    /// Has others know something. Where there are no others, nobody.
    pub(super) fn tell(&mut self, audience: Audience, effect: Effect) {
        if !self.range.is_whole() {
            self.effects.push((audience, effect));
        }
    }

    /// Has the shard that a place is in know something, unless it is this one.
    pub(super) fn tell_place(&mut self, place: PlacementKey, effect: Effect) {
        if !self.range.holds(place) {
            self.tell(Audience::At(vec![place]), effect);
        }
    }

    /// Has another shard do something with what the command knows. Where there is no other, nobody.
    pub(super) fn ask(&mut self, audience: Audience, effect: Effect) {
        self.asks |= !self.range.is_whole();
        self.tell(audience, effect);
    }

    /// The effects, if there are any.
    pub(super) fn finish(self, recorded_at: Timestamp, era: Timestamp) -> Option<Effects> {
        let Self { command, number, effects, asks, .. } = self;
        (!effects.is_empty()).then(|| Effects {
            number,
            namespace: command.namespace.clone(),
            asserted_by: Arc::clone(&command.asserted_by),
            recorded_at,
            era,
            foreign: if asks { command.foreign.clone() } else { Vec::new() },
            effects,
        })
    }
}

/// What an operation has yet to tell.
#[derive(Default)]
pub(super) struct Untold {
    /// Concepts that others have to see as they are known here, and where.
    shown: BTreeMap<ConceptId, BTreeSet<PlacementKey>>,
    /// Those that all have to see.
    shown_to_all: BTreeSet<ConceptId>,
    ensured: Vec<(Box<NewConcept>, u64)>,
    /// Associations whose evidence has changed.
    changed: BTreeSet<AssociationKey>,
}

impl Change<'_, '_> {
    pub(super) fn keeps(&self, id: ConceptId) -> bool {
        self.abroad.range.keeps(id)
    }

    /// Whether an association may mention a concept: it is alive, as far as it is known here.
    pub(super) fn can_mention(&self, id: ConceptId) -> bool {
        self.lives(id) || (!self.keeps(id) && self.news_of(id).is_some_and(|ghost| ghost.living().is_some()))
    }

    /// Whether a concept of another shard may be asked for: it is alive, or whoever planned this has seen that it is not.
    pub(super) fn can_ensure(&self, id: ConceptId) -> bool {
        self.lives(id) || self.news_of(id).is_some()
    }

    /// What the command knows of a concept of another shard, unless more is known here.
    fn news_of(&self, id: ConceptId) -> Option<&Ghost> {
        let told = self.abroad.foreign(id)?;
        let known = self.graph.row(id).map_or(0, |row| row.incarnation());
        // An incarnation that has ended does not come back.
        let is_news = if told.living().is_some() { told.incarnation() > known } else { told.incarnation() >= known };
        is_news.then_some(told)
    }

    /// Makes the ghost of a concept that is mentioned.
    pub(super) fn conjure(&mut self, id: ConceptId) {
        if self.keeps(id) || self.lives(id) {
            return;
        }
        if let Some(ghost) = self.news_of(id).cloned() {
            self.graph.put_ghost(self.namespace, &ghost);
        }
    }

    /// Has another shard make a concept that is needed, and, where it is mentioned here, makes its ghost. One that nothing mentions has
    /// none: its shard would not know whom to tell what becomes of it.
    pub(super) fn ensure(&mut self, concept: &NewConcept, is_mentioned: bool) {
        if self.lives(concept.id) {
            return;
        }
        let mut ghost = self.news_of(concept.id).cloned().unwrap_or_else(|| self.graph.ghost(concept.id));
        if ghost.living().is_none() {
            let shade = Shade { incarnation: ghost.incarnation() + 1, ..Shade::from(&self.created(concept)) };
            self.untold.ensured.push((Box::new(concept.clone()), shade.incarnation));
            ghost.versions.push((self.recorded_at, Some(shade)));
        }
        if is_mentioned {
            self.graph.put_ghost(self.namespace, &ghost);
        }
    }

    /// Where others would see something else of a concept of here than before, they have to.
    pub(super) fn announce_change(&mut self, before: &Concept, now: &Concept) {
        if !self.abroad.range.is_whole() && Shade::from(before) != Shade::from(now) {
            self.announce(now.id);
        }
    }

    /// Everybody who mentions a concept of here has to see it as it is now.
    pub(super) fn announce(&mut self, id: ConceptId) {
        if self.abroad.range.is_whole() {
            return;
        }
        let is_first = self.graph.incarnation(id) == self.graph.base + 1
            && self.graph.concept(id, None).is_some_and(|concept| concept.created_at == self.recorded_at);
        if self.forgets() && !is_first {
            self.untold.shown_to_all.insert(id);
        } else {
            let places = self.watchers(id);
            self.show(id, places);
        }
    }

    /// Nobody may keep anything of a concept of here any more that was ever taught.
    /// Whoever took part in teaching it may have it in log and outbox, so all are told.
    pub(super) fn disown(&mut self, id: ConceptId) {
        let upto = self.graph.incarnation(id);
        if upto > self.graph.base {
            self.abroad.tell(Audience::All, Effect::Forget { id, upto });
        }
    }

    /// Whether replicas may have forgotten, each for itself, who mentioned something once: then all are told. What this one knows must
    /// not decide whether there are effects, or they would have other numbers elsewhere.
    fn forgets(&self) -> bool {
        self.graph.settings.history_retention_seconds.is_some() || self.graph.forgotten_to.is_some()
    }

    /// The places of other shards that mention a concept of here.
    fn watchers(&self, id: ConceptId) -> BTreeSet<PlacementKey> {
        let range = self.abroad.range;
        if range.is_whole() {
            return BTreeSet::new();
        }
        let graph = &*self.graph;
        let leaving = graph.leaving(id).into_iter().map(|link| link.target);
        let arriving = graph.arriving(id).into_iter().map(|link| link.source);
        let supported = graph.supported_by(id).into_iter().flat_map(|key| [key.source, key.target]);
        let concepts = leaving.chain(arriving).chain(supported).map(PlacementKey::of_concept);
        let row = graph.row(id);
        let versions = row.iter().flat_map(|row| &row.versions);
        let keys: BTreeSet<&str> = versions.filter_map(|version| version.concept.as_ref()?.key.as_deref()).collect();
        let keys = keys.into_iter().map(|key| PlacementKey::of_key(self.namespace, key));
        concepts.chain(keys).filter(|place| !range.holds(*place)).collect()
    }

    /// Somebody knows something else of a concept of here than what is so.
    pub(super) fn correct(&mut self, id: ConceptId, places: [PlacementKey; 2]) {
        self.abroad.corrects = true;
        self.show(id, places);
    }

    fn show(&mut self, id: ConceptId, places: impl IntoIterator<Item = PlacementKey>) {
        let range = self.abroad.range;
        let mut places = places.into_iter().filter(|place| !range.holds(*place)).peekable();
        if places.peek().is_some() {
            self.untold.shown.entry(id).or_default().extend(places);
        }
    }

    /// The other shards that an association of here touches have to know what has just changed of it.
    pub(super) fn mirror(&mut self, key: &AssociationKey) {
        if !self.abroad.range.is_whole() {
            self.untold.changed.insert(key.clone());
        }
    }

    /// Tells what is untold: first how concepts are, then what concepts are needed, then what rests on them.
    pub(super) fn tell(&mut self) {
        if self.abroad.range.is_whole() {
            return;
        }
        let changed = std::mem::take(&mut self.untold.changed);
        let evidence: Vec<_> = changed.iter().flat_map(|key| self.evidence(key)).collect();
        let Untold { shown, shown_to_all, ensured, .. } = std::mem::take(&mut self.untold);
        for id in &shown_to_all {
            self.abroad.tell(Audience::All, Effect::Ghost(Box::new(self.graph.ghost(*id))));
        }
        for (id, places) in shown.into_iter().filter(|(id, _)| !shown_to_all.contains(id)) {
            let ghost = Box::new(self.graph.ghost(id));
            let effect = if self.keeps(id) { Effect::Ghost(ghost) } else { Effect::Glimpse(ghost) };
            self.abroad.tell(audience(places), effect);
        }
        for (concept, incarnation) in ensured {
            self.abroad.tell_place(PlacementKey::of_concept(concept.id), Effect::Ensure { concept, incarnation });
        }
        for (audience, effect) in evidence {
            self.abroad.tell(audience, effect);
        }
    }

    /// What other shards have to know of the evidence of an association of here, and which. Of much evidence one effect has a part, so that
    /// each fits into a message.
    fn evidence(&mut self, key: &AssociationKey) -> Vec<(Audience, Effect)> {
        let now = self.recorded_at;
        let row = self.graph.association(key).map(std::borrow::Cow::into_owned).unwrap_or_default();
        let changed = row.evidence.iter().filter(|piece| piece.recorded_at == now || piece.retracted_at == Some(now));
        let pieces: Vec<Piece> = changed.map(piece_of).collect();
        let grounds: BTreeSet<ConceptId> = pieces.iter().filter_map(|piece| statement(&piece.ground)).collect();
        let elsewhere = |id: &ConceptId| !self.keeps(*id);
        let strangers: BTreeSet<ConceptId> = grounds.iter().copied().chain([key.target]).filter(elsewhere).collect();
        if pieces.is_empty() || strangers.is_empty() {
            return Vec::new();
        }
        let audience = audience(strangers.iter().copied().map(PlacementKey::of_concept).collect());
        let stands = pieces.iter().any(|piece| piece.retracted_at.is_none());
        // Whoever keeps the target answers for the association too.
        if stands && !self.keeps(key.target) {
            let target = PlacementKey::of_concept(key.target);
            for id in grounds.into_iter().chain([key.source]).filter(|id| *id != key.target) {
                self.show(id, [target]);
            }
        }
        let known = |id: ConceptId| (id, self.graph.ghost(id).living().map(|(_, shade)| shade.clone()));
        let mut untold = if stands { strangers } else { BTreeSet::new() };
        let parts = pieces.chunks(PIECES).enumerate().map(|(at, pieces)| {
            let grounds = pieces.iter().filter_map(|piece| statement(&piece.ground)).chain((at == 0).then_some(key.target));
            let strangers: BTreeSet<ConceptId> = grounds.filter(|id| untold.remove(id)).collect();
            let presumed: Vec<Presumed> = strangers.into_iter().map(known).collect();
            (audience.clone(), Effect::Evidence { key: key.clone(), pieces: pieces.to_vec(), presumed })
        });
        parts.collect()
    }
}

fn audience(places: BTreeSet<PlacementKey>) -> Audience {
    if places.len() > PLACES { Audience::All } else { Audience::At(places.into_iter().collect()) }
}

pub(super) fn statement(ground: &Ground) -> Option<ConceptId> {
    match ground {
        Ground::Statement(id) => Some(*id),
        Ground::AssertedBy(_) => None,
    }
}

fn piece_of(version: &EvidenceVersion) -> Piece {
    Piece {
        ground: version.ground.clone(),
        confidence: version.confidence,
        strength: version.strength,
        incarnations: [version.source_incarnation, version.target_incarnation, version.ground_incarnation],
        recorded_at: version.recorded_at,
        retracted_at: version.retracted_at,
    }
}

/// A piece as a row holds it.
pub(super) fn version_of(piece: &Piece) -> EvidenceVersion {
    let [source_incarnation, target_incarnation, ground_incarnation] = piece.incarnations;
    EvidenceVersion {
        ground: piece.ground.clone(),
        confidence: piece.confidence,
        strength: piece.strength,
        source_incarnation,
        target_incarnation,
        ground_incarnation,
        recorded_at: piece.recorded_at,
        retracted_at: piece.retracted_at,
    }
}
