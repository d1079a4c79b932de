//! What a shard is asked for and does not keep, or is told of and is not so any more.

use super::*;

#[test]
fn whoever_mentions_a_concept_that_was_retracted_meanwhile_waits_until_that_is_known_where_it_was_mentioned() {
    let random = &mut Random::new(7);
    let mut grid = Grid::new(2);
    let id = |content: &str| ConceptId::derive(&Namespace::default(), content, None);
    let shard_of = |grid: &Grid, content: &str| grid.shard_of(PlacementKey::of_concept(id(content)));
    let of = |grid: &Grid, shard: usize| *CONTENTS.iter().find(|content| shard_of(grid, content) == shard).unwrap();
    let (source, target) = (of(&grid, 0), of(&grid, 1));
    for content in [source, target] {
        let concept = NewConcept::bare(&Namespace::default(), content, None);
        let learn = Learn { concept, on_conflict: None, targets: Vec::new(), associations: Vec::new() };
        grid.perform(&Operation::Learn(Box::new(learn)), None, random).outcome.unwrap();
    }
    let (kind, label) = (AssociationType::Causal, Label::from(LABELS[0]));
    let key = AssociationKey { source: id(source), kind, label, target: id(target), validity: Validity::ALWAYS };
    let association = NewAssociation { key: key.clone(), confidence: 0.9, strength: 1.0, evidence: Vec::new() };
    let associate = grid.planned(&Operation::Associate(association), None);
    let applied = grid.apply_at(0, &associate);
    assert!(applied.outcomes[0].is_ok(), "{applied:?}");
    // Its shard does not know yet that anybody mentions it.
    let retracted = grid.apply_at(1, &command_of(Operation::Retract(id(target))));
    assert!(retracted.outcomes[0].is_ok(), "{retracted:?}");

    let effects = grid.next(0, 1).unwrap();
    assert_eq!(applied.sent, Some(effects.number));
    let Ok(Outcome::Taken(taken)) = grid.carry(0, 1, &effects, false).outcomes.remove(0) else { panic!("it is taken") };
    let [correction] = taken.sent[..] else { panic!("it is answered before anybody else knows") };
    assert!(grid.view(0, None).association(&key).is_some());
    let effects = grid.next(1, 0).into_iter().find(|effects| effects.number == correction).unwrap();
    grid.carry(1, 0, &effects, false);
    assert!(grid.view(0, None).association(&key).is_none());
    grid.settle(random);
    (0..2).for_each(|shard| agrees(&grid, shard).unwrap());
}

#[test]
fn an_erasure_that_is_heard_of_late_takes_nothing_that_was_taught_after_it() {
    let random = &mut Random::new(7);
    let mut grid = Grid::new(2);
    let id = |content: &str| ConceptId::derive(&Namespace::default(), content, None);
    let of = |grid: &Grid, shard: usize| {
        *CONTENTS.iter().find(|content| grid.shard_of(PlacementKey::of_concept(id(content))) == shard).unwrap()
    };
    let (source, target) = (of(&grid, 0), of(&grid, 1));
    let bare = |content: &str| NewConcept::bare(&Namespace::default(), content, None);
    let learn =
        |concept, targets, associations| Operation::Learn(Box::new(Learn { concept, on_conflict: None, targets, associations }));
    grid.perform(&learn(bare(target), Vec::new(), Vec::new()), None, random).outcome.unwrap();
    let erased = grid.apply_at(1, &command_of(Operation::Erase(id(target))));
    assert!(erased.outcomes[0].is_ok(), "{erased:?}");
    // Whoever plans this knows of the erasure; the shard that decides it does not.
    let (kind, label) = (AssociationType::Causal, Label::from(LABELS[0]));
    let key = AssociationKey { source: id(source), kind, label, target: id(target), validity: Validity::ALWAYS };
    let association = NewAssociation { key: key.clone(), confidence: 0.9, strength: 1.0, evidence: Vec::new() };
    let taught = grid.planned(&learn(bare(source), vec![bare(target)], vec![association]), None);
    let taught = grid.apply_at(0, &taught);
    assert!(taught.outcomes[0].is_ok(), "{taught:?}");
    grid.settle(random);
    assert!(grid.view(0, None).association(&key).is_some());
    assert!(grid.view(1, None).concept(id(target)).is_some());
    (0..2).for_each(|shard| agrees(&grid, shard).unwrap());
}

#[test]
fn a_shard_that_is_asked_for_what_another_keeps_refuses_it_and_changes_nothing() {
    let grid = &mut Grid::new(2);
    let id = |content: &str| ConceptId::derive(&Namespace::default(), content, None);
    let kept = |grid: &Grid, shard: usize| {
        let is_there = |content: &&str| grid.shard_of(PlacementKey::of_concept(id(content))) == shard;
        CONTENTS.into_iter().filter(is_there).take(2).collect::<Vec<_>>()
    };
    let [source, target] = kept(grid, 1)[..] else { panic!("half of them are there") };
    let concept = NewConcept::bare(&Namespace::default(), source, None);
    let key = AssociationKey {
        source: id(source),
        kind: AssociationType::Causal,
        label: Label::from(LABELS[0]),
        target: id(target),
        validity: Validity::ALWAYS,
    };
    let association = NewAssociation { key: key.clone(), confidence: 0.9, strength: 1.0, evidence: Vec::new() };
    let learn = Learn { concept, on_conflict: None, targets: Vec::new(), associations: Vec::new() };
    let amend = Amend {
        id: id(source),
        expected: None,
        aliases: None,
        attributes: BTreeMap::new(),
        confidence: Some(0.5),
        valid_from: Edit::Keep,
        valid_to: Edit::Keep,
    };
    let operations = [
        Operation::Learn(Box::new(learn)),
        Operation::Associate(association),
        Operation::Dissociate(key),
        Operation::Amend(Box::new(amend)),
        Operation::Retract(id(source)),
        Operation::Erase(id(source)),
    ];
    for operation in operations {
        let command = grid.planned(&operation, None);
        let applied = grid.apply_at(0, &command);
        assert_eq!((applied.outcomes, applied.sent), (vec![Err(Rejection::NotHere)], None), "{operation:?}");
        assert!(grid.shards[0].namespaces.is_empty(), "{operation:?}");
    }
}
