//! The state machine: what a command does to the rows.
//!
//! Deterministic: everything that varies (time, ids, vectors) is in the command. An operation checks all that can be wrong before
//! it changes anything, so that a rejected one leaves no trace.

use std::borrow::Cow;
use std::sync::Arc;

use sutra_protocol::association::AssociationKey;
use sutra_protocol::command::{
    Amend, Applied, Command, Edit, Learn, LearnedAssociation, LogIndex, NewAssociation, NewConcept, Operation, Outcome, Rejection,
};
use sutra_protocol::concept::Concept;
use sutra_protocol::http::{NamespaceSettings, OnConflict, VectorScalar};
use sutra_protocol::limits;
use sutra_protocol::{ConceptId, Ground, Namespace, SemanticType, Timestamp, Validity};
use sutra_segment::{AssociationRow, EvidenceVersion, Standing};
use sutra_vector::{Scalar, Shape};

use super::State;
use super::graph::Graph;
use super::liveness::Reader;
use crate::manifest::Scrub;

impl State {
    /// Applies one command of the entry at `index`.
    pub(crate) fn apply(&mut self, index: LogIndex, recorded_at: Timestamp, command: &Command) -> Applied {
        self.clock = self.clock.max(recorded_at);
        if let Some(request) = &command.request
            && let Some(session) = self.sessions.get(&command.namespace, &request.key, recorded_at)
        {
            if session.digest == request.digest {
                return Applied { repeated: true, ..session.applied.clone() };
            }
            let outcomes = command.operations.iter().map(|_| Err(Rejection::KeyReused)).collect();
            return Applied { index, recorded_at, repeated: false, outcomes };
        }
        let outcomes = command.operations.iter().map(|operation| self.operate(index, recorded_at, command, operation)).collect();
        let applied = Applied { index, recorded_at, repeated: false, outcomes };
        if let Some(request) = &command.request {
            self.sessions.remember(&command.namespace, request, &applied);
        }
        applied
    }

    fn operate(
        &mut self,
        index: LogIndex,
        recorded_at: Timestamp,
        command: &Command,
        operation: &Operation,
    ) -> Result<Outcome, Rejection> {
        let namespace = &command.namespace;
        let at = Moment { index, recorded_at };
        match operation {
            Operation::SetNamespace(settings) => self.set_namespace(at, namespace, settings),
            Operation::DropNamespace => self.drop_namespace(namespace),
            Operation::Refuse(error) => Err(Rejection::Refused(error.clone())),
            Operation::Learn(learn) => self.change(at, command, |change| change.learn(learn)),
            Operation::Associate(association) => self.change(at, command, |change| change.associate(association)),
            Operation::Dissociate(key) => self.change(at, command, |change| Ok(change.dissociate(key))),
            Operation::Amend(amend) => self.change(at, command, |change| change.amend(amend)),
            Operation::Retract(id) => self.change(at, command, |change| change.retract(*id)),
            Operation::Erase(id) => {
                let erased = self.change(at, command, |change| change.erase(*id))?;
                self.sessions.forget_quoting(namespace, *id);
                self.scrubs.push_back(Scrub { namespace: namespace.clone(), id: *id, index });
                Ok(erased)
            }
        }
    }

