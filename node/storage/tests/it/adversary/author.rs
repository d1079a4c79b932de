//! Random commands about the scene, most of which make sense.

use std::collections::BTreeMap;

use sutra_disk::Random;
use sutra_protocol::command::{Amend, Command, Edit, Learn, NewAssociation, NewConcept, Operation, RequestKey};
use sutra_protocol::http::{NamespaceSettings, OnConflict, VectorScalar};
use sutra_protocol::{
    AssociationKey, AssociationType, AttributeValue, ConceptId, Label, Namespace, SemanticType, Source, Timestamp, Validity,
};

use super::model::{Model, Ward};
use super::scene::{self, ALIASES, ATTRIBUTES, CONTENTS, LABELS, SOURCES, TEACHERS, YEARS};
use super::seen::NOW;

/// Writes commands.
pub(crate) struct Author {
    random: Random,
    /// Number of the next request key.
    next: u64,
    /// Commands with a request key, to be repeated.
    sent: Vec<Command>,
}

impl Author {
    pub(crate) fn new(random: Random) -> Self {
        Self { random, next: 0, sent: Vec::new() }
    }

    /// At most `most` commands that are written at once.
    ///
    /// What became of them can be asked for by their request keys after an accident: all have one, none is a repetition, and what
    /// makes a store forget requests is written alone.
    pub(crate) fn traceable(&mut self, model: &Model, most: u64) -> Vec<Command> {
        let count = 1 + self.random.below(most);
        apart((0..count).map(|_| self.new_command(model, true)).collect())
    }

    /// A command of about this many bytes, which nothing speaks against.
    pub(crate) fn large(&mut self, bytes: usize) -> Command {
        self.next += 1;
        let namespace = Namespace::default();
        let mut concept = NewConcept::bare(&namespace, CONTENTS[CONTENTS.len() - 1], None);
        let note = format!("Note {}: ", self.next).repeat(bytes / 10);
        concept.attributes.insert(ATTRIBUTES[2].into(), AttributeValue::Text(note));
        let learn = Learn { concept, on_conflict: Some(OnConflict::Merge), targets: Vec::new(), associations: Vec::new() };
        let request = Some(RequestKey { key: format!("request-{}", self.next), digest: u128::from(self.next) << 64 });
        Command {
            namespace,
            asserted_by: TEACHERS[0].into(),
            request,
            operations: vec![Operation::Learn(Box::new(learn))],
            foreign: Vec::new(),
        }
    }

    /// At most `most` commands that are written at once, some of which may be repetitions of earlier ones.
    pub(crate) fn commands(&mut self, model: &Model, most: u64) -> Vec<Command> {
        let count = 1 + self.random.below(most);
        apart((0..count).map(|_| self.command(model)).collect())
    }

    fn command(&mut self, model: &Model) -> Command {
        let random = &mut self.random;
        if random.one_in(20)
            && let Some(sent) = random.pick(&self.sent)
            && model.remembers(&sent.namespace, &request(sent).key)
        {
            let mut again = sent.clone();
            // Now and then the key comes with another request.
            if random.one_in(4) {
                again.request = again.request.map(|request| RequestKey { digest: request.digest + 1, ..request });
            }
            return again;
        }
        self.new_command(model, false)
    }

    fn new_command(&mut self, model: &Model, traceable: bool) -> Command {
        // The first namespace has most of it, so that things meet.
        let namespaces = scene::namespaces();
        let namespace = namespaces[self.random.index(namespaces.len() + 3).saturating_sub(3)].clone();
        let nothing = Ward::default();
        let ward = model.wards.get(&namespace).unwrap_or(&nothing);
        let first = self.operation(&namespace, ward);
        let alone = stands_alone(&first);
        let mut operations = vec![first];
        while !alone && self.random.one_in(4) {
            let more = self.operation(&namespace, ward);
            if !stands_alone(&more) {
                operations.push(more);
            }
        }
        let request = (traceable || self.random.one_in(3)).then(|| {
            self.next += 1;
            RequestKey { key: format!("request-{}", self.next), digest: u128::from(self.next) << 64 }
        });
        let asserted_by = TEACHERS[self.random.index(TEACHERS.len())].into();
        let command = Command { namespace, asserted_by, request, operations, foreign: Vec::new() };
        if command.request.is_some() {
            self.sent.push(command.clone());
        }
        command
    }

