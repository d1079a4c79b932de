//! Effects of one shard that another takes in several deliveries.

use sutra_protocol::command::{Amend, Edit, Learn, NewAssociation, NewConcept, Operation, Outcome};
use sutra_protocol::effects::{Delivery, Effect, Effects, Ghost, Shade, Taken};
use sutra_protocol::{AssociationKey, AssociationType, Ground, Namespace, Validity};
use sutra_storage::Directory;

use super::*;

/// Two shards, each in a directory of its own.
struct Pair {
    directories: [Directory; 2],
    replicas: Vec<Replica>,
}

impl Pair {
    fn open() -> Self {
        let [(one, mut replicas), (two, others)] = [1, 2].map(|shard| open(&disk(), &[shard]));
        replicas.extend(others);
        Self { directories: [one, two], replicas }
    }

    /// The newest effects of the first shard.
    fn newest(&self) -> Arc<Effects> {
        self.replicas[0].store.effects(0, usize::MAX).pop().unwrap()
    }

    /// Has the second shard take those of these that are for it.
    async fn take(&self, of: &Effects, effects: Vec<Effect>, ahead: bool) -> Taken {
        let Effects { number, recorded_at, era, .. } = *of;
        let delivery = Delivery { origin: 1, number, after: 0, recorded_at, era, ahead, effects };
        let store = &self.replicas[1].store;
        self.replicas[1].write(Operation::Take(Box::new(delivery))).await;
        store.taken(&Namespace::default(), 1, number).unwrap_or_default()
    }

    fn for_second(&self, effects: &Effects) -> Vec<Effect> {
        let range = placement(2).range;
        effects.effects.iter().filter(|(audience, _)| audience.is_in(&range)).map(|(_, effect)| effect.clone()).collect()
    }

    async fn close(self) {
        let [one, two] = self.directories;
        let mut replicas = self.replicas;
        let second = replicas.split_off(1);
        close(one, replicas).await;
        close(two, second).await;
    }
}

fn key(source: &str, target: &str) -> AssociationKey {
    AssociationKey {
        source: id(source),
        kind: AssociationType::Causal,
        label: "treats".into(),
        target: id(target),
        validity: Validity::ALWAYS,
    }
}

fn association(source: &str, target: &str, evidence: &[String]) -> NewAssociation {
    let evidence = evidence.iter().map(|content| id(content)).collect();
    NewAssociation { key: key(source, target), confidence: 0.5, strength: 1.0, evidence }
}

/// A concept as whoever mentions it has seen it.
fn ghost_of(store: &Store, content: &str) -> Ghost {
    let concept = view(store).concept(id(content)).unwrap();
    Ghost {
        id: concept.id,
        versions: vec![(concept.created_at, Some(Shade::from(&*concept)))],
        erased_incarnation: 0,
        continues: false,
    }
}

/// The first shard's concepts that associations of the second end at are retracted; what these effects did there.
async fn retracted(parts: usize, times: usize) -> (Taken, Vec<bool>) {
    let pair = Pair::open();
    let [one, two] = &pair.replicas[..] else { panic!("there are two") };
    let targets: Vec<String> = (0..3).map(|at| one.like(&format!("illness {at}"))).collect();
    let source = two.like("remedy");
    for target in &targets {
        one.write(learn(target).operations.remove(0)).await;
    }
    two.write(learn(&source).operations.remove(0)).await;
    for target in &targets {
        let foreign = vec![ghost_of(&one.store, target)];
        let command = Command { foreign, ..command(Operation::Associate(association(&source, target, &[]))) };
        two.submit(command).await;
    }
    // What the second has told the first: who mentions its concepts.
    for effects in two.store.effects(0, usize::MAX) {
        let Effects { number, recorded_at, era, .. } = *effects;
        let own = effects.effects.iter().filter(|(audience, _)| audience.is_in(&placement(1).range));
        let own = own.map(|(_, effect)| effect.clone()).collect();
        one.write(Operation::Take(Box::new(Delivery {
            origin: 2,
            number,
            after: 0,
            recorded_at,
            era,
            ahead: false,
            effects: own,
        })))
        .await;
    }
    let retract = Command {
        operations: targets.iter().map(|target| Operation::Retract(id(target))).collect(),
        ..command(Operation::Delivered(0))
    };
    one.submit(retract).await;
    let effects = pair.newest();
    let mut own = pair.for_second(&effects);
    assert_eq!(own.len(), 3, "{own:?}");
    for _ in 1..parts {
        let first = own.remove(0);
        assert!(first.is_row());
        for _ in 0..times {
            pair.take(&effects, vec![first.clone()], true).await;
        }
    }
    let taken = pair.take(&effects, own, false).await;
    let alive = targets.iter().map(|target| view(&two.store).association(&key(&source, target)).is_some()).collect();
    pair.close().await;
    (Taken { at: Default::default(), ..taken }, alive)
}