    fn change(
        &mut self,
        at: Moment,
        command: &Command,
        operation: impl FnOnce(&mut Change<'_>) -> Result<Outcome, Rejection>,
    ) -> Result<Outcome, Rejection> {
        let namespace = &command.namespace;
        let created = !self.namespaces.contains_key(namespace);
        let graph = Arc::make_mut(self.namespaces.entry(namespace.clone()).or_insert_with(|| Arc::new(Graph::new(at.index))));
        let change = &mut Change { graph, namespace, recorded_at: at.recorded_at, asserted_by: &command.asserted_by };
        let outcome = operation(change);
        // Only teaching makes a namespace: a first write that taught nothing must not leave an empty one behind.
        if created && graph.counts.concepts == 0 {
            self.namespaces.remove(namespace);
        }
        outcome
    }

    fn set_namespace(&mut self, at: Moment, namespace: &Namespace, settings: &NamespaceSettings) -> Result<Outcome, Rejection> {
        let created = !self.namespaces.contains_key(namespace);
        let mut graph = self.namespaces.get(namespace).cloned().unwrap_or_else(|| Arc::new(Graph::new(at.index)));
        let changed = Arc::make_mut(&mut graph);
        changed.forgotten_to = changed.forgotten_before(at.recorded_at);
        changed.settings = settings.replacing(&changed.settings, changed.shape.is_some())?;
        self.namespaces.insert(namespace.clone(), graph);
        Ok(Outcome::NamespaceSet { created })
    }

    fn drop_namespace(&mut self, namespace: &Namespace) -> Result<Outcome, Rejection> {
        let graph = self.namespaces.remove(namespace).ok_or_else(|| Rejection::NoNamespace { namespace: namespace.clone() })?;
        self.sessions.drop_namespace(namespace);
        Ok(Outcome::NamespaceDropped { concepts: graph.counts.concepts })
    }
}

/// Where in the log, and when.
#[derive(Clone, Copy)]
struct Moment {
    index: LogIndex,
    recorded_at: Timestamp,
}

/// The ends of an association, of which the same is asked again and again.
struct Ends([(ConceptId, Option<Standing>); 2]);

impl Ends {
    fn standing(&self, graph: &Graph, id: ConceptId) -> Option<Standing> {
        match self.0.iter().find(|(end, _)| *end == id) {
            Some((_, standing)) => *standing,
            None => graph.standing(id, None),
        }
    }
}

/// A change of one namespace at one record time.
struct Change<'a> {
    graph: &'a mut Graph,
    namespace: &'a Namespace,
    recorded_at: Timestamp,
    asserted_by: &'a Arc<str>,
}

