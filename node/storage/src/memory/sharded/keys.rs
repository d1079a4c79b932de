//! Whose a key is, while what was decided about it is still on its way.

use super::*;

/// What these tests are about.
const KEY: &str = KEYS[0];

fn learn(content: &str, on_conflict: Option<OnConflict>) -> Operation {
    let concept = NewConcept::bare(&Namespace::default(), content, Some(KEY));
    Operation::Learn(Box::new(Learn { concept, on_conflict, targets: Vec::new(), associations: Vec::new() }))
}

fn id(content: &str) -> ConceptId {
    ConceptId::derive(&Namespace::default(), content, Some(KEY))
}

fn amend(content: &str, confidence: f64) -> Operation {
    Operation::Amend(Box::new(Amend {
        id: id(content),
        expected: None,
        aliases: None,
        attributes: BTreeMap::new(),
        confidence: Some(confidence),
        valid_from: Edit::Keep,
        valid_to: Edit::Keep,
    }))
}

/// A grid in which another shard says whose the key is than those that keep the two concepts.
struct Scene {
    grid: Grid,
    /// The shard of the key.
    judge: usize,
    old: &'static str,
    /// Where it is kept.
    old_shard: usize,
    new: &'static str,
    new_shard: usize,
}

impl Scene {
    /// In which the first concept has the key.
    fn new(random: &mut Random) -> Self {
        let mut grid = Grid::new(4);
        let judge = grid.shard_of(PlacementKey::of_key(&Namespace::default(), KEY));
        let home = grid.shard_of(PlacementKey::of_namespace(&Namespace::default()));
        let shard_of = |content: &str| grid.shard_of(PlacementKey::of_concept(id(content)));
        let elsewhere: Vec<(&'static str, usize)> = CONTENTS.into_iter().map(|content| (content, shard_of(content))).collect();
        let (old, old_shard) = *elsewhere.iter().find(|(_, shard)| ![judge, home].contains(shard)).unwrap();
        let (new, new_shard) = *elsewhere.iter().find(|(_, shard)| ![judge, home, old_shard].contains(shard)).unwrap();
        grid.perform(&learn(old, None), None, random).outcome.unwrap();
        Self { grid, judge, old, old_shard, new, new_shard }
    }

    fn do_at(&mut self, shard: usize, operation: &Operation) -> Result<Outcome, Rejection> {
        let command = self.grid.planned(operation, None);
        self.grid.apply_at(shard, &command).outcomes.remove(0)
    }

    /// Has `to` take all that `from` has for it.
    fn carry(&mut self, from: usize, to: usize) {
        while let Some(effects) = self.grid.next(from, to) {
            self.grid.carry(from, to, &effects, false);
        }
    }

    /// The new concept is taught, and the judge knows of it.
    fn teach_new(&mut self, on_conflict: Option<OnConflict>) {
        let (judge, new_shard) = (self.judge, self.new_shard);
        self.do_at(judge, &learn(self.new, on_conflict)).unwrap();
        self.carry(judge, new_shard);
        self.carry(new_shard, judge);
        assert!(self.grid.shards[judge].reserved.is_empty(), "it is settled");
    }

    fn assert_only_new_has_it(&mut self, random: &mut Random) {
        self.grid.settle(random);
        let found: Vec<ConceptId> = (0..4).filter_map(|shard| self.grid.view(shard, None).keyed(KEY)).collect();
        assert_eq!((self.grid.holders(KEY), found), (vec![id(self.new)], vec![id(self.new)]));
        assert!(self.grid.shards.iter().all(|shard| shard.giving_way.is_empty()), "nobody gives way any more");
        (0..4).for_each(|shard| agrees(&self.grid, shard).unwrap());
    }
}

#[test]
fn who_has_lost_a_key_does_not_get_it_back_before_that_is_known() {
    let random = &mut Random::new(7);
    let mut scene = Scene::new(random);
    let (judge, old_shard) = (scene.judge, scene.old_shard);
    scene.teach_new(Some(OnConflict::Replace));
    // The old one's shard has not heard yet that it gives way, and says something new of it.
    scene.do_at(old_shard, &amend(scene.old, 0.5)).unwrap();
    scene.carry(old_shard, judge);
    for on_conflict in [None, Some(OnConflict::Merge), Some(OnConflict::Replace)] {
        let again = scene.do_at(judge, &learn(scene.old, on_conflict)).unwrap_err();
        assert!(matches!(again, Rejection::KeyBusy { .. }), "{again}");
    }
    let third = CONTENTS.into_iter().find(|content| ![scene.old, scene.new].contains(content)).unwrap();
    let taken = scene.do_at(judge, &learn(third, None)).unwrap_err();
    assert_eq!(taken, Rejection::KeyTaken { key: KEY.into(), holder: id(scene.new) });
    scene.assert_only_new_has_it(random);
    let taken = scene.do_at(judge, &learn(scene.old, None)).unwrap_err();
    assert_eq!(taken, Rejection::KeyTaken { key: KEY.into(), holder: id(scene.new) });
}

#[test]
fn who_keeps_a_key_when_its_replacement_is_refused_has_it_still() {
    let random = &mut Random::new(7);
    let mut scene = Scene::new(random);
    let judge = scene.judge;
    let Operation::Learn(mut refused) = learn(scene.new, Some(OnConflict::Replace)) else { unreachable!() };
    // No dimension is fixed yet.
    refused.concept.vector = Some([1.0, 0.0].as_slice().into());
    scene.do_at(judge, &Operation::Learn(refused)).unwrap();
    scene.grid.settle(random);
    assert_eq!(scene.grid.holders(KEY), [id(scene.old)]);
    let taken = scene.do_at(judge, &learn(scene.new, None)).unwrap_err();
    assert_eq!(taken, Rejection::KeyTaken { key: KEY.into(), holder: id(scene.old) });
}

#[test]
fn what_is_told_of_a_namespace_that_was_dropped_is_not_taken_for_its_successor() {
    let random = &mut Random::new(7);
    let mut scene = Scene::new(random);
    let (judge, old_shard, new_shard) = (scene.judge, scene.old_shard, scene.new_shard);
    let home = scene.grid.shard_of(PlacementKey::of_namespace(&Namespace::default()));
    scene.do_at(old_shard, &amend(scene.old, 0.5)).unwrap();
    scene.do_at(home, &Operation::DropNamespace).unwrap();
    for other in [judge, new_shard] {
        scene.carry(home, other);
    }
    // The old one's shard has not heard of it.
    scene.teach_new(None);
    scene.carry(old_shard, judge);
    let again = scene.do_at(judge, &learn(scene.old, None)).unwrap_err();
    assert_eq!(again, Rejection::KeyTaken { key: KEY.into(), holder: id(scene.new) });
    scene.assert_only_new_has_it(random);
}

#[test]
fn what_a_namespace_that_was_dropped_had_decided_says_nothing_of_who_gives_way_in_its_successor() {
    let random = &mut Random::new(7);
    let mut scene = Scene::new(random);
    let (judge, old_shard, new_shard) = (scene.judge, scene.old_shard, scene.new_shard);
    let home = scene.grid.shard_of(PlacementKey::of_namespace(&Namespace::default()));
    let elsewhere = |content: &&str| {
        let shard = scene.grid.shard_of(PlacementKey::of_concept(id(content)));
        ![old_shard, new_shard].contains(&shard) && ![scene.old, scene.new].contains(content)
    };
    let newest = CONTENTS.into_iter().find(elsewhere).unwrap();
    let newest_shard = scene.grid.shard_of(PlacementKey::of_concept(id(newest)));
    // What comes of the replacement is not heard of.
    scene.do_at(judge, &learn(scene.new, Some(OnConflict::Replace))).unwrap();
    scene.carry(judge, new_shard);
    scene.do_at(home, &Operation::DropNamespace).unwrap();
    for other in [judge, old_shard] {
        scene.carry(home, other);
    }
    scene.carry(judge, old_shard);
    scene.carry(old_shard, judge);
    // In the next namespace the old one is taught again, and replaced by another.
    for (content, shard, on_conflict) in [(scene.old, old_shard, None), (newest, newest_shard, Some(OnConflict::Replace))] {
        scene.do_at(judge, &learn(content, on_conflict)).unwrap();
        if shard != judge {
            scene.carry(judge, shard);
            scene.carry(shard, judge);
        }
    }
    scene.carry(new_shard, judge);
    let third = CONTENTS.into_iter().find(|content| ![scene.old, scene.new, newest].contains(content)).unwrap();
    let taken = scene.do_at(judge, &learn(third, None)).unwrap_err();
    assert_eq!(taken, Rejection::KeyTaken { key: KEY.into(), holder: id(newest) });
    let again = scene.do_at(judge, &learn(scene.old, None)).unwrap_err();
    assert!(matches!(again, Rejection::KeyBusy { .. }), "{again}");
    scene.new = newest;
    scene.assert_only_new_has_it(random);
}
