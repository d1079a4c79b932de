//! A first look at what a part will hold.

use std::collections::BTreeSet;

use sutra_protocol::{AssociationType, ConceptId, Ground, Label, name};

use crate::attributes;
use crate::concept_row::has_new_vector;
use crate::dictionary::Collector;
use crate::error::SegmentError;
use crate::hash::{text_hash, time_key};
use crate::part::{ALIVE, PLAIN, SURE};
use crate::rows::ConceptRow;
use crate::source::Source;
use crate::write::output::Output;

/// After so many rows somebody may have wanted the writing to end.
pub(super) const ROWS: usize = 4096;

/// No row has this number.
const NO_ROW: u32 = u32::MAX;

/// What was found.
pub(super) struct Survey {
    /// Of rows, ascending.
    pub(super) ids: Vec<ConceptId>,
    pub(super) flags: Vec<u8>,
    pub(super) living: u32,
    /// Mentioned without a row, ascending.
    pub(super) foreign: Vec<ConceptId>,
    pub(super) relations: Vec<(AssociationType, Label)>,
    pub(super) edges: u32,
    /// Of each association in the source's order: its target's row, or [`NO_ROW`].
    pub(super) targets: Vec<u32>,
    /// Whether associations leave ids without a row.
    pub(super) foreign_sources: bool,
    pub(super) texts: Collector,
    /// The least record time.
    pub(super) base_time: i64,
    pub(super) names: Vec<(u64, u32)>,
    pub(super) keys: Vec<(u64, u32)>,
    pub(super) times: Vec<(u64, u32)>,
    pub(super) attributes: attributes::Collector,
    /// Rows of the vectors of newest versions.
    pub(super) vector_rows: Vec<u32>,
    pub(super) older_vectors: u32,
}

/// Which version brought the vector that the row has now, if it lives and has one.
pub(super) fn current_vector(row: &ConceptRow) -> Option<usize> {
    row.at(None)?.vector.as_ref()?;
    new_vectors(row).last().map(|(at, _)| at)
}

/// Versions that have another vector than the living one before, with the vector.
pub(super) fn new_vectors(row: &ConceptRow) -> impl Iterator<Item = (usize, &[f32])> {
    let mut before = None;
    row.versions.iter().enumerate().filter_map(move |(at, version)| {
        let concept = version.concept.as_deref()?;
        let is_new = has_new_vector(before, concept);
        before = Some(concept);
        concept.vector.as_deref().filter(|_| is_new).map(|vector| (at, vector))
    })
}

impl Survey {
    pub(super) fn of(source: &dyn Source, output: &Output<'_>) -> Result<Self, SegmentError> {
        let mut survey = Self {
            ids: Vec::new(),
            flags: Vec::new(),
            living: 0,
            foreign: Vec::new(),
            relations: Vec::new(),
            edges: 0,
            targets: Vec::new(),
            foreign_sources: false,
            texts: Collector::default(),
            base_time: i64::MAX,
            names: Vec::new(),
            keys: Vec::new(),
            times: Vec::new(),
            attributes: attributes::Collector::default(),
            vector_rows: Vec::new(),
            older_vectors: 0,
        };
        for (at, (id, row)) in source.concepts().enumerate() {
            if at.is_multiple_of(ROWS) {
                output.check_cancelled()?;
            }
            survey.concept(id, &row, source).map_err(|what| output.unfit(source.namespace(), what))?;
        }
        survey.associations(source, output)?;
        if survey.base_time == i64::MAX {
            survey.base_time = 0;
        }
        Ok(survey)
    }

    /// The number of an id; `None`: the source gave other rows than before.
    pub(super) fn number(&self, id: ConceptId) -> Option<u32> {
        match find(&self.ids, id) {
            Some(row) => Some(row as u32),
            None => find(&self.foreign, id).map(|at| (self.ids.len() + at) as u32),
        }
    }

    /// The number of the target of the `at`th association, which has been looked up before if it has a row.
    pub(super) fn target(&self, at: usize, id: ConceptId) -> Option<u32> {
        let row = *self.targets.get(at)?;
        if self.ids.get(row as usize) == Some(&id) { Some(row) } else { self.number(id) }
    }

    /// The id that a number stands for.
    pub(super) fn id(&self, number: u32) -> ConceptId {
        let number = number as usize;
        let found = self.ids.get(number).or_else(|| self.foreign.get(number - self.ids.len()));
        found.copied().unwrap_or_default()
    }