impl Change<'_> {
    fn learn(&mut self, learn: &Learn) -> Result<Outcome, Rejection> {
        let taught = &learn.concept;
        let holder = taught.key.as_deref().and_then(|key| self.graph.keyed(key, None));
        let mut retired = None;
        let mut id = taught.id;
        if let Some(holder) = holder.filter(|holder| holder.id != taught.id) {
            match learn.on_conflict {
                None | Some(OnConflict::Error) => {
                    return Err(Rejection::KeyTaken { key: holder.key.clone().unwrap_or_default(), holder: holder.id });
                }
                Some(OnConflict::Merge) => id = holder.id,
                Some(OnConflict::Replace) => retired = Some(holder),
            }
        }
        let existing = self.graph.concept(id, None);
        if learn.on_conflict == Some(OnConflict::Error) && existing.is_some() {
            return Err(Rejection::Exists { id });
        }
        let shape = self.shape_with(taught)?;
        let version = match &existing {
            Some(existing) => self.merged(existing, taught, learn.on_conflict)?,
            None => Some(self.created(taught)),
        };
        // An association of the taught concept is one of whatever holds it now.
        let renamed = |given: ConceptId| if given == taught.id { id } else { given };
        let associations: Vec<NewAssociation> = learn.associations.iter().map(|given| rename(given, renamed)).collect();
        for association in &associations {
            let known = |needed| needed == id || learn.targets.iter().any(|target| target.id == needed);
            let alive =
                |needed: ConceptId| known(needed) || retired.as_ref().is_none_or(|gone| gone.id != needed) && self.lives(needed);
            self.check_ends(association, alive)?;
        }

        if let Some(retired) = retired {
            self.retire(&retired);
        }
        if self.graph.shape != shape {
            self.graph.shape = shape;
            // From now on they are fixed.
            let settings = &mut self.graph.settings;
            settings.vector_scalar.get_or_insert_default();
            settings.embedder.get_or_insert_with(|| NamespaceSettings::GIVEN.into());
        }
        let semantic_type = match version {
            Some(version) => self.graph.put_concept(version, self.recorded_at).semantic_type,
            None => existing.as_ref().map_or(SemanticType::Entity, |existing| existing.semantic_type),
        };
        for target in &learn.targets {
            if !self.lives(target.id) {
                let concept = self.created(target);
                self.graph.put_concept(concept, self.recorded_at);
            }
        }
        for association in &associations {
            let grounds = std::iter::once(id).chain(association.evidence.iter().copied().filter(|ground| *ground != id));
            let grounds: Vec<_> = grounds.map(Ground::Statement).collect();
            let ends = self.ends(&association.key);
            self.put_association(association, &grounds, &ends);
        }
        let associations = associations.iter().filter_map(|association| self.learned(&association.key)).collect();
        Ok(Outcome::Learned { id, created: existing.is_none(), semantic_type, associations })
    }

    fn associate(&mut self, association: &NewAssociation) -> Result<Outcome, Rejection> {
        let ends = self.ends(&association.key);
        self.check_ends(association, |id| ends.standing(self.graph, id).is_some())?;
        let grounds = match association.evidence.as_slice() {
            [] => vec![Ground::AssertedBy(Arc::clone(self.asserted_by))],
            statements => statements.iter().copied().map(Ground::Statement).collect(),
        };
        let (created, row) = self.put_association(association, &grounds, &ends);
        let confidence = match ends.0 {
            [(_, Some(source)), (_, Some(target))] => {
                Reader::now(self.graph).confidence_of(&association.key, &row, source, target)
            }
            _ => 0.0,
        };
        Ok(Outcome::Associated { created, confidence })
    }

    fn dissociate(&mut self, key: &AssociationKey) -> Outcome {
        if !self.graph.association(key).is_some_and(|row| self.graph.is_alive(key, &row)) {
            return Outcome::Dissociated { deleted: false };
        }
        self.graph.retract_evidence(key, self.recorded_at);
        self.graph.counts.associations -= 1;
        Outcome::Dissociated { deleted: true }
    }

    fn amend(&mut self, amend: &Amend) -> Result<Outcome, Rejection> {
        let Some(concept) = self.graph.concept(amend.id, None) else {
            return Err(Rejection::NoConcept { role: "concept", id: amend.id });
        };
        if amend.expected.is_some_and(|expected| expected != concept.updated_at) {
            return Err(Rejection::Changed { id: amend.id });
        }
        let mut version = Concept::clone(&concept);
        if let Some(aliases) = &amend.aliases {
            version.aliases.clone_from(aliases);
        }
        for (name, value) in &amend.attributes {
            match value {
                Some(value) => version.attributes.insert(name.clone(), value.clone()),
                None => version.attributes.remove(name),
            };
        }
        check_count("attributes", version.attributes.len(), limits::ATTRIBUTES)?;
        version.confidence = amend.confidence.unwrap_or(version.confidence);
        edit(&mut version.validity.from, amend.valid_from);
        edit(&mut version.validity.to, amend.valid_to);
        check_validity(version.validity)?;
        if version == *concept {
            return Ok(Outcome::Amended(concept));
        }
        version.updated_at = self.recorded_at;
        Ok(Outcome::Amended(self.graph.put_concept(version, self.recorded_at)))
    }

    fn retract(&mut self, id: ConceptId) -> Result<Outcome, Rejection> {
        let concept = self.graph.concept(id, None).ok_or(Rejection::NoConcept { role: "concept", id })?;
        let associations = self.retire(&concept);
        Ok(Outcome::Retracted { associations })
    }

    /// Retracts a living concept; answers how many associations went with it.
    fn retire(&mut self, concept: &Concept) -> u64 {
        let associations = self.resting_on(concept.id);
        self.graph.remove_concept(concept, self.recorded_at);
        self.graph.counts.associations -= associations;
        associations
    }

    /// How many living associations die with a living concept.
    fn resting_on(&self, id: ConceptId) -> u64 {
        let graph = &*self.graph;
        let reader = Reader::now(graph);
        let out = graph.leaving(id).into_iter().filter(|link| reader.weight(link).is_some()).count();
        let into = graph.arriving(id).into_iter().filter(|link| link.source != id && reader.weight(link).is_some()).count();
        let sole = graph.supported_by(id).into_iter().filter(|key| {
            graph.association(key).is_some_and(|row| {
                let mut alive = row.evidence.iter().filter(|piece| graph.counts_now(key, piece)).peekable();
                alive.peek().is_some() && alive.all(|piece| piece.ground == Ground::Statement(id))
            })
        });
        (out + into + sole.count()) as u64
    }

    /// Removes a concept for ever, with all its history; the answer tells how many living associations went with it.
    fn erase(&mut self, id: ConceptId) -> Result<Outcome, Rejection> {
        let kept = self.graph.row(id).is_some_and(|row| !row.versions.is_empty());
        if !kept {
            return Err(Rejection::NoConcept { role: "concept", id });
        }
        let associations = if self.lives(id) { self.resting_on(id) } else { 0 };
        self.graph.erase_concept(id);
        self.graph.counts.associations -= associations;
        Ok(Outcome::Erased { associations })
    }

    /// Records evidence for an association whose ends and statements are alive; answers whether it was not alive before, and its row.
    fn put_association(&mut self, association: &NewAssociation, grounds: &[Ground], ends: &Ends) -> (bool, AssociationRow) {
        let key = &association.key;
        let stored = self.graph.association(key).map(Cow::into_owned);
        let is_new = stored.is_none();
        let mut row = stored.unwrap_or_default();
        let created = !self.graph.is_alive(key, &row);
        let incarnation = |id| ends.standing(self.graph, id).map_or(0, |standing| standing.incarnation);
        let mut replaced = Vec::new();
        for ground in grounds {
            let held = row.evidence.iter().position(|piece| piece.ground == *ground && self.graph.counts_now(key, piece));
            if let Some(piece) = held.and_then(|at| row.evidence.get_mut(at)) {
                if piece.confidence == association.confidence && piece.strength == association.strength {
                    continue;
                }
                piece.retracted_at = Some(self.recorded_at);
            }
            replaced.push(held);
            row.evidence.push(EvidenceVersion {
                ground: ground.clone(),
                confidence: association.confidence,
                strength: association.strength,
                source_incarnation: incarnation(key.source),
                target_incarnation: incarnation(key.target),
                ground_incarnation: if let Ground::Statement(id) = ground { incarnation(*id) } else { 0 },
                recorded_at: self.recorded_at,
                retracted_at: None,
            });
        }
        if !replaced.is_empty() {
            self.graph.add_evidence(key, is_new, &row, &replaced);
        }
        self.graph.counts.associations += u64::from(created);
        (created, row)
    }

    fn learned(&self, key: &AssociationKey) -> Option<LearnedAssociation> {
        let target_content = Arc::clone(&self.graph.concept(key.target, None)?.content);
        let now = Reader::now(self.graph).association(key)?;
        Some(LearnedAssociation { key: key.clone(), target_content, confidence: now.confidence, evidence: now.evidence })
    }

    fn lives(&self, id: ConceptId) -> bool {
        self.graph.standing(id, None).is_some()
    }

    fn ends(&self, key: &AssociationKey) -> Ends {
        Ends([key.source, key.target].map(|id| (id, self.graph.standing(id, None))))
    }

    fn check_ends(&self, association: &NewAssociation, alive: impl Fn(ConceptId) -> bool) -> Result<(), Rejection> {
        let ends = [("source", association.key.source), ("target", association.key.target)];
        let evidence = association.evidence.iter().map(|id| ("evidence", *id));
        match ends.into_iter().chain(evidence).find(|(_, id)| !alive(*id)) {
            Some((role, id)) => Err(Rejection::NoConcept { role, id }),
            None => Ok(()),
        }
    }

    /// The shape of the namespace's vectors once `taught` is in it.
    fn shape_with(&self, taught: &NewConcept) -> Result<Option<Shape>, Rejection> {
        let Some(vector) = &taught.vector else { return Ok(self.graph.shape) };
        let found = vector.len() as u32;
        match self.graph.shape {
            Some(shape) if shape.dimension() != found => Err(Rejection::Dimension { expected: shape.dimension(), found }),
            Some(shape) => Ok(Some(shape)),
            None => Ok(Shape::new(found, scalar_of(&self.graph.settings)).ok()),
        }
    }

    /// The vector as it is kept: rounded to what the namespace stores, so that it reads the same before and after a checkpoint.
    fn kept(&self, vector: Option<&Arc<[f32]>>) -> Option<Arc<[f32]>> {
        let vector = vector?;
        let scalar = self.graph.shape.map_or_else(|| scalar_of(&self.graph.settings), Shape::scalar);
        // Its length was checked where it came in, and against the namespace's.
        Some(Shape::new(vector.len() as u32, scalar).and_then(|shape| shape.stored(vector)).ok()?.into())
    }

    fn created(&self, taught: &NewConcept) -> Concept {
        Concept {
            id: taught.id,
            namespace: self.namespace.clone(),
            incarnation: self.graph.next_incarnation(taught.id),
            key: taught.key.clone(),
            content: Arc::clone(&taught.content),
            aliases: taught.aliases.clone(),
            semantic_type: taught.semantic_type.unwrap_or_default(),
            confidence: taught.confidence.unwrap_or(1.0),
            strength: taught.strength.unwrap_or(1.0),
            attributes: taught.attributes.clone(),
            vector: self.kept(taught.vector.as_ref()),
            source: taught.source.clone(),
            validity: taught.validity.unwrap_or_default(),
            asserted_by: Arc::clone(self.asserted_by),
            created_at: self.recorded_at,
            updated_at: self.recorded_at,
        }
    }

    /// The version that a concept gets when it is taught again; `None` if that changes nothing.
    fn merged(
        &self,
        existing: &Concept,
        taught: &NewConcept,
        conflict: Option<OnConflict>,
    ) -> Result<Option<Concept>, Rejection> {
        let mut version = existing.clone();
        if conflict == Some(OnConflict::Replace) {
            // Its identity, and with it its associations, stay; all else is as if it were taught for the first time.
            let fresh = self.created(taught);
            version = Concept { incarnation: existing.incarnation, created_at: existing.created_at, ..fresh };
        } else {
            let other_source = taught.source.is_some() && existing.source.is_some() && taught.source != existing.source;
            if other_source && conflict.is_none() {
                return Err(Rejection::SourceDiffers { id: existing.id });
            }
            let other_content = (taught.content != existing.content).then_some(&taught.content);
            for alias in other_content.into_iter().chain(&taught.aliases) {
                if !version.aliases.contains(alias) && *alias != version.content {
                    version.aliases.push(Arc::clone(alias));
                }
            }
            version.attributes.extend(taught.attributes.clone());
            version.semantic_type = taught.semantic_type.unwrap_or(version.semantic_type);
            version.confidence = taught.confidence.unwrap_or(version.confidence);
            version.strength = taught.strength.unwrap_or(version.strength);
            version.validity = taught.validity.unwrap_or(version.validity);
            version.vector = self.kept(taught.vector.as_ref()).or(version.vector);
            version.source = version.source.or_else(|| taught.source.clone());
            check_count("aliases", version.aliases.len(), limits::ALIASES)?;
            check_count("attributes", version.attributes.len(), limits::ATTRIBUTES)?;
        }
        let unchanged = Concept { updated_at: existing.updated_at, ..version.clone() } == *existing;
        version.updated_at = self.recorded_at;
        Ok((!unchanged).then_some(version))
    }
}