#[tokio::test]
async fn effects_that_come_in_several_deliveries_do_what_they_do_in_one() {
    let whole = retracted(1, 1).await;
    assert_eq!((whole.0.died, &whole.1[..]), (3, &[false; 3][..]));
    assert_eq!(retracted(3, 1).await, whole);
    assert_eq!(retracted(3, 2).await, whole, "one comes again when its answer is lost");
}

#[tokio::test]
async fn a_number_is_taken_with_the_last_of_its_deliveries() {
    let pair = Pair::open();
    let [one, two] = &pair.replicas[..] else { panic!("there are two") };
    let concept = NewConcept::bare(&Namespace::default(), &one.like("note"), None);
    let targets: Vec<NewConcept> =
        (0..2).map(|at| NewConcept::bare(&Namespace::default(), &two.like(&format!("illness {at}")), None)).collect();
    let associations = targets.iter().map(|target| association(&concept.content, &target.content, &[])).collect();
    let foreign =
        targets.iter().map(|target| Ghost { id: target.id, versions: Vec::new(), erased_incarnation: 0, continues: false });
    let mut foreign: Vec<Ghost> = foreign.collect();
    foreign.sort_by_key(|ghost| ghost.id);
    let teach = Learn { concept, on_conflict: None, targets: targets.clone(), associations };
    one.submit(Command { foreign, ..command(Operation::Learn(Box::new(teach))) }).await;
    let effects = pair.newest();
    let mut own = pair.for_second(&effects);
    let last = own.split_off(own.len() - 1);
    pair.take(&effects, own, true).await;
    let is_taken = tokio::time::timeout(std::time::Duration::from_millis(50), two.store.wait_taken(1, effects.number));
    assert!(is_taken.await.is_err(), "who waits for all of it would see a part");
    pair.take(&effects, last, false).await;
    two.store.wait_taken(1, effects.number).await;
    assert!(targets.iter().all(|target| view(&two.store).concept(target.id).is_some()));
    pair.close().await;
}

#[tokio::test]
async fn much_evidence_of_one_association_is_told_in_parts_that_add_up() {
    const STATEMENTS: usize = 2_500;
    let pair = Pair::open();
    let [one, two] = &pair.replicas[..] else { panic!("there are two") };
    let source = one.like("remedy");
    let target = two.like("illness");
    two.write(learn(&target).operations.remove(0)).await;
    let statements: Vec<String> = (0..)
        .map(|at| format!("statement {at}"))
        .filter(|content| one.store.range().keeps(id(content)))
        .take(STATEMENTS)
        .collect();
    let taught = statements.iter().chain([&source]).map(|content| learn(content).operations.remove(0)).collect();
    one.submit(Command { operations: taught, ..command(Operation::Delivered(0)) }).await;
    let foreign = vec![ghost_of(&two.store, &target)];
    let associate = Command { foreign, ..command(Operation::Associate(association(&source, &target, &statements))) };
    one.submit(associate).await;
    let effects = pair.newest();
    let own = pair.for_second(&effects);
    let mut grounds = Vec::new();
    let mut told = Vec::new();
    for effect in &own {
        if let Effect::Evidence { pieces, presumed, .. } = effect {
            assert!(pieces.len() <= 1_000);
            grounds.extend(pieces.iter().map(|piece| piece.ground.clone()));
            told.extend(presumed.iter().map(|(id, _)| *id));
        }
    }
    let mut expected: Vec<Ground> = statements.iter().map(|content| Ground::Statement(id(content))).collect();
    grounds.sort();
    expected.sort();
    assert!(grounds == expected && told == [id(&target)], "{} pieces, {told:?}", grounds.len());
    pair.take(&effects, own, false).await;
    let arriving = view(&two.store).association(&key(&source, &target));
    assert!(arriving.is_none_or(|association| association.evidence.len() == STATEMENTS));
    pair.close().await;
}

