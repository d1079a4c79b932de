//! Several shards against one: whatever is asked of them, and however their effects travel, they come to the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use sutra_disk::{Random, RealDisk};
use sutra_protocol::command::{
    Amend, Applied, Command, Edit, Learn, LogIndex, NewAssociation, NewConcept, Operation, Outcome, Rejection, RequestKey,
};
use sutra_protocol::effects::{Delivery, Effects, Taken};
use sutra_protocol::http::{NamespaceSettings, OnConflict};
use sutra_protocol::{
    AsOf, Association, AssociationFilter, AssociationKey, AssociationType, Concept, ConceptId, Direction, KeyRange, Knowledge,
    Label, Namespace, PlacementKey, Source, Step, Timestamp, Validity,
};
use sutra_segment::{Pace, Segment, SegmentId};

use super::*;

mod corrections;
mod keys;

const CONTENTS: [&str; 9] = [
    "aspirin",
    "headache",
    "fever",
    "stroke: a sudden loss of function",
    "ibuprofen",
    "The label says that aspirin relieves headache.",
    "A trial of 2019 found the same.",
    "Ibuprofen lowers fever.",
    "nausea",
];
const KEYS: [&str; 2] = ["RXCUI:1191", "RXCUI:5640"];
const LABELS: [&str; 2] = ["treats", "causes"];
const SOURCES: [&str; 2] = ["label.pdf", "trial.pdf"];

/// Shards, and what travels between them.
struct Grid {
    shards: Vec<State>,
    /// Of each shard another replica, which forgets what nobody may ask for, as soon as it can.
    twins: Vec<State>,
    /// Of each shard a third replica, which has all in memory.
    thirds: Vec<State>,
    now: i64,
    /// By origin and taker: the number of the last effects that the taker has taken.
    carried: BTreeMap<(usize, usize), u64>,
    segments: u64,
}

/// What became of an operation, wherever it was done.
#[derive(Debug, PartialEq)]
struct Fate {
    outcome: Result<Outcome, Rejection>,
    /// Living associations that died of it on other shards than the first.
    died: u64,
}

impl Grid {
    /// With borders in the middle of the ids that the test uses: each range holds about as many.
    fn new(shards: usize) -> Self {
        let mut ids: Vec<u128> = concepts().map(ConceptId::as_u128).collect();
        ids.sort_unstable();
        let border = |at: usize| PlacementKey::from(ids[at * ids.len() / shards]);
        let range = |at: usize| KeyRange {
            start: if at == 0 { PlacementKey::default() } else { border(at) },
            end: (at + 1 < shards).then(|| border(at + 1)),
        };
        let states = (0..shards).map(|at| State { range: range(at), ..State::default() });
        let shards: Vec<State> = states.collect();
        Self { twins: shards.clone(), thirds: shards.clone(), shards, now: 0, carried: BTreeMap::new(), segments: 0 }
    }

    fn shard_of(&self, place: PlacementKey) -> usize {
        self.shards.iter().position(|shard| shard.range.holds(place)).unwrap()
    }

    fn apply_at(&mut self, shard: usize, command: &Command) -> Applied {
        self.now += 1;
        let apply = |state: &mut State| {
            state.applied = LogIndex(state.applied.0 + 1);
            state.apply(state.applied, Timestamp::from_micros(self.now), command)
        };
        let applied = apply(&mut self.shards[shard]);
        let twin = apply(&mut self.twins[shard]);
        apply(&mut self.thirds[shard]);
        assert_eq!(applied.sent, twin.sent, "the replicas of a shard number their effects alike");
        assert_eq!(self.shards[shard].outbox.newest(), self.twins[shard].outbox.newest());
        applied
    }

    fn graph(&self, shard: usize) -> Option<&Graph> {
        self.shards[shard].namespaces.get(&Namespace::default()).map(|graph| &**graph)
    }