    fn concept(&mut self, id: ConceptId, row: &ConceptRow, source: &dyn Source) -> Result<(), String> {
        if self.ids.last().is_some_and(|last| *last >= id) {
            return Err(format!("concept {id} does not follow the one before it"));
        }
        let number = u32::try_from(self.ids.len()).ok().filter(|number| *number < u32::MAX);
        let number = number.ok_or("more than 2^32 - 1 concepts")?;
        self.ids.push(id);
        self.flags.push(flags(row));
        self.living += u32::from(row.at(None).is_some());
        let mut incarnation = None;
        let mut text_before = None;
        let mut key_before = None;
        for version in &row.versions {
            self.base_time = self.base_time.min(version.recorded_at.as_micros());
            let Some(concept) = &version.concept else { continue };
            if concept.id != id || concept.namespace != *source.namespace() {
                return Err(format!("row {id} holds concept {} of namespace {}", concept.id, concept.namespace));
            }
            self.texts.teacher(&concept.asserted_by);
            if let Some(source) = &concept.source {
                self.texts.text(&source.uri);
                source.title.iter().for_each(|title| self.texts.text(title));
            }
            concept.attributes.keys().for_each(|name| self.texts.text(name));
            if key_before != concept.key {
                self.keys.extend(concept.key.as_deref().map(|key| (text_hash(key), number)));
                key_before = concept.key.clone();
            }
            // Another shard's is found by its id and its key only.
            if concept.is_ghost() {
                continue;
            }
            let text = (&concept.content, &concept.aliases);
            if text_before != Some(text) {
                let names = name::names(&concept.content, concept.aliases.iter().map(AsRef::as_ref));
                self.names.extend(names.iter().map(|name| (text_hash(name), number)));
                text_before = Some(text);
            }
            if incarnation != Some(concept.incarnation) {
                self.times.push((time_key(concept.created_at), number));
                incarnation = Some(concept.incarnation);
            }
        }
        if let Some(concept) = row.at(None) {
            self.attributes.put(number, &concept.attributes);
        }
        let current = current_vector(row);
        for (at, vector) in new_vectors(row) {
            let shape = source.shape().ok_or_else(|| format!("concept {id} has a vector and the namespace has no shape"))?;
            shape.check(vector).map_err(|error| format!("concept {id}: {error}"))?;
            if Some(at) == current {
                self.vector_rows.push(number);
            } else {
                self.older_vectors += 1;
            }
        }
        Ok(())
    }

    fn associations(&mut self, source: &dyn Source, output: &Output<'_>) -> Result<(), SegmentError> {
        let unfit = |what: String| output.unfit(source.namespace(), what);
        let mut relations = BTreeSet::new();
        let mut before = None;
        // Most sources have several associations: whether theirs is a row is asked once.
        let mut source_before = None;
        let mut edges = 0u64;
        for (key, row) in source.associations() {
            if edges.is_multiple_of(ROWS as u64) {
                output.check_cancelled()?;
            }
            edges += 1;
            if before.as_ref().is_some_and(|before| *before >= key) {
                return Err(unfit(format!("association {key:?} does not follow the one before it")));
            }
            if source_before != Some(key.source) {
                self.foreign_sources |= self.mention(key.source).is_none();
                source_before = Some(key.source);
            }
            let target = self.mention(key.target);
            self.targets.push(target.unwrap_or(NO_ROW));
            for piece in &row.evidence {
                self.base_time = self.base_time.min(piece.recorded_at.as_micros());
                match &piece.ground {
                    Ground::AssertedBy(teacher) => self.texts.teacher(teacher),
                    Ground::Statement(id) if *id != key.source && *id != key.target => {
                        self.mention(*id);
                    }
                    Ground::Statement(_) => {}
                }
            }
            if !relations.contains(&(key.kind, key.label.clone())) {
                relations.insert((key.kind, key.label.clone()));
            }
            before = Some(key);
        }
        self.edges = u32::try_from(edges).map_err(|_| unfit(format!("{edges} associations; less than 2^32 fit")))?;
        self.relations = relations.into_iter().collect();
        if self.relations.len() > crate::evidence::RELATION as usize {
            return Err(unfit(format!("{} relations; less than 2^30 fit", self.relations.len())));
        }
        self.dedup();
        if self.ids.len() + self.foreign.len() >= u32::MAX as usize {
            return Err(unfit(format!("{} ids; less than 2^32 - 1 fit", self.ids.len() + self.foreign.len())));
        }
        Ok(())
    }

    /// The row of an id; one that has none is noted.
    fn mention(&mut self, id: ConceptId) -> Option<u32> {
        let row = find(&self.ids, id);
        if row.is_none() {
            if self.foreign.len() == self.foreign.capacity() {
                // Instead of growing: one that is mentioned a million times takes no more room than one that is mentioned once.
                self.dedup();
                self.foreign.reserve(self.foreign.len().max(1024));
            }
            self.foreign.push(id);
        }
        // Rows are fewer than 2^32.
        row.map(|row| row as u32)
    }

    fn dedup(&mut self) {
        self.foreign.sort_unstable();
        self.foreign.dedup();
    }
}

fn find(ids: &[ConceptId], id: ConceptId) -> Option<usize> {
    let high = |id: ConceptId| (id.as_u128() >> 64) as u64;
    let from = crate::search::hash_bound(ids.len(), high(id), |at| ids.get(at).copied().map(high))?;
    let rest = ids.get(from..)?;
    let at = if *rest.first()? < id { rest.partition_point(|other| *other < id) } else { 0 };
    (rest.get(at) == Some(&id)).then_some(from + at)
}

fn flags(row: &ConceptRow) -> u8 {
    let Some(concept) = row.at(None) else { return 0 };
    let plain = row.versions.len() == 1
        && row.erased_incarnation == 0
        && concept.incarnation == 1
        && concept.validity == sutra_protocol::Validity::ALWAYS;
    let given = |is: bool, flag: u8| if is { flag } else { 0 };
    ALIVE | given(plain, PLAIN) | given(concept.confidence.to_bits() == 1.0_f64.to_bits(), SURE)
}