#[tokio::test]
async fn what_was_made_of_effects_is_told_by_the_log_s_time_whatever_the_wall_clock_says() {
    let mut pair = Pair::open();
    let disk = disk();
    let ahead = StoreConfig { wall_clock: Arc::new(|| sutra_protocol::Timestamp::from_micros(i64::MAX / 4)), ..config(&disk) };
    let directory = Directory::open(&ahead, GRID).unwrap();
    // The entries come from a leader whose clock is right.
    let follower = Replica::open(&directory, &placement(2), &ahead).unwrap();
    let [one, two] = &pair.replicas[..] else { panic!("there are two") };
    let target = two.like("illness");
    let forward = Operation::Forward(Box::new(learn(&target).operations.remove(0)));
    one.write(forward).await;
    let effects = pair.newest();
    let Effects { number, recorded_at, era, .. } = *effects;
    let own = pair.for_second(&effects);
    let delivery = Delivery { origin: 1, number, after: 0, recorded_at, era, ahead: false, effects: own };
    let entry = two.entry(Operation::Take(Box::new(delivery))).await;
    follower.store.apply(vec![entry]).await.unwrap();
    for store in [&two.store, &follower.store] {
        let taken = store.taken(&Namespace::default(), 1, number).expect("it is not an hour ago");
        assert!(matches!(taken.outcomes[..], [Ok(Outcome::Learned { created: true, .. })]), "{taken:?}");
    }
    close(directory, vec![follower]).await;
    pair.replicas.truncate(2);
    pair.close().await;
}

#[tokio::test]
async fn a_concept_that_changes_for_ever_is_told_in_short_and_what_others_knew_of_it_stays() {
    const CHANGES: usize = 600;
    let pair = Pair::open();
    let [one, two] = &pair.replicas[..] else { panic!("there are two") };
    let statement = one.like("statement");
    let (source, target) = (two.like("remedy"), two.like("illness"));
    one.write(learn(&statement).operations.remove(0)).await;
    for content in [&source, &target] {
        two.write(learn(content).operations.remove(0)).await;
    }
    let foreign = vec![ghost_of(&one.store, &statement)];
    let associate = association(&source, &target, std::slice::from_ref(&statement));
    let associate = NewAssociation { confidence: 1.0, ..associate };
    two.submit(Command { foreign, ..command(Operation::Associate(associate)) }).await;
    let Effects { number, recorded_at, era, .. } = *two.store.effects(0, usize::MAX).pop().unwrap();
    let told = two.store.effects_numbered(number).unwrap();
    let own = told.effects.iter().map(|(_, effect)| effect.clone()).collect();
    let delivery = Delivery { origin: 2, number, after: 0, recorded_at, era, ahead: false, effects: own };
    one.write(Operation::Take(Box::new(delivery))).await;
    let confidence = |at: usize| at as f64 / (2 * CHANGES) as f64;
    let mut times = Vec::new();
    // With the first one there is one version more than changes.
    for at in 0..CHANGES {
        let amend = Amend {
            id: id(&statement),
            expected: None,
            aliases: None,
            attributes: Default::default(),
            confidence: Some(confidence(at)),
            valid_from: Edit::Keep,
            valid_to: Edit::Keep,
        };
        one.write(Operation::Amend(Box::new(amend))).await;
        let effects = pair.newest();
        let own = pair.for_second(&effects);
        let [Effect::Ghost(ghost)] = &own[..] else { panic!("{own:?}") };
        assert!(ghost.versions.len() <= 256 && ghost.continues == (at + 2 > 256), "after {at} changes: {}", ghost.versions.len());
        times.push(effects.recorded_at);
        pair.take(&effects, own, false).await;
    }
    for (at, known_at) in times.into_iter().enumerate() {
        let as_of = sutra_protocol::AsOf { valid_at: None, known_at: Some(known_at) };
        let then = two.store.view(&Namespace::default(), as_of).unwrap().association(&key(&source, &target));
        assert_eq!(then.map(|association| association.confidence), Some(confidence(at)), "after {at} changes");
    }
    pair.close().await;
}
