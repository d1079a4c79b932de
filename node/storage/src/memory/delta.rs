//! What was written since the last checkpoint: persistent maps, changed by one thread and read by all without a lock.

use std::collections::hash_map::RandomState;
use std::sync::Arc;

use im::{HashMap, OrdMap, OrdSet, Vector};
use sutra_protocol::concept::AttributeValue;
use sutra_protocol::time::Validity;
use sutra_protocol::{AssociationKey, AssociationType, Concept, ConceptId, Ground, Label, Timestamp, name};
use sutra_segment::{AssociationRow, ConceptRow, text_hash};

use super::ids::Ids;
use super::texts::Texts;
use super::vectors::Vectors;

/// What a map's entry costs beside its content, roughly: the entry, its share of the tree's nodes and of the allocator.
const ENTRY_BYTES: usize = 64;

/// Rows that are newer than every segment's. A clone shares everything until one of the two is changed; then the changed rows'
/// tree nodes are copied.
#[derive(Clone, Default)]
pub(crate) struct Delta {
    concepts: OrdMap<ConceptId, Arc<ConceptRow>>,
    /// By source.
    outgoing: OrdMap<EdgeKey, Arc<AssociationRow>>,
    /// By target.
    incoming: OrdMap<EdgeKey, Arc<AssociationRow>>,
    /// Associations, by source, that rest on a statement that is neither of their ends.
    supports: OrdSet<(ConceptId, EdgeKey)>,
    /// Every id that was called so here, by the name's hash; whether it still is is for the reader to check.
    names: HashMap<u64, Ids, RandomState>,
    /// Every id that had the key here, by the key's hash.
    keys: HashMap<u64, Ids, RandomState>,
    /// By the time of the first recording of each incarnation.
    by_time: OrdSet<(Timestamp, ConceptId)>,
    dictionary: Dictionary,
    pub(crate) texts: Texts,
    pub(crate) vectors: Vectors,
    /// Estimate of the memory that all of this takes.
    bytes: usize,
}

/// An association's identity in few bytes, seen from one of its ends; meaningful only in the delta whose [`Dictionary`] it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct EdgeKey {
    near: ConceptId,
    relation: u32,
    far: ConceptId,
    validity: u32,
}

impl EdgeKey {
    const fn first(near: ConceptId) -> Self {
        Self { near, relation: 0, far: ConceptId::from_u128(0), validity: 0 }
    }

    fn flipped(self) -> Self {
        Self { near: self.far, far: self.near, ..self }
    }
}

/// Types, labels and validities by number: there are few of them, and each association has one.
#[derive(Clone, Default)]
struct Dictionary {
    relations: Vector<(AssociationType, Label)>,
    relation_codes: HashMap<(AssociationType, Label), u32, RandomState>,
    validities: Vector<Validity>,
    validity_codes: HashMap<Validity, u32, RandomState>,
}

/// An association as a delta holds it.
#[derive(Clone, Copy)]
pub(crate) struct RecentEdge<'a> {
    pub(crate) source: ConceptId,
    pub(crate) target: ConceptId,
    pub(crate) kind: AssociationType,
    pub(crate) label: &'a Label,
    pub(crate) validity: Validity,
    pub(crate) row: &'a Arc<AssociationRow>,
}

impl RecentEdge<'_> {
    pub(crate) fn key(&self) -> AssociationKey {
        let Self { source, target, kind, validity, .. } = *self;
        AssociationKey { source, kind, label: self.label.clone(), target, validity }
    }
}

impl Delta {
    /// Whether nothing was written.
    pub(crate) fn is_empty(&self) -> bool {
        self.concepts.is_empty() && self.outgoing.is_empty()
    }

