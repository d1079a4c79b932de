//! What was written since the last checkpoint: lists that only grow, changed by one thread and read by all without a lock.
//!
//! ```text
//!   id ──→ node ─┬─→ newest change of its row ──→ older ──→ … ──→ the row as older layers have it
//!                ├─→ newest association from it ──→ older ──→ …    each with the changes of its own row
//!                └─→ newest association to it ──→ older ──→ …
//! ```
//!
//! A clone is a snapshot: it knows how many changes there were when it was made, and skips those that came later.
//!
//! | module | responsibility |
//! |---|---|
//! | [`appended`] | a list that grows at its end |
//! | [`table`] | where things with a hash are |
//! | [`chains`] | several values for one key |
//! | [`runs`] | a list read in the order of its items |
//! | [`interned`] | values by number |
//! | [`changes`] | rows as the changes that made them |

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, Ordering};

use foldhash::fast::RandomState;
use sutra_protocol::concept::AttributeValue;
use sutra_protocol::time::Validity;
use sutra_protocol::{AssociationKey, AssociationType, Concept, ConceptId, Ground, Label, Timestamp, name};
use sutra_segment::{AssociationRow, ConceptRow, ConceptVersion, EvidenceVersion, text_hash};

pub(crate) use appended::Appended;
pub(crate) use changes::{RecentAssociation, RecentConcept};

use self::chains::Chains;
use self::changes::{AssociationChange, Change, Changes, ConceptChange};
use self::interned::Interned;
use self::runs::Runs;
use self::table::Table;
use super::texts::Texts;
use super::vectors::Vectors;

mod appended;
mod chains;
mod changes;
mod interned;
mod runs;
mod table;

/// Memory of the lists of a delta with a few rows: each has some room.
const EMPTY_BYTES: usize = 24 << 10;

/// No node, association or change.
const NONE: u32 = u32::MAX;

/// Rows that are newer than every segment's. A clone shares everything, and does not see what is written afterwards; of all clones
/// only the newest may be written to.
#[derive(Clone, Default)]
pub(crate) struct Delta {
    nodes: Appended<Node>,
    node_index: Table,
    edges: Appended<EdgeNode>,
    edge_index: Table,
    hasher: RandomState,
    concept_changes: Changes<ConceptChange>,
    association_changes: Changes<AssociationChange>,
    /// Ids with a row.
    concepts: Runs<ConceptId>,
    /// Ids that an association leaves.
    sources: Runs<ConceptId>,
    /// By the time of the first recording of each incarnation.
    times: Runs<(Timestamp, ConceptId)>,
    /// Associations that rest on a statement that is neither of their ends, by that.
    supports: Chains<ConceptId, u32>,
    /// Every id that was called so here, by the name's hash; whether it still is is for the reader to check.
    names: Chains<u64, ConceptId>,
    /// Every id that had the key here, by the key's hash.
    keys: Chains<u64, ConceptId>,
    relations: Interned<(AssociationType, Label)>,
    validities: Interned<Validity>,
    pub(crate) texts: Texts,
    pub(crate) vectors: Vectors,
    /// Memory of what the rows point to, and of what is found by them, in bytes.
    bytes: usize,
}

/// What is here of a concept id.
struct Node {
    id: ConceptId,
    /// The newest change of its row.
    row: AtomicU32,
    /// The newest association from it.
    out: AtomicU32,
    /// The newest association to it.
    into: AtomicU32,
}

/// An association.
struct EdgeNode {
    key: EdgeKey,
    /// The newest change of its row.
    row: AtomicU32,
    /// The next older association from the same source.
    out: u32,
    /// The next older association to the same target.
    into: u32,
}

/// An association's identity in few bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct EdgeKey {
    source: ConceptId,
    target: ConceptId,
    /// Type and label.
    relation: u32,
    validity: u32,
}