    /// The living concepts that have a key, whatever it leads to.
    fn holders(&self, key: &str) -> Vec<ConceptId> {
        let has_it = |id: &ConceptId| {
            let keeper = self.graph(self.shard_of(PlacementKey::of_concept(*id)));
            keeper.and_then(|graph| graph.concept(*id, None)).is_some_and(|concept| concept.key.as_deref() == Some(key))
        };
        concepts().filter(has_it).collect()
    }

    fn view(&self, shard: usize, known_at: Option<i64>) -> View {
        let as_of = AsOf { valid_at: None, known_at: known_at.map(Timestamp::from_micros) };
        self.shards[shard].view(&Namespace::default(), as_of, Timestamp::from_micros(self.now)).unwrap()
    }

    /// The command, with what its operation mentions as its keepers know it now.
    fn planned(&self, operation: &Operation, request: Option<RequestKey>) -> Command {
        let ghost = |id: ConceptId| self.view(self.shard_of(PlacementKey::of_concept(id)), None).ghost(id);
        let foreign = mentioned(operation).into_iter().map(ghost).collect();
        Command { request, foreign, ..command_of(operation.clone()) }
    }

    /// Where the command goes first.
    fn first(&self, command: &Command) -> usize {
        let operation = &command.operations[0];
        self.shard_of(operation.place(&command.namespace).unwrap_or_else(|| {
            PlacementKey::of_request(&command.namespace, command.request.as_ref().map_or("", |request| &request.key))
        }))
    }

    /// Effects that `to` has to take from `from` next; none that it has taken.
    fn next(&self, from: usize, to: usize) -> Option<Arc<Effects>> {
        let carried = self.carried.get(&(from, to)).copied().unwrap_or(0);
        let range = self.shards[to].range;
        let outbox = &self.shards[from].outbox;
        outbox.after(carried, usize::MAX).into_iter().find(|effects| effects.effects.iter().any(|(who, _)| who.is_in(&range)))
    }

    /// Has `to` take them; answers what it made of them.
    fn carry(&mut self, from: usize, to: usize, effects: &Effects, again: bool) -> Applied {
        let range = self.shards[to].range;
        let delivery = Delivery {
            origin: from as u64,
            number: effects.number,
            after: self.carried.get(&(from, to)).copied().unwrap_or(0).min(effects.number - 1),
            recorded_at: effects.recorded_at,
            era: effects.era,
            ahead: false,
            effects: effects.effects.iter().filter(|(who, _)| who.is_in(&range)).map(|(_, effect)| effect.clone()).collect(),
        };
        let command = Command {
            namespace: effects.namespace.clone(),
            asserted_by: effects.asserted_by.clone(),
            request: None,
            operations: vec![Operation::Take(Box::new(delivery))],
            foreign: effects.foreign.clone(),
        };
        let applied = self.apply_at(to, &command);
        if !again {
            self.carried.insert((from, to), effects.number);
        }
        applied
    }

    /// Carries everything, in any order that keeps each pair's own; answers what became of the effects with this origin and number,
    /// and of those that they had.
    fn settle(&mut self, random: &mut Random) -> BTreeMap<(usize, u64), Vec<(usize, Taken)>> {
        let mut taken: BTreeMap<(usize, u64), Vec<(usize, Taken)>> = BTreeMap::new();
        while let Some((from, to, effects)) = self.any(random) {
            let applied = self.carry(from, to, &effects, false);
            let Ok(Outcome::Taken(one)) = &applied.outcomes[0] else { panic!("{applied:?}") };
            taken.entry((from, effects.number)).or_default().push((to, Taken::clone(one)));
        }
        for from in 0..self.shards.len() {
            let newest = self.shards[from].outbox.newest();
            let number = Operation::Delivered(newest);
            self.apply_at(from, &command_of(number));
            assert_eq!(self.shards[from].outbox.len(), 0);
        }
        taken
    }

    /// A pair that has something to carry.
    fn any(&self, random: &mut Random) -> Option<(usize, usize, Arc<Effects>)> {
        let shards = self.shards.len();
        let mut pairs: Vec<(usize, usize)> = (0..shards).flat_map(|from| (0..shards).map(move |to| (from, to))).collect();
        pairs.retain(|(from, to)| from != to);
        let found: Vec<_> = pairs.into_iter().filter_map(|(from, to)| Some((from, to, self.next(from, to)?))).collect();
        random.pick(&found).cloned()
    }