    /// Estimate of its memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.texts.bytes() + self.vectors.bytes()
    }

    pub(crate) fn concept(&self, id: ConceptId) -> Option<&Arc<ConceptRow>> {
        self.concepts.get(&id)
    }

    /// Stores a row in place of what was here.
    pub(crate) fn put_concept(&mut self, id: ConceptId, row: Arc<ConceptRow>) {
        let new =
            2 * ENTRY_BYTES + row.versions.iter().filter_map(|version| version.concept.as_deref()).map(weight).sum::<usize>();
        let old = self.concepts.insert(id, row).map_or(0, |old| {
            2 * ENTRY_BYTES + old.versions.iter().filter_map(|version| version.concept.as_deref()).map(weight).sum::<usize>()
        });
        self.bytes = self.bytes.saturating_sub(old) + new;
    }

    /// Records that a concept began to be at a time.
    pub(crate) fn put_time(&mut self, recorded_at: Timestamp, id: ConceptId) {
        self.bytes += ENTRY_BYTES;
        self.by_time.insert((recorded_at, id));
    }

    /// Makes the concept found by what it is called.
    pub(crate) fn put_names(&mut self, concept: &Concept) {
        for name in name::names(&concept.content, concept.aliases.iter().map(AsRef::as_ref)) {
            self.bytes += ENTRY_BYTES;
            add(&mut self.names, text_hash(&name), concept.id);
        }
        if let Some(key) = &concept.key {
            self.bytes += ENTRY_BYTES;
            add(&mut self.keys, text_hash(key), concept.id);
        }
    }

    /// Ids that had a name with this hash.
    pub(crate) fn called(&self, hash: u64) -> &[ConceptId] {
        self.names.get(&hash).map_or(&[], Ids::as_slice)
    }

    /// Ids that had a key with this hash.
    pub(crate) fn keyed(&self, hash: u64) -> &[ConceptId] {
        self.keys.get(&hash).map_or(&[], Ids::as_slice)
    }

    /// Stores the row of an association, in place of what was here, under both its ends.
    pub(crate) fn put_association(&mut self, key: &AssociationKey, row: Arc<AssociationRow>) {
        let coded = self.dictionary.code(key);
        for piece in &row.evidence {
            if let Ground::Statement(statement) = piece.ground
                && statement != key.source
                && statement != key.target
                && self.supports.insert((statement, coded)).is_none()
            {
                self.bytes += ENTRY_BYTES;
            }
        }
        let evidence = row.evidence.len() * size_of::<sutra_segment::EvidenceVersion>();
        self.incoming.insert(coded.flipped(), Arc::clone(&row));
        let old = self.outgoing.insert(coded, row);
        let replaced = old.map_or(0, |old| 3 * ENTRY_BYTES + old.evidence.len() * size_of::<sutra_segment::EvidenceVersion>());
        self.bytes = self.bytes.saturating_sub(replaced) + 3 * ENTRY_BYTES + evidence;
    }

    pub(crate) fn association(&self, key: &AssociationKey) -> Option<&Arc<AssociationRow>> {
        self.outgoing.get(&self.dictionary.find(key)?)
    }

    /// Associations from `source`, in no order that a reader may rely on.
    pub(crate) fn leaving(&self, source: ConceptId) -> impl Iterator<Item = RecentEdge<'_>> {
        let rows = self.outgoing.range(EdgeKey::first(source)..).take_while(move |(key, _)| key.near == source);
        rows.filter_map(|(key, row)| self.dictionary.edge(*key, row))
    }

    /// Associations to `target`, in no order that a reader may rely on.
    pub(crate) fn arriving(&self, target: ConceptId) -> impl Iterator<Item = RecentEdge<'_>> {
        let rows = self.incoming.range(EdgeKey::first(target)..).take_while(move |(key, _)| key.near == target);
        rows.filter_map(|(key, row)| self.dictionary.edge(key.flipped(), row))
    }

    /// Associations that `statement`, which is neither of their ends, is or was evidence for.
    pub(crate) fn supported_by(&self, statement: ConceptId) -> impl Iterator<Item = AssociationKey> {
        let first = (statement, EdgeKey::first(ConceptId::from_u128(0)));
        let keys = self.supports.range(first..).take_while(move |(ground, _)| *ground == statement);
        keys.filter_map(|(_, key)| Some(self.dictionary.edge(*key, self.outgoing.get(key)?)?.key()))
    }

    /// Concepts whose id is `first` or above, ascending.
    pub(crate) fn concepts_from(&self, first: ConceptId) -> impl Iterator<Item = (ConceptId, &Arc<ConceptRow>)> {
        self.concepts.range(first..).map(|(id, row)| (*id, row))
    }

    /// Concepts that an association leaves, from `first` on, ascending and distinct.
    pub(crate) fn sources_from(&self, first: ConceptId) -> impl Iterator<Item = ConceptId> {
        let mut next = Some(first);
        std::iter::from_fn(move || {
            let (key, _) = self.outgoing.range(EdgeKey::first(next?)..).next()?;
            next = key.near.as_u128().checked_add(1).map(ConceptId::from_u128);
            Some(key.near)
        })
    }

    /// When each concept's incarnations began, the newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = (Timestamp, ConceptId)> {
        self.by_time.iter().rev().copied()
    }

    /// The same, the oldest first.
    pub(crate) fn oldest(&self) -> impl Iterator<Item = (Timestamp, ConceptId)> {
        self.by_time.iter().copied()
    }
}

