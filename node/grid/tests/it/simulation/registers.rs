//! Concepts whose one writer counts up, and whoever reads them: what was acknowledged or read is never less afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sutra_disk::Random;
use sutra_grid::{Performed, View};
use sutra_protocol::command::{Command, Learn, NewAssociation, NewConcept, Operation, RequestKey};
use sutra_protocol::http::OnConflict;
use sutra_protocol::{
    AssociationFilter, AssociationKey, AssociationType, AttributeValue, ConceptId, Direction, Knowledge, Label, Namespace,
    Validity,
};
use tokio::time::sleep;

use super::scene::{Fate, Scene, Token, command};

/// Each writes to concepts that no other writes to.
pub(super) const WRITERS: usize = 2;
/// How many of them there are, at most.
const SUBJECTS: usize = 60 * WRITERS;

/// What was told of a concept. Its value is what its one writer has written last: 1, 2, 3, …
#[derive(Default)]
struct Told {
    /// The greatest that was acknowledged, or read by somebody who had caught up: whoever begins to read so now must not see less.
    floor: AtomicU64,
    /// The greatest that was ever asked for.
    begun: AtomicU64,
    /// Those that were answered.
    acknowledged: Mutex<Vec<u64>>,
    /// Those that are said to be stored, and to be whole at some time.
    pending: Mutex<Vec<u64>>,
    /// Those that are said not to be.
    refused: Mutex<Vec<u64>>,
}

/// Cheap to clone; all clones are the same.
#[derive(Clone)]
pub(super) struct Registers {
    namespace: Namespace,
    told: Arc<Vec<Told>>,
}

/// What shows of one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    /// The concept that says for ever that it was done.
    mark: bool,
    /// The association of the subject with it, as the subject's shard says.
    leaving: bool,
    /// As the mark's shard says.
    arriving: bool,
}

impl Shown {
    const ALL: Self = Self { mark: true, leaving: true, arriving: true };
    const NOTHING: Self = Self { mark: false, leaving: false, arriving: false };
}

fn subject(of: usize) -> String {
    format!("patient {of}")
}

fn mark(of: usize, value: u64) -> String {
    format!("patient {of}, finding {value}")
}

impl Registers {
    pub(super) fn new() -> Self {
        let told = (0..SUBJECTS).map(|_| Told::default()).collect();
        Self { namespace: "wards".parse().unwrap(), told: Arc::new(told) }
    }

    fn id(&self, content: &str) -> ConceptId {
        ConceptId::derive(&self.namespace, content, None)
    }

    fn key(&self, of: usize, value: u64) -> AssociationKey {
        let (source, target) = (self.id(&subject(of)), self.id(&mark(of, value)));
        AssociationKey {
            source,
            kind: AssociationType::Semantic,
            label: Label::from("shows"),
            target,
            validity: Validity::ALWAYS,
        }
    }

    /// Writes the value of a subject, and associates it with a mark that is most often on another shard.
    fn write(&self, of: usize, value: u64, request: Option<RequestKey>) -> Command {
        let mut concept = NewConcept::bare(&self.namespace, &subject(of), None);
        concept.attributes.insert("value".into(), AttributeValue::Integer(value as i64));
        let targets = vec![NewConcept::bare(&self.namespace, &mark(of, value), None)];
        let association = NewAssociation { key: self.key(of, value), confidence: 0.9, strength: 1.0, evidence: Vec::new() };
        let learn = Learn { concept, on_conflict: Some(OnConflict::Merge), targets, associations: vec![association] };
        command(&self.namespace, "dr.rao", request, vec![Operation::Learn(Box::new(learn))])
    }

    fn value(&self, view: &View, of: usize) -> u64 {
        let Some(subject) = view.concept(self.id(&subject(of))) else { return 0 };
        match subject.attributes.get("value") {
            Some(AttributeValue::Integer(value)) => *value as u64,
            other => panic!("the value is {other:?}"),
        }
    }

