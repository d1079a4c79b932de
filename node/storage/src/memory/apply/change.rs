//! An operation on one namespace.

use std::borrow::Cow;
use std::sync::Arc;

use sutra_protocol::association::AssociationKey;
use sutra_protocol::command::{Amend, Edit, Learn, LearnedAssociation, NewAssociation, NewConcept, Outcome, Rejection};
use sutra_protocol::concept::Concept;
use sutra_protocol::effects::{Audience, Effect};
use sutra_protocol::http::OnConflict;
use sutra_protocol::limits;
use sutra_protocol::{ConceptId, Ground, Namespace, PlacementKey, SemanticType, Timestamp, Validity};
use sutra_segment::{AssociationRow, EvidenceVersion, Standing};
use sutra_vector::Shape;

use super::abroad::{Abroad, Untold};
use crate::memory::graph::Graph;
use crate::memory::liveness::Reader;

/// The longest content of a target that an outcome repeats: a thousand of them have to fit into a message. Who wants a longer one looks it up.
const TOLD_BYTES: usize = 4 << 10;

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
pub(super) struct Change<'a, 'c> {
    pub(super) graph: &'a mut Graph,
    pub(super) namespace: &'a Namespace,
    pub(super) recorded_at: Timestamp,
    pub(super) asserted_by: &'a Arc<str>,
    pub(super) abroad: &'a mut Abroad<'c>,
    pub(super) untold: Untold,
}

impl<'a, 'c> Change<'a, 'c> {
    pub(super) fn new(
        graph: &'a mut Graph,
        namespace: &'a Namespace,
        recorded_at: Timestamp,
        asserted_by: &'a Arc<str>,
        abroad: &'a mut Abroad<'c>,
    ) -> Self {
        Self { graph, namespace, recorded_at, asserted_by, abroad, untold: Untold::default() }
    }

    /// Which concept is to hold what is taught, and which has to give way to it.
    pub(super) fn place(
        &self,
        learn: &Learn,
        gives_way: impl Fn(&Concept) -> bool,
    ) -> Result<(ConceptId, Option<(ConceptId, u64)>), Rejection> {
        let taught = &learn.concept;
        let holder = taught.key.as_deref().and_then(|key| self.graph.keyed(key, None, |holder| !gives_way(holder)));
        let Some(holder) = holder.filter(|holder| holder.id != taught.id) else { return Ok((taught.id, None)) };
        match learn.on_conflict {
            None | Some(OnConflict::Error) => {
                Err(Rejection::KeyTaken { key: holder.key.clone().unwrap_or_default(), holder: holder.id })
            }
            Some(OnConflict::Merge) => Ok((holder.id, None)),
            Some(OnConflict::Replace) => Ok((taught.id, Some((holder.id, holder.incarnation)))),
        }
    }

    /// Teaches a concept that this shard keeps as `id`; `retired` has to give way.
    pub(super) fn learn(
        &mut self,
        learn: &Learn,
        id: ConceptId,
        retired: Option<(ConceptId, u64)>,
    ) -> Result<Outcome, Rejection> {
        let taught = &learn.concept;
        let existing = self.graph.concept(id, None);
        if learn.on_conflict == Some(OnConflict::Error) && existing.is_some() {
            return Err(Rejection::Exists { id });
        }
        if existing.is_none() && id != taught.id {
            return Err(Rejection::NoConcept { role: "concept", id });
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
            let is_target = |needed| learn.targets.iter().any(|target| target.id == needed);
            let is_retired = |needed| retired.is_some_and(|(gone, _)| gone == needed);
            let alive = |needed: ConceptId| {
                needed == id
                    || (is_target(needed) && (self.keeps(needed) || self.can_ensure(needed)))
                    || (!is_retired(needed) && self.can_mention(needed))
            };
            self.check_ends(association, alive)?;
            if !self.keeps(association.key.source) {
                return Err(Rejection::NotHere);
            }
        }
        // Every shard's vectors are of one shape. It is fixed only for what is taught then.
        if shape.is_none() && taught.vector.is_some() && !self.abroad.range.is_whole() {
            return Err(Rejection::NoDimension);
        }

        if let Some((gone, incarnation)) = retired {
            self.give_way(gone, incarnation);
        }
        if self.graph.shape != shape {
            self.graph.shape = shape;
            // From now on they are fixed.
            self.graph.fix_settings();
        }
        let semantic_type = match version {
            Some(version) => {
                let version = self.graph.put_concept(version, self.recorded_at);
                match &existing {
                    Some(existing) => self.announce_change(existing, &version),
                    None => self.announce(id),
                }
                version.semantic_type
            }
            None => existing.as_ref().map_or(SemanticType::Entity, |existing| existing.semantic_type),
        };
        for target in &learn.targets {
            if !self.keeps(target.id) {
                let mentions = |one: &NewAssociation| one.key.target == target.id || one.evidence.contains(&target.id);
                self.ensure(target, associations.iter().any(mentions));
            } else if !self.lives(target.id) {
                let concept = self.created(target);
                self.graph.put_concept(concept, self.recorded_at);
                self.announce(target.id);
            }
        }
        for association in &associations {
            association.evidence.iter().chain([&association.key.target]).for_each(|mentioned| self.conjure(*mentioned));
            let grounds = std::iter::once(id).chain(association.evidence.iter().copied().filter(|ground| *ground != id));
            let grounds: Vec<_> = grounds.map(Ground::Statement).collect();
            let ends = self.ends(&association.key);
            self.put_association(association, &grounds, &ends);
        }
        let learned = associations.iter().filter_map(|association| self.learned(&association.key, &learn.targets)).collect();
        Ok(Outcome::Learned { id, created: existing.is_none(), semantic_type, associations: learned })
    }

