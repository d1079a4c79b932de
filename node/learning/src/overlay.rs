//! What is taught but not applied yet.

use std::collections::HashMap;
use std::sync::Arc;

use sutra_protocol::command::NewConcept;
use sutra_protocol::{ConceptId, name};

/// What operations that are planned, but not applied, will create and remove: the items of a batch see those before them, the
/// lines of an import see the commands in flight.
///
/// Everything in it belongs to a *generation*; once the operations of a generation are applied, stored knowledge has it and
/// [`forget`](Self::forget) drops it.
#[derive(Debug, Default)]
pub struct Overlay {
    generation: u64,
    taught: HashMap<ConceptId, Taught>,
    keys: HashMap<Arc<str>, (ConceptId, u64)>,
    gone: HashMap<ConceptId, u64>,
    /// By normal name; built when a name is first asked for, which most imports never do.
    names: Option<HashMap<String, Vec<ConceptId>>>,
}

/// A concept as the overlay knows it.
#[derive(Clone, Debug)]
pub(crate) struct Taught {
    pub(crate) content: Arc<str>,
    aliases: Vec<Arc<str>>,
    /// Set where it is created only because an association needs it: should the operation that creates it be rejected, another
    /// that needs it creates it as well.
    pub(crate) bare: Option<Box<NewConcept>>,
    generation: u64,
}

impl Overlay {
    /// Sets the generation of what is taught from now on.
    pub fn begin(&mut self, generation: u64) {
        self.generation = generation;
    }

    /// Drops everything up to and with `generation`.
    pub fn forget(&mut self, generation: u64) {
        self.taught.retain(|_, taught| taught.generation > generation);
        self.keys.retain(|_, (_, taught)| *taught > generation);
        self.gone.retain(|_, taught| *taught > generation);
        self.names = None;
    }

    /// What the concept holds, if it is going to be created.
    pub fn content(&self, id: ConceptId) -> Option<Arc<str>> {
        self.taught.get(&id).map(|taught| Arc::clone(&taught.content))
    }

    pub(crate) fn get(&self, id: ConceptId) -> Option<&Taught> {
        self.taught.get(&id)
    }

    pub(crate) fn keyed(&self, key: &str) -> Option<ConceptId> {
        self.keys.get(key).map(|(id, _)| *id)
    }

    pub(crate) fn is_gone(&self, id: ConceptId) -> bool {
        self.gone.contains_key(&id)
    }

    /// Those that will be called `name`.
    pub(crate) fn named(&mut self, name: &str) -> Vec<ConceptId> {
        if self.taught.is_empty() {
            return Vec::new();
        }
        let taught = &self.taught;
        let names = self.names.get_or_insert_with(|| {
            let mut names = HashMap::new();
            taught.iter().for_each(|(id, taught)| enter(&mut names, *id, taught));
            names
        });
        names.get(&name::normal_name(name)).cloned().unwrap_or_default()
    }

    /// `id` will hold what is taught of `concept`.
    pub(crate) fn teach(&mut self, id: ConceptId, concept: &NewConcept) {
        self.enter(id, concept, None);
    }

    /// `concept` will be created because an association needs it.
    pub(crate) fn create(&mut self, concept: &NewConcept) {
        if !self.taught.contains_key(&concept.id) {
            self.enter(concept.id, concept, Some(Box::new(concept.clone())));
        }
    }

    /// `id` will be retracted.
    pub(crate) fn retract(&mut self, id: ConceptId) {
        self.taught.remove(&id);
        self.gone.insert(id, self.generation);
        self.names = None;
    }

    fn enter(&mut self, id: ConceptId, concept: &NewConcept, bare: Option<Box<NewConcept>>) {
        let NewConcept { content, aliases, key, .. } = concept;
        let taught = Taught { content: Arc::clone(content), aliases: aliases.clone(), bare, generation: self.generation };
        if let Some(names) = &mut self.names {
            enter(names, id, &taught);
        }
        self.taught.insert(id, taught);
        self.gone.remove(&id);
        if let Some(key) = key {
            self.keys.insert(Arc::clone(key), (id, self.generation));
        }
    }
}

fn enter(names: &mut HashMap<String, Vec<ConceptId>>, id: ConceptId, taught: &Taught) {
    for name in name::names(&taught.content, taught.aliases.iter().map(AsRef::as_ref)) {
        let ids = names.entry(name).or_default();
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use sutra_protocol::Namespace;

    use super::*;

    fn concept(content: &str, key: Option<&str>) -> NewConcept {
        NewConcept::bare(&Namespace::default(), content, key)
    }

    #[test]
    fn a_generation_is_forgotten_with_its_keys_and_names() {
        let (dog, cat) = (concept("dog: a canine", Some("n1")), concept("cat", Some("n2")));
        let mut overlay = Overlay::default();
        overlay.begin(1);
        overlay.teach(dog.id, &dog);
        overlay.begin(2);
        overlay.teach(cat.id, &cat);
        assert_eq!((overlay.named("Dog"), overlay.keyed("n1")), (vec![dog.id], Some(dog.id)));
        overlay.forget(1);
        assert_eq!((overlay.named("dog"), overlay.keyed("n1"), overlay.content(dog.id)), (vec![], None, None));
        assert_eq!((overlay.named("cat"), overlay.keyed("n2")), (vec![cat.id], Some(cat.id)));
    }

    #[test]
    fn a_replaced_concept_is_gone_until_it_is_taught_anew() {
        let dog = concept("dog", None);
        let mut overlay = Overlay::default();
        overlay.retract(dog.id);
        assert!(overlay.is_gone(dog.id));
        overlay.teach(dog.id, &dog);
        assert!(!overlay.is_gone(dog.id));
    }
}