    fn shown(&self, view: &View, of: usize, value: u64) -> Shown {
        let key = self.key(of, value);
        let steps = view.expand(&[key.target], Direction::In, &AssociationFilter::default()).remove(0);
        Shown {
            mark: view.concept(key.target).is_some(),
            leaving: view.association(&key).is_some(),
            arriving: steps.iter().any(|step| step.key == key),
        }
    }

    pub(super) async fn write_on(self, scene: Scene, mut of: usize, mut random: Random) {
        let mut next = 1;
        let mut token = Token::default();
        while !scene.is_over() {
            let told = &self.told[of];
            let request = random.one_in(3).then(|| RequestKey { key: mark(of, next), digest: 1 });
            told.begun.store(next, Ordering::Release);
            let performed = self.perform(&scene, of, next, request, &mut random).await;
            match Fate::of(&performed.done[0]) {
                Fate::Done => {
                    let done = performed.done[0].as_ref().unwrap();
                    assert!(done.outcome.is_ok(), "{}: {:?}", mark(of, next), done.outcome);
                    told.acknowledged.lock().unwrap().push(next);
                    told.floor.fetch_max(next, Ordering::AcqRel);
                    token.merge(performed.seen.iter().copied());
                    let host = scene.host(&mut random).await;
                    if random.one_in(2) && host.has_reached(&token).await {
                        let read = |view: &View| (self.value(view, of), self.shown(view, of, next));
                        if let Some((value, shown)) = host.read(&self.namespace, host.seeing(&token), read) {
                            assert!(
                                value >= next && shown == Shown::ALL,
                                "{} was answered, and its token {token:?} shows {value} and {shown:?} on {} after {performed:?}",
                                mark(of, next),
                                host.told()
                            );
                        }
                    }
                }
                Fate::Absent => {
                    told.refused.lock().unwrap().push(next);
                    sleep(Duration::from_millis(3)).await;
                }
                fate => {
                    if fate == Fate::Stored {
                        told.pending.lock().unwrap().push(next);
                    }
                    // It comes whenever it does: it has to be the last that is written to its concept.
                    if of + WRITERS >= SUBJECTS {
                        return;
                    }
                    (of, next) = (of + WRITERS, 0);
                }
            }
            next += 1;
            if random.one_in(2) {
                sleep(Duration::from_millis(random.below(10))).await;
            }
        }
    }

    /// Has it written; with a request key, until somebody answers.
    async fn perform(&self, scene: &Scene, of: usize, value: u64, request: Option<RequestKey>, random: &mut Random) -> Performed {
        let command = self.write(of, value, request);
        let mut performed = scene.host(random).await.perform(&command).await;
        while command.request.is_some() && Fate::of(&performed.done[0]) != Fate::Done && !scene.is_over() {
            sleep(Duration::from_millis(random.below(10))).await;
            let again = scene.host(random).await.perform(&command).await;
            // What was open before stays so if it is refused now.
            if Fate::of(&again.done[0]) > Fate::of(&performed.done[0]) {
                performed = again;
            }
        }
        performed
    }

    /// Most of them were never written to.
    fn any(&self, random: &mut Random) -> usize {
        let last = self.told.iter().rposition(|told| told.begun.load(Ordering::Acquire) > 0);
        random.index(last.map_or(WRITERS, |last| last + 1))
    }

    /// That nobody sees what nobody wrote.
    fn assert_written(&self, of: usize, value: u64) {
        let told = &self.told[of];
        assert!(value <= told.begun.load(Ordering::Acquire), "{value} was never written to {}", subject(of));
        assert!(!told.refused.lock().unwrap().contains(&value), "{} was refused, and is there", mark(of, value));
    }