    /// Does an operation and all that follows from it, as whoever asked is answered.
    fn perform(&mut self, operation: &Operation, request: Option<RequestKey>, random: &mut Random) -> Fate {
        let command = self.planned(operation, request);
        let first = self.first(&command);
        let applied = self.apply_at(first, &command);
        let taken = self.settle(random);
        let fate = self.fate(first, &applied, &taken);
        let asked = if let Operation::Forward(asked) = operation { &**asked } else { operation };
        let vector = if let Operation::Learn(learn) = asked { learn.concept.vector.as_ref() } else { None };
        match (&fate.outcome, vector) {
            (Err(Rejection::NoDimension), Some(vector)) => {
                self.perform(&Operation::FixDimension(vector.len() as u32), None, random);
                self.perform(operation, None, random)
            }
            _ => fate,
        }
    }

    /// Moves what a shard has in memory into a segment; of its other replica what may still be asked for.
    fn checkpoint(&mut self, shard: usize, dir: &Path) {
        self.checkpoint_of(shard, dir, false);
        self.checkpoint_of(shard, dir, true);
    }

    fn checkpoint_of(&mut self, shard: usize, dir: &Path, is_twin: bool) {
        self.segments += 1;
        let (disk, id, path) = (RealDisk, SegmentId(self.segments), dir.join(format!("{}.seg", self.segments)));
        let now = Timestamp::from_micros(self.now);
        let state = if is_twin { &mut self.twins[shard] } else { &mut self.shards[shard] };
        state.freeze();
        let frozen = state.namespaces.iter().filter_map(|(namespace, graph)| {
            let horizon = if is_twin { graph.horizon(now) } else { None };
            Some(Written { namespace, shape: graph.shape, delta: graph.frozen.as_deref()?, horizon })
        });
        let sources: Vec<Written<'_>> = frozen.collect();
        let sources: Vec<&dyn sutra_segment::Source> = sources.iter().map(|one| one as &dyn sutra_segment::Source).collect();
        if sources.is_empty() {
            return;
        }
        sutra_segment::write(&disk, &path, id, "store", &sources, &Pace::default()).unwrap();
        let segment = Segment::open(&disk, &path, "store").unwrap();
        let born: Vec<_> = state.namespaces.iter().map(|(name, graph)| (name.clone(), graph.born)).collect();
        state.checkpointed(Some(&segment), &born);
    }

    fn fate(&self, first: usize, applied: &Applied, taken: &BTreeMap<(usize, u64), Vec<(usize, Taken)>>) -> Fate {
        let mut fate = Fate { outcome: applied.outcomes[0].clone(), died: 0 };
        let mut dropped = 0;
        let mut follow: Vec<(usize, u64)> = applied.sent.map(|number| (first, number)).into_iter().collect();
        while let Some(sent) = follow.pop() {
            for (shard, one) in taken.get(&sent).into_iter().flatten() {
                fate.died += one.died;
                if let Some(outcome) = one.outcomes.first() {
                    fate.outcome = outcome.clone();
                }
                dropped += one.dropped;
                follow.extend(one.sent.iter().map(|number| (*shard, *number)));
            }
        }
        if let Ok(Outcome::NamespaceDropped { concepts }) = &mut fate.outcome {
            *concepts += dropped;
        }
        fate
    }
}

/// All ids that the test can come by.
fn concepts() -> impl Iterator<Item = ConceptId> {
    let namespace = Namespace::default();
    CONTENTS.into_iter().flat_map(move |content| {
        let keys = [None].into_iter().chain(KEYS.into_iter().map(Some));
        keys.map(|key| ConceptId::derive(&namespace, content, key)).collect::<Vec<_>>()
    })
}

fn command_of(operation: Operation) -> Command {
    crate::fixture::command(operation)
}

