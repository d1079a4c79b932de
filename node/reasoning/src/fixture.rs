//! A graph in memory: the knowledge of all tests of this crate.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sutra_protocol::name::{names, normal_name};
use sutra_protocol::{
    Association, AssociationFilter, AssociationKey, AssociationType, Concept, ConceptId, Direction, Evidence, Ground, Knowledge,
    Namespace, SemanticType, Source, Step, Timestamp, Validity,
};

/// A graph under construction, and the knowledge it comes to.
#[derive(Default)]
pub(crate) struct Graph {
    concepts: BTreeMap<ConceptId, Arc<Concept>>,
    associations: HashMap<AssociationKey, Association>,
    out: HashMap<ConceptId, Vec<Step>>,
    incoming: HashMap<ConceptId, Vec<Step>>,
    /// How often [`Knowledge::expand`] was called.
    pub(crate) expansions: Cell<usize>,
}

impl Graph {
    /// A concept without a key, or the one that has this content.
    pub(crate) fn learn(&mut self, content: &str) -> ConceptId {
        self.learn_as(content, None, &[])
    }

    /// A concept with a key and aliases.
    pub(crate) fn learn_as(&mut self, content: &str, key: Option<&str>, aliases: &[&str]) -> ConceptId {
        let id = ConceptId::derive(&Namespace::default(), content, key);
        self.concepts.entry(id).or_insert_with(|| Arc::new(concept(id, content, key, aliases)));
        id
    }

    /// A concept that is a statement from a document.
    pub(crate) fn statement(&mut self, content: &str, uri: &str) -> ConceptId {
        let id = self.learn(content);
        let source = Some(Source { uri: uri.into(), title: None, page: None, offset: None });
        self.edit(id, |concept| concept.source = source);
        id
    }

    /// Changes a concept.
    pub(crate) fn edit(&mut self, id: ConceptId, change: impl FnOnce(&mut Concept)) {
        change(Arc::make_mut(self.concepts.get_mut(&id).unwrap()));
    }

    /// A concept with this very id and no more than a number for its content.
    pub(crate) fn numbered(&mut self, id: u128) -> ConceptId {
        let id = ConceptId::from_u128(id);
        self.concepts.entry(id).or_insert_with(|| Arc::new(concept(id, &id.as_u128().to_string(), None, &[])));
        id
    }

    /// An association between concepts named by content, asserted by a teacher.
    pub(crate) fn link(
        &mut self,
        source: &str,
        kind: AssociationType,
        label: &str,
        target: &str,
        confidence: f64,
    ) -> AssociationKey {
        let (source, target) = (self.learn(source), self.learn(target));
        self.associate(source, kind, label, target, confidence, &[])
    }

    /// An association; without statements it is asserted by a teacher.
    pub(crate) fn associate(
        &mut self,
        source: ConceptId,
        kind: AssociationType,
        label: &str,
        target: ConceptId,
        confidence: f64,
        statements: &[ConceptId],
    ) -> AssociationKey {
        let key = AssociationKey { source, kind, label: label.into(), target, validity: Validity::ALWAYS };
        let evidence = match statements {
            [] => vec![Evidence { ground: Ground::AssertedBy("teacher".into()), confidence }],
            some => some.iter().map(|id| Evidence { ground: Ground::Statement(*id), confidence }).collect(),
        };
        let association = Association { key: key.clone(), confidence, strength: 1.0, evidence };
        if self.associations.insert(key.clone(), association).is_none() {
            let step = Step { key: key.clone(), confidence, strength: 1.0, reversed: false };
            self.incoming.entry(target).or_default().push(Step { reversed: true, ..step.clone() });
            self.out.entry(source).or_default().push(step);
        }
        key
    }

    /// Every association, in both of the ways it can be crossed.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.out.values().chain(self.incoming.values()).flatten()
    }
}

impl Knowledge for Graph {
    fn concept(&self, id: ConceptId) -> Option<Arc<Concept>> {
        self.concepts.get(&id).cloned()
    }

    fn keyed(&self, key: &str) -> Option<ConceptId> {
        self.concepts.values().find(|concept| concept.key.as_deref() == Some(key)).map(|concept| concept.id)
    }

    fn named(&self, name: &str) -> Vec<ConceptId> {
        let name = normal_name(name);
        let called =
            |concept: &&Arc<Concept>| names(&concept.content, concept.aliases.iter().map(|alias| &**alias)).contains(&name);
        self.concepts.values().filter(called).map(|concept| concept.id).collect()
    }

    fn expand(&self, frontier: &[ConceptId], direction: Direction, filter: &AssociationFilter) -> Vec<Vec<Step>> {
        self.expansions.set(self.expansions.get() + 1);
        let of = |steps: &HashMap<ConceptId, Vec<Step>>, id: &ConceptId| -> Vec<Step> {
            let allowed = |step: &&Step| filter.allows(step.key.kind, &step.key.label, step.confidence);
            let mut steps: Vec<Step> = steps.get(id).into_iter().flatten().filter(allowed).cloned().collect();
            steps.sort_by(|a, b| (a.key.kind, &a.key.label, a.to()).cmp(&(b.key.kind, &b.key.label, b.to())));
            steps
        };
        let expand = |id: &ConceptId| match direction {
            Direction::Out => of(&self.out, id),
            Direction::In => of(&self.incoming, id),
            Direction::Both => [of(&self.out, id), of(&self.incoming, id)].concat(),
        };
        frontier.iter().map(expand).collect()
    }

    fn association(&self, key: &AssociationKey) -> Option<Association> {
        self.associations.get(key).cloned()
    }
}

fn concept(id: ConceptId, content: &str, key: Option<&str>, aliases: &[&str]) -> Concept {
    Concept {
        id,
        namespace: Namespace::default(),
        incarnation: 1,
        key: key.map(Into::into),
        content: content.into(),
        aliases: aliases.iter().map(|alias| Arc::from(*alias)).collect(),
        semantic_type: SemanticType::default(),
        confidence: 1.0,
        strength: 1.0,
        attributes: BTreeMap::new(),
        vector: None,
        source: None,
        validity: Validity::ALWAYS,
        asserted_by: "teacher".into(),
        created_at: Timestamp::from_micros(0),
        updated_at: Timestamp::from_micros(0),
    }
}