    fn operation(&mut self, namespace: &Namespace, ward: &Ward) -> Operation {
        match self.random.below(100) {
            0..40 => Operation::Learn(Box::new(self.learn(namespace, ward))),
            40..62 => {
                let evidence = (0..self.random.below(3)).map(|_| self.somebody(namespace, ward)).collect();
                Operation::Associate(self.association(namespace, ward, evidence))
            }
            62..70 => Operation::Dissociate(self.key(namespace, ward)),
            70..82 => Operation::Amend(Box::new(self.amend(namespace, ward))),
            82..94 => Operation::Retract(self.somebody(namespace, ward)),
            94..97 => {
                let id = self.somebody(namespace, ward);
                // Whether anything is left to erase of what was retracted, and may be forgotten, is nobody's business.
                if ward.surely_keeps(id) { Operation::Erase(id) } else { Operation::Retract(id) }
            }
            97..99 => {
                let retention = [None, None, Some(3_600), Some(0)];
                let history_retention_seconds = *self.random.pick(&retention).unwrap();
                let scalars = [None, None, Some(VectorScalar::F16), Some(VectorScalar::F32)];
                let vector_scalar = scalars[self.random.index(scalars.len())];
                Operation::SetNamespace(NamespaceSettings { history_retention_seconds, vector_scalar, embedder: None })
            }
            _ => Operation::DropNamespace,
        }
    }

    fn learn(&mut self, namespace: &Namespace, ward: &Ward) -> Learn {
        let concept = self.concept(namespace);
        let targets: Vec<NewConcept> = (0..self.random.below(2)).map(|_| self.bare(namespace)).collect();
        let mut associations = Vec::new();
        while self.random.one_in(3) {
            let evidence = if self.random.one_in(4) { vec![self.somebody(namespace, ward)] } else { Vec::new() };
            let mut association = self.association(namespace, ward, evidence);
            if !self.random.one_in(4) {
                association.key.source = concept.id;
            }
            if let Some(target) = targets.first()
                && self.random.one_in(2)
            {
                association.key.target = target.id;
            }
            associations.push(association);
        }
        let conflicts = [None, None, None, Some(OnConflict::Merge), Some(OnConflict::Replace), Some(OnConflict::Error)];
        Learn { concept, on_conflict: conflicts[self.random.index(conflicts.len())], targets, associations }
    }

    fn bare(&mut self, namespace: &Namespace) -> NewConcept {
        NewConcept::bare(namespace, CONTENTS[self.random.index(CONTENTS.len())], None)
    }

    fn concept(&mut self, namespace: &Namespace) -> NewConcept {
        let content = self.random.index(CONTENTS.len());
        let key = self.random.one_in(4).then(|| scene::key_of(content));
        let mut concept = NewConcept::bare(namespace, CONTENTS[content], key);
        let random = &mut self.random;
        let types = [SemanticType::Entity, SemanticType::Rule, SemanticType::Event, SemanticType::Quantitative];
        concept.semantic_type = random.one_in(2).then(|| types[random.index(types.len())]);
        concept.confidence = random.one_in(3).then(|| random.below(5) as f64 / 4.0);
        concept.strength = random.one_in(5).then(|| random.below(9) as f64 / 8.0);
        concept.vector = random.one_in(6).then(|| {
            // Rarely of another dimension; the numbers are exact in every format.
            let dimension = if random.one_in(8) { 3 } else { 8 };
            (0..dimension).map(|_| random.below(17) as f32 / 8.0 - 1.0).collect()
        });
        concept.source = random.one_in(4).then(|| source(random));
        concept.validity = random.one_in(4).then(|| validity(random));
        while random.one_in(4) {
            concept.aliases.push(ALIASES[random.index(ALIASES.len())].into());
        }
        while random.one_in(4) {
            let (name, value) = attribute(random);
            concept.attributes.insert(name, value);
        }
        concept
    }