/// The concepts that an operation mentions.
fn mentioned(operation: &Operation) -> BTreeSet<ConceptId> {
    let of = |association: &NewAssociation| {
        let key = &association.key;
        association.evidence.iter().copied().chain([key.source, key.target]).collect::<Vec<_>>()
    };
    match operation {
        Operation::Learn(learn) => {
            let targets = learn.targets.iter().map(|target| target.id);
            learn.associations.iter().flat_map(of).chain(targets).collect()
        }
        Operation::Associate(association) => of(association).into_iter().collect(),
        Operation::Forward(operation) => mentioned(operation),
        _ => BTreeSet::new(),
    }
}

/// A random operation about the few things that there are; some namespaces keep their history for so many seconds.
struct Author<'a>(&'a mut Random, u64);

impl Author<'_> {
    fn id(&mut self) -> ConceptId {
        let all: Vec<ConceptId> = concepts().collect();
        // Those without a key are what most is about.
        if self.0.one_in(4) { *self.0.pick(&all).unwrap() } else { crate::fixture::id(self.0.pick(&CONTENTS).unwrap()) }
    }

    fn concept(&mut self) -> NewConcept {
        let key = if self.0.one_in(3) { self.0.pick(&KEYS).copied() } else { None };
        let mut concept = NewConcept::bare(&Namespace::default(), self.0.pick(&CONTENTS).unwrap(), key);
        if self.0.one_in(3) {
            let uri = self.0.pick(&SOURCES).unwrap().to_string();
            concept.source = Some(Source { uri, title: None, page: None, offset: None });
        }
        if self.0.one_in(3) {
            concept.confidence = Some([0.25, 0.5, 1.0][self.0.index(3)]);
        }
        if self.0.one_in(4) {
            concept.aliases = vec!["ASA".into()];
        }
        if self.0.one_in(6) {
            // One has another dimension than the others.
            let vectors: [&[f32]; 4] = [&[1.0, 0.0], &[0.5, 0.5], &[0.0, 1.0], &[1.0, 0.0, 0.0]];
            concept.vector = Some(vectors[self.0.index(vectors.len())].into());
        }
        concept
    }

    fn association(&mut self, source: ConceptId, target: ConceptId) -> NewAssociation {
        let evidence = (0..self.0.index(3)).map(|_| self.id()).collect();
        let label = Label::from(*self.0.pick(&LABELS).unwrap());
        let key = AssociationKey { source, kind: AssociationType::Causal, label, target, validity: Validity::ALWAYS };
        NewAssociation { key, confidence: [0.5, 0.9][self.0.index(2)], strength: 1.0, evidence }
    }

    fn operation(&mut self) -> Operation {
        match self.0.index(20) {
            0..9 => {
                let concept = self.concept();
                let target = NewConcept::bare(&Namespace::default(), self.0.pick(&CONTENTS).unwrap(), None);
                let targets: Vec<NewConcept> = if self.0.one_in(2) { vec![target] } else { Vec::new() };
                let mut associations = Vec::new();
                while self.0.one_in(2) {
                    let other = if self.0.one_in(3) { self.id() } else { targets.first().map_or(concept.id, |one| one.id) };
                    associations.push(self.association(concept.id, other));
                }
                let conflicts = [None, None, Some(OnConflict::Merge), Some(OnConflict::Replace), Some(OnConflict::Error)];
                let on_conflict = conflicts[self.0.index(conflicts.len())];
                Operation::Learn(Box::new(Learn { concept, on_conflict, targets, associations }))
            }
            9..13 => {
                let (source, target) = (self.id(), self.id());
                Operation::Associate(self.association(source, target))
            }
            13 => {
                let (source, target) = (self.id(), self.id());
                Operation::Dissociate(self.association(source, target).key)
            }
            14..16 => Operation::Amend(Box::new(Amend {
                id: self.id(),
                expected: None,
                aliases: None,
                attributes: BTreeMap::new(),
                confidence: Some([0.25, 0.5, 1.0][self.0.index(3)]),
                valid_from: if self.0.one_in(3) { Edit::Set(Timestamp::from_micros(10)) } else { Edit::Keep },
                valid_to: Edit::Keep,
            })),
            16..19 => Operation::Retract(self.id()),
            _ if self.0.one_in(3) => Operation::DropNamespace,
            _ if self.0.one_in(2) => {
                let history_retention_seconds = if self.0.one_in(2) { Some(self.1) } else { None };
                Operation::SetNamespace(NamespaceSettings { history_retention_seconds, ..NamespaceSettings::default() })
            }
            _ => Operation::Erase(self.id()),
        }
    }
}