    pub(super) fn associate(&mut self, association: &NewAssociation) -> Result<Outcome, Rejection> {
        let ends = self.ends(&association.key);
        self.check_ends(association, |id| ends.standing(self.graph, id).is_some() || self.can_mention(id))?;
        association.evidence.iter().chain([&association.key.target]).for_each(|mentioned| self.conjure(*mentioned));
        let ends = if self.abroad.range.is_whole() { ends } else { self.ends(&association.key) };
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

    pub(super) fn dissociate(&mut self, key: &AssociationKey) -> Outcome {
        if !self.graph.association(key).is_some_and(|row| self.graph.is_alive(key, &row)) {
            return Outcome::Dissociated { deleted: false };
        }
        self.graph.retract_evidence(key, self.recorded_at);
        self.graph.counts.associations -= 1;
        self.mirror(key);
        Outcome::Dissociated { deleted: true }
    }

    pub(super) fn amend(&mut self, amend: &Amend) -> Result<Outcome, Rejection> {
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
        let amended = self.graph.put_concept(version, self.recorded_at);
        self.announce_change(&concept, &amended);
        Ok(Outcome::Amended(amended))
    }

    pub(super) fn retract(&mut self, id: ConceptId) -> Result<Outcome, Rejection> {
        let concept = self.graph.concept(id, None).ok_or(Rejection::NoConcept { role: "concept", id })?;
        let associations = self.retire(&concept);
        Ok(Outcome::Retracted { associations })
    }

    /// Retracts a living concept; answers how many associations went with it.
    fn retire(&mut self, concept: &Concept) -> u64 {
        let associations = self.resting_on(concept.id);
        self.graph.remove_concept(concept, self.recorded_at);
        self.graph.counts.associations -= associations;
        self.announce(concept.id);
        associations
    }

    /// Retracts the concept whose key another one has now, here or wherever it is kept.
    pub(super) fn give_way(&mut self, id: ConceptId, incarnation: u64) {
        if !self.keeps(id) {
            self.abroad.ask(Audience::At(vec![PlacementKey::of_concept(id)]), Effect::Retire { id, incarnation });
        } else if let Some(concept) = self.graph.concept(id, None).filter(|concept| concept.incarnation == incarnation) {
            self.retire(&concept);
        }
    }

    /// How many living associations of this shard's concepts die with a living concept of this shard.
    fn resting_on(&self, id: ConceptId) -> u64 {
        let graph = &*self.graph;
        let reader = Reader::now(graph);
        let out = graph.leaving(id).into_iter().filter(|link| reader.weight(link).is_some()).count();
        let into = graph.arriving(id).into_iter().filter(|link| link.source != id && self.keeps(link.source));
        let into = into.filter(|link| reader.weight(link).is_some()).count();
        let sole = graph.supported_by(id).into_iter().filter(|key| self.keeps(key.source)).filter(|key| {
            graph.association(key).is_some_and(|row| {
                let mut alive = row.evidence.iter().filter(|piece| graph.counts_now(key, piece)).peekable();
                alive.peek().is_some() && alive.all(|piece| piece.ground == Ground::Statement(id))
            })
        });
        (out + into + sole.count()) as u64
    }

    /// Removes a concept for ever, with all its history; the answer tells how many living associations went with it.
    pub(super) fn erase(&mut self, id: ConceptId) -> Result<Outcome, Rejection> {
        self.disown(id);
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
            self.mirror(key);
        }
        self.graph.counts.associations += u64::from(created);
        (created, row)
    }

    fn learned(&self, key: &AssociationKey, targets: &[NewConcept]) -> Option<LearnedAssociation> {
        let target = self.graph.concept(key.target, None)?;
        // A ghost's content is with whoever keeps the concept.
        let is_ghost = !self.keeps(key.target);
        let taught = targets.iter().find(|taught| is_ghost && taught.id == key.target);
        let content = taught.map_or(&target.content, |taught| &taught.content);
        let target_content = if content.len() <= TOLD_BYTES { Arc::clone(content) } else { Arc::from("") };
        let now = Reader::now(self.graph).association(key)?;
        Some(LearnedAssociation { key: key.clone(), target_content, confidence: now.confidence, evidence: now.evidence })
    }

    pub(super) fn lives(&self, id: ConceptId) -> bool {
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
            None if !self.abroad.range.is_whole() => Ok(None),
            None => Ok(self.graph.shape_of(found)),
        }
    }

    /// The vector as it is kept: rounded to what the namespace stores, so that it reads the same before and after a checkpoint.
    fn kept(&self, vector: Option<&Arc<[f32]>>) -> Option<Arc<[f32]>> {
        let vector = vector?;
        let scalar = self.graph.shape.map_or_else(|| self.graph.scalar(), Shape::scalar);
        // Its length was checked where it came in, and against the namespace's.
        Some(Shape::new(vector.len() as u32, scalar).and_then(|shape| shape.stored(vector)).ok()?.into())
    }

    pub(super) fn created(&self, taught: &NewConcept) -> Concept {
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
