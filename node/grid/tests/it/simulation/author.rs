//! Random operations about a few concepts.

use std::collections::BTreeMap;

use sutra_disk::Random;
use sutra_protocol::command::{Amend, Edit, Learn, NewAssociation, NewConcept, Operation};
use sutra_protocol::http::OnConflict;
use sutra_protocol::{AssociationKey, AssociationType, ConceptId, Label, Namespace, Source, Validity};

const LABELS: [&str; 2] = ["treats", "causes"];
const SOURCES: [&str; 2] = ["label.pdf", "trial.pdf"];

/// A few concepts, by the contents and keys that there are.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) namespace: Namespace,
    pub(super) contents: Vec<String>,
    pub(super) keys: Vec<String>,
    pub(super) alias: String,
}

impl Subject {
    /// Of this name, which all that is in it begins with.
    pub(super) fn new(namespace: &str, name: &str) -> Self {
        let contents =
            ["aspirin", "headache", "fever", "the label says that aspirin relieves headache", "a trial found the same"];
        Self {
            namespace: namespace.parse().unwrap(),
            contents: contents.iter().map(|content| format!("{name} {content}")).collect(),
            keys: ["RXCUI:1191", "RXCUI:5640"].iter().map(|key| format!("{name} {key}")).collect(),
            alias: format!("{name} ASA"),
        }
    }

    pub(super) fn id(&self, content: &str) -> ConceptId {
        ConceptId::derive(&self.namespace, content, None)
    }

    /// All ids that there can be in it.
    pub(super) fn ids(&self) -> Vec<ConceptId> {
        let keys = || [None].into_iter().chain(self.keys.iter().map(|key| Some(key.as_str())));
        let of = |content: &String| keys().map(|key| ConceptId::derive(&self.namespace, content, key)).collect::<Vec<_>>();
        self.contents.iter().flat_map(of).collect()
    }
}

/// Who thinks of operations about it.
pub(super) struct Author<'a> {
    pub(super) random: &'a mut Random,
    pub(super) subject: &'a Subject,
}

impl Author<'_> {
    fn content(&mut self) -> String {
        self.random.pick(&self.subject.contents).unwrap().clone()
    }

    fn id(&mut self) -> ConceptId {
        // Those without a key are what most is about.
        if self.random.one_in(4) {
            return *self.random.pick(&self.subject.ids()).unwrap();
        }
        let content = self.content();
        self.subject.id(&content)
    }

    fn bare(&self, content: &str, key: Option<&str>) -> NewConcept {
        NewConcept::bare(&self.subject.namespace, content, key)
    }

    fn concept(&mut self) -> NewConcept {
        let key = if self.random.one_in(3) { self.random.pick(&self.subject.keys).cloned() } else { None };
        let content = self.content();
        let mut concept = self.bare(&content, key.as_deref());
        if self.random.one_in(4) {
            let uri = self.random.pick(&SOURCES).unwrap().to_string();
            concept.source = Some(Source { uri, title: None, page: None, offset: None });
        }
        if self.random.one_in(3) {
            concept.confidence = Some([0.25, 0.5, 1.0][self.random.index(3)]);
        }
        if self.random.one_in(4) {
            concept.aliases = vec![self.subject.alias.as_str().into()];
        }
        if self.random.one_in(6) {
            let vectors: [&[f32]; 3] = [&[1.0, 0.0], &[0.5, 0.5], &[0.0, 1.0]];
            concept.vector = Some(vectors[self.random.index(3)].into());
        }
        concept
    }

    fn association(&mut self, source: ConceptId, target: ConceptId) -> NewAssociation {
        let evidence = (0..self.random.index(3)).map(|_| self.id()).collect();
        let label = Label::from(*self.random.pick(&LABELS).unwrap());
        let key = AssociationKey { source, kind: AssociationType::Causal, label, target, validity: Validity::ALWAYS };
        NewAssociation { key, confidence: [0.5, 0.9][self.random.index(2)], strength: 1.0, evidence }
    }

    pub(super) fn operation(&mut self) -> Operation {
        match self.random.index(20) {
            0..9 => {
                let concept = self.concept();
                let mut targets: Vec<NewConcept> = Vec::new();
                if self.random.one_in(2) {
                    let content = self.content();
                    targets.push(self.bare(&content, None));
                }
                let mut associations = Vec::new();
                while self.random.one_in(2) {
                    let other = if self.random.one_in(3) { self.id() } else { targets.first().map_or(concept.id, |one| one.id) };
                    associations.push(self.association(concept.id, other));
                }
                let conflicts = [None, None, Some(OnConflict::Merge), Some(OnConflict::Replace), Some(OnConflict::Error)];
                let on_conflict = conflicts[self.random.index(conflicts.len())];
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
                confidence: Some([0.25, 0.5, 1.0][self.random.index(3)]),
                valid_from: Edit::Keep,
                valid_to: Edit::Keep,
            })),
            16..19 => Operation::Retract(self.id()),
            _ => Operation::Erase(self.id()),
        }
    }

    /// Teaches a statement about two things, of neither of which anything was taught.
    pub(super) fn statement(&mut self, [content, target]: [&str; 2]) -> Operation {
        let (concept, target) = (self.bare(content, None), self.bare(target, None));
        let mut association = self.association(concept.id, target.id);
        association.evidence.clear();
        let (targets, associations) = (vec![target], vec![association]);
        Operation::Learn(Box::new(Learn { concept, on_conflict: None, targets, associations }))
    }
}