fn rename(given: &NewAssociation, renamed: impl Fn(ConceptId) -> ConceptId) -> NewAssociation {
    let mut association = given.clone();
    association.key.source = renamed(given.key.source);
    association.key.target = renamed(given.key.target);
    for statement in &mut association.evidence {
        *statement = renamed(*statement);
    }
    association
}

/// How the vectors of a namespace are kept.
fn scalar_of(settings: &NamespaceSettings) -> Scalar {
    match settings.vector_scalar.unwrap_or_default() {
        VectorScalar::F32 => Scalar::F32,
        VectorScalar::F16 => Scalar::F16,
        VectorScalar::I8 => Scalar::I8,
    }
}

fn edit(field: &mut Option<Timestamp>, edit: Edit<Timestamp>) {
    match edit {
        Edit::Keep => {}
        Edit::Clear => *field = None,
        Edit::Set(value) => *field = Some(value),
    }
}

fn check_count(field: &'static str, found: usize, bound: usize) -> Result<(), Rejection> {
    if found > bound { Err(Rejection::TooMany { field, found, bound }) } else { Ok(()) }
}

fn check_validity(validity: Validity) -> Result<(), Rejection> {
    match (validity.from, validity.to) {
        (Some(from), Some(to)) if to <= from => Err(Rejection::EmptyValidity { from, to }),
        _ => Ok(()),
    }
}