/// A concept without what follows the log of the shard that keeps it: when it came to be, and which incarnation it is.
fn timeless(concept: &Concept) -> Concept {
    Concept { created_at: Timestamp::default(), updated_at: Timestamp::default(), incarnation: 1, ..concept.clone() }
}

/// Everything that can be asked.
#[derive(Debug, PartialEq)]
struct Picture {
    concepts: Vec<Concept>,
    associations: Vec<Association>,
    steps: Vec<(ConceptId, Vec<Step>)>,
    keyed: Vec<Option<ConceptId>>,
    named: Vec<Vec<ConceptId>>,
    /// By vector, with the similarity's bits.
    nearest: Vec<(u64, ConceptId)>,
    most_recent: usize,
    /// By words, with the score's bits.
    worded: Vec<(u64, ConceptId)>,
    counts: (u64, u64),
    count: u64,
}

impl Picture {
    fn forget_weights(&mut self) {
        self.worded.iter_mut().for_each(|(score, _)| *score = 0);
        self.worded.sort_unstable();
    }
}

fn picture(views: &[View], counts: impl Iterator<Item = Counts>) -> Picture {
    let mut concepts: Vec<Concept> =
        views.iter().flat_map(|view| view.concepts(None, usize::MAX)).map(|concept| timeless(&concept)).collect();
    concepts.sort_by_key(|concept| concept.id);
    let mut associations: Vec<Association> = views.iter().flat_map(|view| view.associations(None, usize::MAX)).collect();
    associations.sort_by(|a, b| a.key.cmp(&b.key));
    let everything = AssociationFilter::default();
    let steps = super::sharded::concepts().map(|id| {
        let answers = views.iter().map(|view| view.expand(&[id], Direction::Both, &everything).remove(0));
        // Only the shard that keeps it says anything of it.
        let said: Vec<Vec<Step>> = answers.filter(|steps| !steps.is_empty()).collect();
        assert!(said.len() <= 1, "{id} is answered for by one shard");
        (id, said.into_iter().flatten().collect())
    });
    let named = ["ASA", "aspirin", "stroke", "headache"].map(|name| {
        let mut ids: Vec<ConceptId> = views.iter().flat_map(|view| view.named(name)).collect();
        ids.sort_unstable();
        ids
    });
    let worded = View::search_all(views, "fever aspirin headache", 100, &|_| true).unwrap();
    let near = views.iter().flat_map(|view| view.nearest(&[1.0, 0.25], 100, None).unwrap_or_default());
    let mut nearest: Vec<(u64, ConceptId)> = near.map(|hit| (hit.score.to_bits(), hit.concept.id)).collect();
    nearest.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let counts = counts.fold((0, 0), |sum, one| (sum.0 + one.concepts, sum.1 + one.associations));
    Picture {
        concepts,
        associations,
        steps: steps.collect(),
        keyed: KEYS.map(|key| views.iter().find_map(|view| view.keyed(key))).into(),
        named: named.into(),
        nearest,
        worded: worded.iter().map(|hit| (hit.score.to_bits(), hit.concept.id)).collect(),
        most_recent: views.iter().map(|view| view.recent(usize::MAX).len()).sum(),
        counts,
        count: views.iter().map(|view| view.count(None)).sum(),
    }
}