/// An association as a delta holds it.
#[derive(Clone, Copy)]
pub(crate) struct RecentEdge<'a> {
    pub(crate) source: ConceptId,
    pub(crate) target: ConceptId,
    pub(crate) kind: AssociationType,
    pub(crate) label: &'a Label,
    pub(crate) validity: Validity,
    pub(crate) row: RecentAssociation<'a>,
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
        self.concept_changes.is_empty() && self.association_changes.is_empty()
    }

    /// Estimate of its memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.texts.bytes() + self.vectors.bytes()
    }

    pub(crate) fn concept(&self, id: ConceptId) -> Option<RecentConcept<'_>> {
        let node = self.nodes.any(self.node(id)?)?;
        self.concept_changes.newest(node.row.load(Ordering::Acquire))
    }

    /// Stores a row in place of what was here.
    pub(crate) fn put_concept(&mut self, id: ConceptId, row: ConceptRow) {
        self.bytes += row.versions.iter().map(|version| weight(version) + size_of::<ConceptVersion>()).sum::<usize>();
        self.change_concept(id, ConceptChange::Whole(Box::new(row)));
    }

    /// Adds a version to the row that is here, or to an empty one.
    pub(crate) fn push_version(&mut self, id: ConceptId, version: ConceptVersion) {
        self.bytes += weight(&version);
        self.change_concept(id, ConceptChange::Version(version));
    }

    fn change_concept(&mut self, id: ConceptId, change: ConceptChange) {
        self.begin();
        let at = self.node_for(id);
        let Some(node) = self.nodes.any(at) else { return };
        let older = node.row.load(Ordering::Relaxed);
        if older == NONE {
            self.concepts.push(id);
            self.bytes += Runs::<ConceptId>::ENTRY_BYTES;
        }
        self.bytes += size_of::<Change<ConceptChange>>();
        node.row.store(self.concept_changes.push(older, change), Ordering::Release);
    }

    /// Records that a concept began to be at a time.
    pub(crate) fn put_time(&mut self, recorded_at: Timestamp, id: ConceptId) {
        self.bytes += Runs::<(Timestamp, ConceptId)>::ENTRY_BYTES;
        self.times.push((recorded_at, id));
    }

    /// Makes the concept found by what it is called.
    pub(crate) fn put_names(&mut self, concept: &Concept) {
        for name in name::names(&concept.content, concept.aliases.iter().map(AsRef::as_ref)) {
            if self.names.put(text_hash(&name), concept.id) {
                self.bytes += Chains::<u64, ConceptId>::ENTRY_BYTES;
            }
        }
        if let Some(key) = &concept.key {
            self.put_key(key, concept.id);
        }
    }

    /// Makes a concept found by a key.
    pub(crate) fn put_key(&mut self, key: &str, id: ConceptId) {
        if self.keys.put(text_hash(key), id) {
            self.bytes += Chains::<u64, ConceptId>::ENTRY_BYTES;
        }
    }

    /// Ids that had a name with this hash; one may come twice.
    pub(crate) fn called(&self, hash: u64) -> impl Iterator<Item = ConceptId> {
        self.names.get(hash)
    }

    /// Ids that had a key with this hash; one may come twice.
    pub(crate) fn keyed(&self, hash: u64) -> impl Iterator<Item = ConceptId> {
        self.keys.get(hash)
    }

    pub(crate) fn association(&self, key: &AssociationKey) -> Option<RecentAssociation<'_>> {
        self.row(self.edges.any(self.edge(&self.coded(key)?)?)?)
    }

    /// Stores the row of an association in place of what was here.
    pub(crate) fn put_association(&mut self, key: &AssociationKey, row: AssociationRow) {
        self.bytes += row.evidence.len() * size_of::<EvidenceVersion>();
        let grounds: Vec<Ground> = row.evidence.iter().map(|piece| piece.ground.clone()).collect();
        let at = self.change_association(key, AssociationChange::Whole(Box::new(row)));
        grounds.iter().for_each(|ground| self.support(key, at, ground));
    }

    /// Adds a piece of evidence to the row that is here, or to an empty one; at its time the piece `replaced` is retracted.
    pub(crate) fn push_evidence(&mut self, key: &AssociationKey, replaced: Option<u32>, piece: EvidenceVersion) {
        let ground = piece.ground.clone();
        let at = self.change_association(key, AssociationChange::Added { replaced, piece });
        self.support(key, at, &ground);
    }

    /// Retracts every piece of evidence that stands in the row that is here.
    pub(crate) fn retract_evidence(&mut self, key: &AssociationKey, at: Timestamp) {
        self.change_association(key, AssociationChange::Retracted(at));
    }

    fn change_association(&mut self, key: &AssociationKey, change: AssociationChange) -> u32 {
        self.begin();
        let (relations, validities) = (self.relations.len(), self.validities.len());
        let relation = self.relations.code(&(key.kind, key.label.clone()));
        let validity = self.validities.code(&key.validity);
        let label = Interned::<(AssociationType, Label)>::ENTRY_BYTES + key.label.as_str().len();
        self.bytes += (self.relations.len() - relations) * label;
        self.bytes += (self.validities.len() - validities) * Interned::<Validity>::ENTRY_BYTES;
        let at = self.edge_for(EdgeKey { source: key.source, target: key.target, relation, validity });
        let Some(edge) = self.edges.any(at) else { return at };
        let older = edge.row.load(Ordering::Relaxed);
        self.bytes += size_of::<Change<AssociationChange>>();
        edge.row.store(self.association_changes.push(older, change), Ordering::Release);
        at
    }

    /// Counts what the lists take that have anything in them.
    fn begin(&mut self) {
        if self.is_empty() {
            self.bytes += EMPTY_BYTES;
        }
    }

    fn support(&mut self, key: &AssociationKey, edge: u32, ground: &Ground) {
        if let Ground::Statement(statement) = ground
            && *statement != key.source
            && *statement != key.target
            && self.supports.put(*statement, edge)
        {
            self.bytes += Chains::<ConceptId, u32>::ENTRY_BYTES;
        }
    }

    /// Associations from `source`, in no order that a reader may rely on.
    pub(crate) fn leaving(&self, source: ConceptId) -> impl Iterator<Item = RecentEdge<'_>> {
        let node = self.node(source).and_then(|at| self.nodes.any(at));
        self.list(node.map(|node| &node.out), |edge| edge.out)
    }

    /// Associations to `target`, in no order that a reader may rely on.
    pub(crate) fn arriving(&self, target: ConceptId) -> impl Iterator<Item = RecentEdge<'_>> {
        let node = self.node(target).and_then(|at| self.nodes.any(at));
        self.list(node.map(|node| &node.into), |edge| edge.into)
    }

    fn list(&self, newest: Option<&AtomicU32>, older: fn(&EdgeNode) -> u32) -> impl Iterator<Item = RecentEdge<'_>> {
        let newest = newest.and_then(|newest| self.edges.any(newest.load(Ordering::Acquire)));
        let edges = std::iter::successors(newest, move |edge| self.edges.any(older(edge)));
        edges.filter_map(|edge| self.seen(edge))
    }

    /// Associations that `statement`, which is neither of their ends, is or was evidence for; one may come twice.
    pub(crate) fn supported_by(&self, statement: ConceptId) -> impl Iterator<Item = AssociationKey> {
        self.supports.get(statement).filter_map(|at| Some(self.seen(self.edges.any(at)?)?.key()))
    }

    /// Ids of concepts with a row here, `first` or above, ascending.
    pub(crate) fn ids_from(&self, first: ConceptId) -> impl Iterator<Item = ConceptId> {
        self.concepts.from(first)
    }

    /// Concepts that an association leaves, from `first` on, ascending and distinct.
    pub(crate) fn sources_from(&self, first: ConceptId) -> impl Iterator<Item = ConceptId> {
        self.sources.from(first)
    }

    /// When each concept's incarnations began, the newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = (Timestamp, ConceptId)> {
        self.times.descending()
    }

    /// The same, the oldest first.
    pub(crate) fn oldest(&self) -> impl Iterator<Item = (Timestamp, ConceptId)> {
        self.times.from(Default::default())
    }

    /// The association, if this clone sees it.
    fn seen<'a>(&'a self, edge: &'a EdgeNode) -> Option<RecentEdge<'a>> {
        let row = self.row(edge)?;
        let (kind, label) = self.relations.get(edge.key.relation)?;
        let validity = *self.validities.get(edge.key.validity)?;
        Some(RecentEdge { source: edge.key.source, target: edge.key.target, kind: *kind, label, validity, row })
    }

    fn row(&self, edge: &EdgeNode) -> Option<RecentAssociation<'_>> {
        self.association_changes.newest(edge.row.load(Ordering::Acquire))
    }

    fn node(&self, id: ConceptId) -> Option<u32> {
        self.node_index.find(self.hasher.hash_one(id), |at| self.nodes.any(at).is_some_and(|node| node.id == id))
    }

    fn node_for(&mut self, id: ConceptId) -> u32 {
        self.node(id).unwrap_or_else(|| {
            let none = || AtomicU32::new(NONE);
            let at = self.nodes.push(Node { id, row: none(), out: none(), into: none() });
            self.node_index.put(self.hasher.hash_one(id), at);
            self.bytes += size_of::<Node>() + 16 + Table::ENTRY_BYTES;
            at
        })
    }

    fn edge(&self, key: &EdgeKey) -> Option<u32> {
        self.edge_index.find(self.hasher.hash_one(key), |at| self.edges.any(at).is_some_and(|edge| edge.key == *key))
    }

    fn edge_for(&mut self, key: EdgeKey) -> u32 {
        self.edge(&key).unwrap_or_else(|| {
            let (source, target) = (self.node_for(key.source), self.node_for(key.target));
            let (Some(source), Some(target)) = (self.nodes.any(source), self.nodes.any(target)) else { return NONE };
            let (out, into) = (source.out.load(Ordering::Relaxed), target.into.load(Ordering::Relaxed));
            let at = self.edges.push(EdgeNode { key, row: AtomicU32::new(NONE), out, into });
            source.out.store(at, Ordering::Release);
            target.into.store(at, Ordering::Release);
            self.edge_index.put(self.hasher.hash_one(key), at);
            if out == NONE {
                self.sources.push(key.source);
                self.bytes += Runs::<ConceptId>::ENTRY_BYTES;
            }
            self.bytes += size_of::<EdgeNode>() + 16 + Table::ENTRY_BYTES;
            at
        })
    }

    /// The key in codes, if all of them are known.
    fn coded(&self, key: &AssociationKey) -> Option<EdgeKey> {
        // Cheap: a label is shared.
        let relation = self.relations.find(&(key.kind, key.label.clone()))?;
        Some(EdgeKey { source: key.source, target: key.target, relation, validity: self.validities.find(&key.validity)? })
    }
}

/// What a version points to takes, roughly.
fn weight(version: &ConceptVersion) -> usize {
    version.concept.as_deref().map_or(0, concept_weight)
}

/// What a version of a concept takes, roughly.
fn concept_weight(concept: &Concept) -> usize {
    let texts = concept.content.len() + concept.aliases.iter().map(|alias| alias.len() + 32).sum::<usize>();
    let value = |value: &AttributeValue| if let AttributeValue::Text(text) = value { text.len() } else { 0 };
    let attributes = concept.attributes.iter().map(|(name, of)| name.len() + value(of) + 96).sum::<usize>();
    let key = concept.key.as_ref().map_or(0, |key| key.len());
    let vector = concept.vector.as_ref().map_or(0, |vector| 4 * vector.len());
    let source = concept.source.as_ref();
    let source = source.map_or(0, |source| source.uri.len() + source.title.as_ref().map_or(0, String::len) + 64);
    size_of::<Concept>() + texts + attributes + key + vector + source
}
