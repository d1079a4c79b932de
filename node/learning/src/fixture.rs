//! Stored knowledge for tests: a handful of concepts in memory.

use std::sync::Arc;

use sutra_protocol::{
    Association, AssociationFilter, AssociationKey, Attributes, Concept, ConceptId, Direction, Knowledge, Namespace, Step,
    Timestamp, Validity, name,
};

/// Concepts without associations.
#[derive(Default)]
pub(crate) struct Known {
    concepts: Vec<Arc<Concept>>,
}

impl Known {
    pub(crate) fn with(mut self, content: &str, key: Option<&str>, aliases: &[&str]) -> Self {
        let namespace = Namespace::default();
        self.concepts.push(Arc::new(Concept {
            id: ConceptId::derive(&namespace, content, key),
            namespace,
            incarnation: 1,
            key: key.map(Arc::from),
            content: content.into(),
            aliases: aliases.iter().map(|alias| Arc::from(*alias)).collect(),
            semantic_type: Default::default(),
            confidence: 1.0,
            strength: 1.0,
            attributes: Attributes::new(),
            vector: None,
            source: None,
            validity: Validity::ALWAYS,
            asserted_by: "anonymous".into(),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }));
        self.concepts.sort_by_key(|concept| concept.id);
        self
    }
}

impl Knowledge for Known {
    fn concept(&self, id: ConceptId) -> Option<Arc<Concept>> {
        self.concepts.iter().find(|concept| concept.id == id).cloned()
    }

    fn keyed(&self, key: &str) -> Option<ConceptId> {
        self.concepts.iter().find(|concept| concept.key.as_deref() == Some(key)).map(|concept| concept.id)
    }

    fn named(&self, called: &str) -> Vec<ConceptId> {
        let called = name::normal_name(called);
        let is_called =
            |concept: &&Arc<Concept>| name::names(&concept.content, concept.aliases.iter().map(|a| &**a)).contains(&called);
        self.concepts.iter().filter(is_called).map(|concept| concept.id).collect()
    }

    fn expand(&self, frontier: &[ConceptId], _: Direction, _: &AssociationFilter) -> Vec<Vec<Step>> {
        frontier.iter().map(|_| Vec::new()).collect()
    }

    fn association(&self, _: &AssociationKey) -> Option<Association> {
        None
    }
}