    /// Reads everything that was acknowledged before, wherever.
    pub(super) async fn read_strongly(self, scene: Scene, mut random: Random) {
        while !scene.is_over() {
            let of = self.any(&mut random);
            let told = &self.told[of];
            let floor = told.floor.load(Ordering::Acquire);
            let acknowledged = told.acknowledged.lock().unwrap().last().copied().filter(|last| *last <= floor);
            let host = scene.host(&mut random).await;
            let caught_up = host.caught_up().await;
            let is_there = caught_up.is_some();
            let read = |view: &View| (self.value(view, of), acknowledged.map(|value| (value, self.shown(view, of, value))));
            if let Some((value, shown)) =
                host.read(&self.namespace, host.strongly(caught_up.unwrap_or_default()), read).filter(|_| is_there)
            {
                let node = host.told();
                assert!(value >= floor, "{} was {floor}, and is {value} for one who has caught up on {node}", subject(of));
                self.assert_written(of, value);
                if let Some((acknowledged, shown)) = shown {
                    assert_eq!(shown, Shown::ALL, "{} is acknowledged, and not whole on {node}", mark(of, acknowledged));
                }
                told.floor.fetch_max(value, Ordering::AcqRel);
            }
            sleep(Duration::from_millis(random.below(8))).await;
        }
    }

    /// Reads on whatever node, and never sees less than before.
    pub(super) async fn read_in_session(self, scene: Scene, mut random: Random) {
        let mut token = Token::default();
        let mut values: BTreeMap<usize, u64> = BTreeMap::new();
        let mut whole: BTreeSet<(usize, u64)> = BTreeSet::new();
        while !scene.is_over() {
            sleep(Duration::from_millis(random.below(8))).await;
            let host = scene.host(&mut random).await;
            let is_eventual = random.one_in(5);
            if !is_eventual && !host.has_reached(&token).await {
                continue;
            }
            let asked: Vec<usize> = (0..4).map(|_| self.any(&mut random)).collect();
            let again = random.pick(&whole.iter().copied().collect::<Vec<_>>()).copied();
            let reading = if is_eventual { host.as_it_is() } else { host.seeing(&token) };
            let read = host.read(&self.namespace, reading, |view| {
                let of = |of: &usize| {
                    let value = self.value(view, *of);
                    (*of, value, self.shown(view, *of, value))
                };
                (asked.iter().map(of).collect::<Vec<_>>(), again.map(|(of, value)| self.shown(view, of, value)))
            });
            let Some((read, again_shown)) = read else { continue };
            for (of, value, shown) in read {
                self.assert_written(of, value);
                if is_eventual {
                    continue;
                }
                let before = values.insert(of, value).unwrap_or(0);
                assert!(
                    value >= before,
                    "{} was {before} in this session, and is {value} on {} for {token:?}",
                    subject(of),
                    host.told()
                );
                if shown == Shown::ALL {
                    whole.insert((of, value));
                }
            }
            if !is_eventual {
                let is_kept = again_shown.is_none_or(|shown| shown == Shown::ALL);
                assert!(is_kept, "{again:?} was whole in this session, and is {again_shown:?} on {}", host.told());
                token.merge(host.seen());
            }
        }
    }

    /// Whether something was acknowledged.
    pub(super) fn has_begun(&self) -> bool {
        self.told.iter().any(|told| !told.acknowledged.lock().unwrap().is_empty())
    }

    /// That at rest everything is as was told.
    pub(super) fn assert_kept(&self, view: &View) -> usize {
        let mut acknowledged = 0;
        for (of, told) in self.told.iter().enumerate() {
            let answered: BTreeSet<u64> = told.acknowledged.lock().unwrap().iter().copied().collect();
            let pending: BTreeSet<u64> = told.pending.lock().unwrap().iter().copied().collect();
            let refused: BTreeSet<u64> = told.refused.lock().unwrap().iter().copied().collect();
            for value in 1..=told.begun.load(Ordering::Acquire) {
                let shown = self.shown(view, of, value);
                if answered.contains(&value) || pending.contains(&value) {
                    assert_eq!(shown, Shown::ALL, "{} is stored, and not whole", mark(of, value));
                } else if refused.contains(&value) {
                    assert_eq!(shown, Shown::NOTHING, "{} was refused, and is there", mark(of, value));
                } else {
                    assert!(shown == Shown::ALL || shown == Shown::NOTHING, "{}, in part: {shown:?}", mark(of, value));
                }
            }
            let (floor, value) = (told.floor.load(Ordering::Acquire), self.value(view, of));
            assert!(value >= floor, "{} was {floor}, and is {value} in the end", subject(of));
            acknowledged += answered.len();
        }
        acknowledged
    }
}