    fn amend(&mut self, namespace: &Namespace, ward: &Ward) -> Amend {
        let id = self.somebody(namespace, ward);
        let random = &mut self.random;
        let newest = ward.concept(id, NOW).map(|concept| concept.updated_at);
        let mut attributes = BTreeMap::new();
        while random.one_in(2) {
            let (name, value) = attribute(random);
            attributes.insert(name, (!random.one_in(3)).then_some(value));
        }
        Amend {
            id,
            expected: match random.below(6) {
                0 => newest,
                1 => newest.map(|time| time.plus_micros(-1)),
                _ => None,
            },
            aliases: random
                .one_in(3)
                .then(|| (0..random.below(3)).map(|_| ALIASES[random.index(ALIASES.len())].into()).collect()),
            attributes,
            confidence: random.one_in(3).then(|| random.below(5) as f64 / 4.0),
            valid_from: edit(random),
            valid_to: edit(random),
        }
    }

    fn association(&mut self, namespace: &Namespace, ward: &Ward, evidence: Vec<ConceptId>) -> NewAssociation {
        let key = self.key(namespace, ward);
        let confidence = self.random.below(9) as f64 / 8.0;
        NewAssociation { key, confidence, strength: self.random.below(5) as f64 / 4.0, evidence }
    }

    /// An association that was claimed before, or any other.
    fn key(&mut self, namespace: &Namespace, ward: &Ward) -> AssociationKey {
        let known: Vec<AssociationKey> = ward.keys().into_iter().collect();
        if self.random.one_in(2)
            && let Some(key) = self.random.pick(&known)
        {
            return key.clone();
        }
        let kinds = [AssociationType::Causal, AssociationType::Semantic, AssociationType::Hierarchical];
        AssociationKey {
            source: self.somebody(namespace, ward),
            kind: kinds[self.random.index(kinds.len())],
            label: Label::from(LABELS[self.random.index(LABELS.len())]),
            target: self.somebody(namespace, ward),
            validity: if self.random.one_in(5) { validity(&mut self.random) } else { Validity::ALWAYS },
        }
    }

    /// Mostly somebody who lives.
    fn somebody(&mut self, namespace: &Namespace, ward: &Ward) -> ConceptId {
        let living: Vec<ConceptId> = ward.living(NOW).map(|concept| concept.id).collect();
        if !self.random.one_in(8)
            && let Some(id) = self.random.pick(&living)
        {
            return *id;
        }
        self.bare(namespace).id
    }
}

/// Whether it is the only one of its command.
fn stands_alone(operation: &Operation) -> bool {
    matches!(operation, Operation::Erase(_) | Operation::DropNamespace | Operation::SetNamespace(_))
}

/// The commands, or the one of them that makes a store forget requests.
fn apart(mut commands: Vec<Command>) -> Vec<Command> {
    match commands.iter().position(forgets) {
        Some(at) => vec![commands.swap_remove(at)],
        None => commands,
    }
}

/// Whether a store may forget earlier requests by it.
fn forgets(command: &Command) -> bool {
    command.operations.iter().any(|operation| matches!(operation, Operation::Erase(_) | Operation::DropNamespace))
}

fn request(command: &Command) -> &RequestKey {
    command.request.as_ref().expect("only commands with a request key are kept")
}

fn validity(random: &mut Random) -> Validity {
    let from = random.index(YEARS.len() - 1);
    let to = from + 1 + random.index(YEARS.len() - from - 1);
    Validity {
        from: (!random.one_in(3)).then(|| scene::year(YEARS[from])),
        to: (!random.one_in(3)).then(|| scene::year(YEARS[to])),
    }
}

fn edit(random: &mut Random) -> Edit<Timestamp> {
    match random.below(6) {
        0 => Edit::Clear,
        1 => Edit::Set(scene::year(YEARS[random.index(YEARS.len())])),
        _ => Edit::Keep,
    }
}

fn source(random: &mut Random) -> Source {
    let uri = SOURCES[random.index(SOURCES.len())].to_owned();
    Source { uri, title: random.one_in(3).then(|| "Package insert".into()), page: random.one_in(2).then_some(7), offset: None }
}

fn attribute(random: &mut Random) -> (String, AttributeValue) {
    let name = ATTRIBUTES[random.index(ATTRIBUTES.len())].to_owned();
    let value = match random.below(5) {
        0 => AttributeValue::Bool(random.one_in(2)),
        1 => AttributeValue::Integer(random.number() as i64),
        2 => AttributeValue::Float(random.below(1_000) as f64 / 8.0),
        3 => AttributeValue::Text("2026-03-01T12:00:00Z".into()),
        _ => AttributeValue::Text(format!("oral, {} times a day", random.below(4))),
    };
    (name, value)
}
