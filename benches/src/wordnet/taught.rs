//! WordNet in a store, in process.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use sutra_protocol::command::{Command, Learn, NewAssociation, NewConcept, Operation};
use sutra_protocol::{AssociationKey, AttributeValue, ConceptId, Label, Namespace, Validity};
use sutra_storage::Store;

use super::synset::Synset;

/// Operations of a command.
const OPERATIONS: usize = 1_000;

/// Teaches the store every synset and then every association, with the synset it stands at as its evidence, as an import does.
///
/// # Errors
/// If something is refused.
pub(crate) async fn teach(store: &Store, synsets: &[Synset]) -> anyhow::Result<()> {
    let ids: HashMap<&str, ConceptId> = synsets.iter().map(|synset| (&*synset.key, synset.id())).collect();
    for part in synsets.chunks(OPERATIONS) {
        submit(store, part.iter().map(concept).collect()).await?;
    }
    let mut labels: HashMap<&str, Label> = HashMap::new();
    let mut operations = Vec::with_capacity(OPERATIONS);
    for synset in synsets {
        let source = synset.id();
        for pointer in &synset.associations {
            let target = *ids.get(&*pointer.target_key).with_context(|| format!("{} is in no line", pointer.target_key))?;
            let label = labels.entry(&pointer.label).or_insert_with(|| Label::from(&*pointer.label)).clone();
            let key = AssociationKey { source, kind: pointer.kind, label, target, validity: Validity::ALWAYS };
            operations.push(Operation::Associate(NewAssociation { key, confidence: 1.0, strength: 1.0, evidence: vec![source] }));
            if operations.len() == OPERATIONS {
                submit(store, std::mem::take(&mut operations)).await?;
            }
        }
    }
    submit(store, operations).await
}

fn concept(synset: &Synset) -> Operation {
    let mut concept = NewConcept::bare(&Namespace::default(), &synset.content, Some(&synset.key));
    concept.aliases = synset.aliases.iter().map(|alias| Arc::from(alias.as_str())).collect();
    concept.attributes =
        synset.attributes.iter().map(|(name, value)| (name.clone(), AttributeValue::Text(value.clone()))).collect();
    concept.source = Some(synset.source.clone());
    Operation::Learn(Box::new(Learn { concept, on_conflict: None, targets: Vec::new(), associations: Vec::new() }))
}

async fn submit(store: &Store, operations: Vec<Operation>) -> anyhow::Result<()> {
    if operations.is_empty() {
        return Ok(());
    }
    let command = Command {
        namespace: Namespace::default(),
        asserted_by: "wordnet".into(),
        request: None,
        operations,
        foreign: Vec::new(),
    };
    let applied = store.submit(command).await.context("teach WordNet")?;
    match applied.outcomes.iter().find_map(|outcome| outcome.as_ref().err()) {
        Some(refused) => bail!("the store refused a part of WordNet: {refused}"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use sutra_protocol::Knowledge as _;
    use sutra_storage::StoreConfig;

    use super::*;
    use crate::engine;
    use crate::wordnet::tests::{CANINE, DOG, synset};

    #[tokio::test]
    async fn synsets_are_taught_with_what_they_point_at() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::at(dir.path())).unwrap();
        let [dog, canine] = [synset(DOG), synset(CANINE)];
        teach(&store, &[dog.clone(), canine.clone()]).await.unwrap();
        let view = engine::view(&store, &Namespace::default()).unwrap();
        assert_eq!(view.keyed(&canine.key), Some(canine.id()));
        assert_eq!(view.degree(dog.id()).out, 1);
        assert_eq!(view.concept(dog.id()).unwrap().source, Some(dog.source));
        store.close().await;
    }

    #[tokio::test]
    async fn a_pointer_to_nothing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::at(dir.path())).unwrap();
        let error = teach(&store, &[synset(DOG)]).await.unwrap_err();
        assert!(error.to_string().contains("wn30:02083346-n"), "{error}");
        store.close().await;
    }
}
