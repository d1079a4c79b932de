//! Many callers who write about the same concepts at once: nobody can say what comes of it, but the shards have to agree.

use std::time::Duration;

use sutra_disk::Random;
use sutra_grid::{Reading, Router, View};
use sutra_protocol::command::{Operation, RequestKey};
use sutra_protocol::{AssociationFilter, Direction, Knowledge, Step};
use sutra_storage::Store;
use tokio::time::sleep;

use super::author::{Author, Subject};
use super::nodes::Nodes;
use super::scene::{Scene, command, view};

/// Most that there can be of anything.
const MOST: usize = 100_000;

pub(super) fn subject() -> Subject {
    Subject::new("crowd", "the")
}

pub(super) async fn write_on(scene: Scene, writer: usize, mut random: Random) {
    let subject = subject();
    let mut asked = 0;
    while !scene.is_over() {
        asked += 1;
        let count = if random.one_in(4) { 1 + random.below(4) } else { 1 };
        let operations = (0..count).map(|_| operation(&mut random, &subject)).collect();
        let request = random.one_in(3).then(|| RequestKey { key: format!("{writer} {asked}"), digest: 1 });
        let command = command(&subject.namespace, &format!("writer {writer}"), request, operations);
        // With whatever is known there of what it is about.
        scene.host(&mut random).await.perform(&command).await;
        sleep(Duration::from_millis(random.below(15))).await;
    }
}

fn operation(random: &mut Random, subject: &Subject) -> Operation {
    if random.one_in(60) { Operation::DropNamespace } else { Author { random, subject }.operation() }
}

/// That at rest the shards say the same of what they share, in every namespace.
pub(super) async fn assert_agreed(router: &Router, nodes: &Nodes) {
    let stores: Vec<Store> =
        nodes.replicas().into_values().filter_map(|replicas| Some(replicas.into_values().next()?.store().clone())).collect();
    for told in router.namespaces(&Reading::default()).await.unwrap() {
        let view = view(router, &told.name, Reading::default());
        let concepts = view.concepts(None, MOST);
        let associations = view.associations(None, MOST);
        let counted = (concepts.len() as u64, associations.len() as u64);
        assert_eq!((told.concepts, told.associations), counted, "what namespace {} is said to have, and what it has", told.name);
        let steps = |of: Direction| -> Vec<Step> {
            let steps = |page: &[std::sync::Arc<sutra_protocol::Concept>]| {
                let ids: Vec<_> = page.iter().map(|concept| concept.id).collect();
                view.expand(&ids, of, &AssociationFilter::default()).into_iter().flatten().collect::<Vec<_>>()
            };
            let mut all: Vec<Step> = concepts.chunks(1_000).flat_map(steps).collect();
            all.sort_by(|a, b| a.key.cmp(&b.key));
            all
        };
        let (leaving, mut arriving) = (steps(Direction::Out), steps(Direction::In));
        arriving.iter_mut().for_each(|step| step.reversed = false);
        let differs = |one: &[Step], other: &[Step]| one.iter().filter(|step| !other.contains(step)).cloned().collect::<Vec<_>>();
        assert!(
            leaving == arriving,
            "in namespace {} these leave and do not arrive: {:#?}\nand these the reverse: {:#?}",
            told.name,
            differs(&leaving, &arriving),
            differs(&arriving, &leaving)
        );
        let keys: Vec<_> = leaving.iter().map(|step| &step.key).collect();
        assert_eq!(keys, associations.iter().map(|one| &one.key).collect::<Vec<_>>(), "of namespace {}", told.name);
        for concept in &concepts {
            assert_held(&view, &stores, concept);
        }
        assert!(view.missing().is_empty(), "of namespace {}: {:?}", told.name, view.missing());
    }
}

/// That a key names one concept.
fn assert_held(view: &View, stores: &[Store], concept: &sutra_protocol::Concept) {
    let Some(key) = &concept.key else { return };
    let as_of = sutra_protocol::AsOf { valid_at: None, known_at: None };
    let holders: Vec<_> = stores.iter().filter_map(|store| store.view(view.namespace(), as_of).unwrap().keyed(key)).collect();
    assert_eq!(holders, [concept.id], "who has the key {key}");
}