impl Dictionary {
    /// The key in codes, which are given out where they are new.
    fn code(&mut self, key: &AssociationKey) -> EdgeKey {
        let relation = (key.kind, key.label.clone());
        let relation = match self.relation_codes.get(&relation) {
            Some(code) => *code,
            None => {
                let code = self.relations.len() as u32;
                self.relations.push_back(relation.clone());
                self.relation_codes.insert(relation, code);
                code
            }
        };
        let validity = match self.validity_codes.get(&key.validity) {
            Some(code) => *code,
            None => {
                let code = self.validities.len() as u32;
                self.validities.push_back(key.validity);
                self.validity_codes.insert(key.validity, code);
                code
            }
        };
        EdgeKey { near: key.source, relation, far: key.target, validity }
    }

    /// The key in codes, if all of them are known.
    fn find(&self, key: &AssociationKey) -> Option<EdgeKey> {
        // Cheap: a label is shared.
        let relation = *self.relation_codes.get(&(key.kind, key.label.clone()))?;
        let validity = *self.validity_codes.get(&key.validity)?;
        Some(EdgeKey { near: key.source, relation, far: key.target, validity })
    }

    /// What a key by source stands for. Every code of a stored key is in the dictionary.
    fn edge<'a>(&'a self, key: EdgeKey, row: &'a Arc<AssociationRow>) -> Option<RecentEdge<'a>> {
        let (kind, label) = self.relations.get(key.relation as usize)?;
        let validity = *self.validities.get(key.validity as usize)?;
        Some(RecentEdge { source: key.near, target: key.far, kind: *kind, label, validity, row })
    }
}

/// What a version of a concept takes, roughly.
fn weight(concept: &Concept) -> usize {
    let texts = concept.content.len() + concept.aliases.iter().map(|alias| alias.len() + 32).sum::<usize>();
    let value = |value: &AttributeValue| if let AttributeValue::Text(text) = value { text.len() } else { 0 };
    let attributes = concept.attributes.iter().map(|(name, of)| name.len() + value(of) + 96).sum::<usize>();
    let key = concept.key.as_ref().map_or(0, |key| key.len());
    let vector = concept.vector.as_ref().map_or(0, |vector| 4 * vector.len());
    let source = concept.source.as_ref();
    let source = source.map_or(0, |source| source.uri.len() + source.title.as_ref().map_or(0, String::len) + 64);
    size_of::<Concept>() + texts + attributes + key + vector + source
}

fn add(map: &mut HashMap<u64, Ids, RandomState>, hash: u64, id: ConceptId) {
    match map.get_mut(&hash) {
        Some(ids) => ids.insert(id),
        None => {
            map.insert(hash, Ids::One(id));
        }
    }
}