fn timeless_outcome(outcome: Result<Outcome, Rejection>) -> Result<Outcome, Rejection> {
    match outcome {
        Ok(Outcome::Amended(concept)) => Ok(Outcome::Amended(Arc::new(timeless(&concept)))),
        // What a ghost's concept is called is for its keeper to say.
        Ok(Outcome::Learned { id, created, semantic_type, mut associations }) => {
            associations.iter_mut().for_each(|one| one.target_content = "".into());
            Ok(Outcome::Learned { id, created, semantic_type, associations })
        }
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// At rest after each operation, any number of shards says what one says, of every operation and of every question.
    #[test]
    fn several_shards_say_what_one_says(seed in any::<u64>(), shards in 2..5_usize, length in 1..40_usize) {
        let random = &mut Random::new(seed);
        let dir = tempfile::tempdir().unwrap();
        let mut grid = Grid::new(shards);
        let mut alone = State::default();
        let mut moments = Vec::new();
        for at in 0..length {
            let operation = Author(random, 3_600).operation();
            let request = random.one_in(5).then(|| RequestKey { key: format!("order-{at}"), digest: 1 });
            let wrapped = match &request {
                Some(_) => Operation::Forward(Box::new(operation.clone())),
                None => operation.clone(),
            };
            let mut fate = grid.perform(&wrapped, request.clone(), random);
            if let Some(request) = request {
                let command = grid.planned(&wrapped, Some(request));
                let again = grid.apply_at(grid.first(&command), &command);
                prop_assert!(again.repeated, "{:?}", again);
            }
            alone.applied = LogIndex(at as u64 + 1);
            let before = alone.clone();
            let expected = alone.apply(alone.applied, Timestamp::from_micros(grid.now), &command_of(operation.clone()));
            let expected = expected.outcomes.into_iter().next().unwrap();
            if let Ok(Outcome::Retracted { associations } | Outcome::Erased { associations }) = &mut fate.outcome {
                *associations += fate.died;
            }
            prop_assert_eq!(
                timeless_outcome(fate.outcome), timeless_outcome(expected), "{:?} at {} of {:?}", operation, at, before.applied
            );
            let views: Vec<View> = (0..shards).map(|shard| grid.view(shard, None)).collect();
            let counts = (0..shards).filter_map(|shard| grid.graph(shard).map(|graph| graph.counts));
            let now = Timestamp::from_micros(grid.now);
            let one = alone.view(&Namespace::default(), AsOf { valid_at: None, known_at: None }, now).unwrap();
            let own = alone.namespaces.get(&Namespace::default()).map(|graph| graph.counts);
            let mut pictures = [picture(&views, counts), picture(&[one], own.into_iter())];
            if grid.segments > 0 {
                // A segment's words weigh until it is merged, whatever became of their concepts.
                pictures.iter_mut().for_each(Picture::forget_weights);
            }
            let [several, one] = pictures;
            prop_assert_eq!(several, one, "after {:?}", operation);
            if random.one_in(30) {
                grid.checkpoint(random.index(shards), dir.path());
            }
            for shard in 0..shards {
                agrees(&grid, shard)?;
            }
            prop_assert!(grid.shards.iter().all(|shard| shard.reserved.is_empty()), "no key waits");
            moments.push(grid.now);
        }
        // What was known then is known as one knows it.
        for moment in moments {
            let views: Vec<View> = (0..shards).map(|shard| grid.view(shard, Some(moment))).collect();
            let as_of = AsOf { valid_at: None, known_at: Some(Timestamp::from_micros(moment)) };
            let one = alone.view(&Namespace::default(), as_of, Timestamp::from_micros(grid.now)).unwrap();
            // Vectors that were replaced since are searched only while they are in memory.
            let [several, one] = [picture(&views, [].into_iter()), picture(&[one], [].into_iter())]
                .map(|picture| Picture { nearest: Vec::new(), worded: Vec::new(), ..picture });
            prop_assert_eq!(several, one, "as known at {}", moment);
        }
    }

    /// Whatever is on its way while other things are decided, late or twice: at rest every shard knows the same of every concept, and
    /// what is counted is there.
    #[test]
    fn effects_that_come_late_or_twice_change_nothing(seed in any::<u64>(), shards in 2..5_usize, length in 1..80_usize) {
        let random = &mut Random::new(seed);
        let dir = tempfile::tempdir().unwrap();
        let mut grid = Grid::new(shards);
        let mut planned: Vec<Command> = Vec::new();
        let mut carried: Vec<(usize, usize, Arc<Effects>)> = Vec::new();
        for _ in 0..length {
            match random.index(10) {
                // Planned with what is so now, and done later.
                0..3 => planned.push(grid.planned(&Author(random, 0).operation(), None)),
                3..6 if !planned.is_empty() => {
                    let command = planned.swap_remove(random.index(planned.len()));
                    grid.apply_at(grid.first(&command), &command);
                }
                6 if random.one_in(6) => grid.checkpoint(random.index(shards), dir.path()),
                6 if !carried.is_empty() => {
                    let (from, to, effects) = random.pick(&carried).cloned().unwrap();
                    let before = grid.shards[to].outbox.len();
                    grid.carry(from, to, &effects, true);
                    prop_assert_eq!(grid.shards[to].outbox.len(), before, "taken twice, they have no effects");
                }
                _ => {
                    if let Some((from, to, effects)) = grid.any(random) {
                        grid.carry(from, to, &effects, false);
                        carried.push((from, to, effects));
                    }
                }
            }
        }
        grid.settle(random);
        for shard in 0..shards {
            agrees(&grid, shard)?;
        }
        for key in KEYS {
            let holders = grid.holders(key);
            prop_assert!(holders.len() <= 1, "{} has the holders {:?}", key, holders);
            let found: Vec<ConceptId> = (0..shards).filter_map(|shard| grid.view(shard, None).keyed(key)).collect();
            prop_assert_eq!(found, holders, "who is found by {}", key);
        }
        prop_assert!(grid.shards.iter().all(|shard| shard.reserved.is_empty()), "no key waits");
    }
}

/// That what a shard knows of others is what those say, that its counts are right, and that its replicas have one digest, whatever each
/// has in segments, and has forgotten.
fn agrees(grid: &Grid, shard: usize) -> Result<(), TestCaseError> {
    let digest = crate::digest::of(&grid.shards[shard]);
    prop_assert_eq!(&crate::digest::of(&grid.thirds[shard]), &digest, "in memory, and in segments");
    prop_assert_eq!(&crate::digest::of(&grid.twins[shard]), &digest, "of shard {}, of which one replica forgets", shard);
    let Some(graph) = grid.graph(shard) else { return Ok(()) };
    let range = grid.shards[shard].range;
    let keeper = |id: ConceptId| grid.shard_of(PlacementKey::of_concept(id));
    let mut associations = 0;
    for source in concepts() {
        for link in graph.leaving(source) {
            let key = link.key();
            let row = graph.association(&key).unwrap().into_owned();
            let is_alive = graph.is_alive(&key, &row);
            associations += u64::from(is_alive && range.keeps(source));
            if range.keeps(source) {
                continue;
            }
            // A mirror: as far as it counts for whoever answers here, it is what its shard has.
            let kept = grid.graph(keeper(source)).and_then(|other| other.association(&key).map(std::borrow::Cow::into_owned));
            let stands = kept.as_ref().is_some_and(|kept| grid.graph(keeper(source)).unwrap().is_alive(&key, kept));
            if range.keeps(key.target) {
                prop_assert_eq!(is_alive, stands, "{:?} on shard {}", key, shard);
                if is_alive {
                    let seen = super::liveness::Reader::now(graph).association(&key);
                    let theirs = super::liveness::Reader::now(grid.graph(keeper(source)).unwrap()).association(&key);
                    prop_assert_eq!(seen, theirs, "{:?} on shard {}", key, shard);
                }
            }
        }
    }
    let living = concepts().filter(|id| range.keeps(*id) && graph.concept(*id, None).is_some()).count() as u64;
    prop_assert_eq!((graph.counts.concepts, graph.counts.associations), (living, associations), "of shard {}", shard);
    Ok(())
}
