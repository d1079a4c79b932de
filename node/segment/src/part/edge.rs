//! Associations, in place.

use std::sync::Arc;

use sutra_protocol::{AssociationKey, AssociationType, ConceptId, Label, Validity};

use crate::evidence::{HAS_VALIDITY, RELATION, Record, SIMPLE, Surroundings};
use crate::part::{Code, EXPECTED, Part, Relation};
use crate::rows::{AssociationRow, EvidenceVersion};
use crate::search::lower_bound;
use crate::section::Kind;

/// A row of an association, in place.
#[derive(Clone, Copy, Debug)]
pub struct Edge<'a> {
    part: &'a Part,
    relation: &'a Relation,
    /// In the order of keys.
    index: u32,
    source: u32,
    target: u32,
    flags: u32,
}

impl<'a> Edge<'a> {
    fn new(part: &'a Part, index: u32, source: u32, target: u32, word: u32) -> Option<Self> {
        match part.relations.get((word & RELATION) as usize) {
            Some(relation) => Some(Self { part, relation, index, source, target, flags: word & !RELATION }),
            None => {
                let namespace = part.namespace();
                part.container
                    .fault(|| format!("association {index} of namespace {namespace} names relation {}", word & RELATION))
            }
        }
    }

    /// Where it starts.
    #[inline]
    pub fn source(&self) -> ConceptId {
        self.part.id(self.source).unwrap_or_default()
    }

    /// Where it ends.
    #[inline]
    pub fn target(&self) -> ConceptId {
        self.part.id(self.target).unwrap_or_default()
    }

    /// The source's row, if it is in this part.
    #[inline]
    pub fn source_code(&self) -> Option<Code> {
        self.part.code(self.source)
    }

    /// The target's row, if it is in this part.
    #[inline]
    pub fn target_code(&self) -> Option<Code> {
        self.part.code(self.target)
    }

    /// Its type.
    pub fn kind(&self) -> AssociationType {
        self.relation.kind
    }

    /// Its name; shared by all edges of the part that have it.
    pub fn label(&self) -> &'a Label {
        &self.relation.label
    }

    /// When it holds in the world.
    pub fn validity(&self) -> Validity {
        if self.flags & HAS_VALIDITY == 0 {
            return Validity::ALWAYS;
        }
        self.record().map_or(Validity::ALWAYS, |record| record.validity)
    }

    /// Its identity.
    pub fn key(&self) -> AssociationKey {
        AssociationKey {
            source: self.source(),
            kind: self.kind(),
            label: self.label().clone(),
            target: self.target(),
            validity: self.validity(),
        }
    }

    /// Its row with all evidence; an empty one where it is damaged.
    pub fn row(&self) -> AssociationRow {
        self.whole_row().unwrap_or_default()
    }

    /// Whether it rests on one piece, taught when both ends (and the statement, if it is one) had incarnation 1, and not retracted.
    #[inline]
    pub fn is_simple(&self) -> bool {
        self.flags & SIMPLE != 0
    }

    /// The only piece of a simple one, made without a list; `None` where it is not simple.
    pub fn single(&self) -> Option<EvidenceVersion> {
        if !self.is_simple() {
            return None;
        }
        self.record()?.next(self).or_else(|| self.malformed())?
    }

    /// Its row with all evidence; `None` where it is damaged.
    pub fn whole_row(&self) -> Option<AssociationRow> {
        let mut record = self.record()?;
        let mut evidence = Vec::with_capacity(record.left().min(EXPECTED));
        loop {
            match record.next(self) {
                Some(Some(piece)) => evidence.push(piece),
                Some(None) if record.is_done() => return Some(AssociationRow { evidence }),
                _ => return self.malformed(),
            }
        }
    }

    /// Where it stands in the order of keys.
    pub(super) fn index(&self) -> u32 {
        self.index
    }

    /// Numbers of source and target, as the columns have them.
    pub(super) fn ends(&self) -> Option<(u32, u32)> {
        let edge = self.part.nth_edge(self.index)?;
        Some((edge.source, edge.target))
    }

    fn record(&self) -> Option<Record<'a>> {
        let (offsets, heap) = (self.part.section(Kind::EdgeEvidence), self.part.section(Kind::Evidence));
        let bytes = self.part.record(offsets, heap, self.index, self.part.meta.edges)?;
        Record::new(bytes, self.flags).or_else(|| self.malformed())
    }

    #[cold]
    fn malformed<T>(&self) -> Option<T> {
        let namespace = self.part.namespace();
        self.part.container.fault(|| format!("association {} of namespace {namespace} does not read as one", self.index))
    }
}

impl Surroundings for Edge<'_> {
    fn source(&self) -> Option<ConceptId> {
        self.part.id(self.source)
    }

    fn target(&self) -> Option<ConceptId> {
        self.part.id(self.target)
    }

    fn id(&self, code: u32) -> Option<ConceptId> {
        self.part.id(code)
    }

    fn teacher(&self, code: u32) -> Option<Arc<str>> {
        self.part.shared(code)
    }

    fn base_time(&self) -> i64 {
        self.part.meta.base_time
    }
}

/// Associations from one concept: neighbours in the file.
#[derive(Clone, Debug)]
pub(super) struct Leaving<'a> {
    part: &'a Part,
    source: u32,
    index: u32,
    targets: &'a [[u8; 4]],
    words: &'a [[u8; 4]],
}

impl<'a> Iterator for Leaving<'a> {
    type Item = Edge<'a>;

    fn next(&mut self) -> Option<Edge<'a>> {
        let ([target, targets @ ..], [word, words @ ..]) = (self.targets, self.words) else { return None };
        let edge = Edge::new(self.part, self.index, self.source, u32::from_le_bytes(*target), u32::from_le_bytes(*word));
        (self.targets, self.words, self.index) = (targets, words, self.index + 1);
        edge
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.targets.len()))
    }
}

/// Associations to one concept: wherever they are in the file.
#[derive(Clone, Debug)]
pub(super) struct Arriving<'a> {
    part: &'a Part,
    target: u32,
    indexes: &'a [[u8; 4]],
}

impl<'a> Iterator for Arriving<'a> {
    type Item = Edge<'a>;

    fn next(&mut self) -> Option<Edge<'a>> {
        let (index, rest) = self.indexes.split_first()?;
        self.indexes = rest;
        self.part.arriving_edge(u32::from_le_bytes(*index), self.target)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.indexes.len()))
    }
}

impl Part {
    /// Associations from `source`, in the order of their keys.
    pub fn leaving(&self, source: ConceptId) -> impl Iterator<Item = Edge<'_>> + Clone {
        self.leaving_number(self.number(source))
    }

    /// Associations from the concept of a row.
    pub fn leaving_row(&self, source: Code) -> impl Iterator<Item = Edge<'_>> + Clone {
        self.leaving_number(Some(source.0))
    }

    /// Associations to `target`, by (type, label, source, validity).
    pub fn arriving(&self, target: ConceptId) -> impl Iterator<Item = Edge<'_>> + Clone {
        self.arriving_number(self.number(target))
    }

    /// Associations to the concept of a row.
    pub fn arriving_row(&self, target: Code) -> impl Iterator<Item = Edge<'_>> + Clone {
        self.arriving_number(Some(target.0))
    }

    /// Associations that `statement`, which is neither of their ends, was ever evidence for, in the order of their keys.
    pub fn supported_by(&self, statement: ConceptId) -> impl Iterator<Item = Edge<'_>> + Clone {
        let count = self.meta.supports as usize;
        let number = if count == 0 { None } else { self.number(statement) };
        let first = number.and_then(|number| lower_bound(count, |index| Some(self.support(index)?.0 < number)));
        let supports = (first.unwrap_or(count)..count).map_while(move |index| self.support(index));
        supports.take_while(move |(of, _)| Some(*of) == number).map_while(|(_, edge)| self.nth_edge(edge))
    }

    /// The association.
    pub fn edge(&self, key: &AssociationKey) -> Option<Edge<'_>> {
        let wanted = (key.kind, &key.label);
        let relation = self.relations.binary_search_by(|relation| (relation.kind, &relation.label).cmp(&wanted)).ok()?;
        let leaving = self.leaving_number(self.number(key.source));
        let code = |word: &[u8; 4]| (u32::from_le_bytes(*word) & RELATION) as usize;
        let start = leaving.words.partition_point(|word| code(word) < relation);
        let len = leaving.words.get(start..)?.partition_point(|word| code(word) == relation);
        let nth = |at: usize| {
            let (target, word) = (leaving.targets.get(at)?, leaving.words.get(at)?);
            Edge::new(self, leaving.index + at as u32, leaving.source, u32::from_le_bytes(*target), u32::from_le_bytes(*word))
        };
        let end = (key.target, key.validity);
        let at = lower_bound(len, |at| {
            let edge = nth(start + at)?;
            Some((edge.target(), edge.validity()) < end)
        })?;
        let edge = if at < len { nth(start + at)? } else { return None };
        ((edge.target(), edge.validity()) == end).then_some(edge)
    }

    /// Associations from the concept with this number.
    pub(super) fn leaving_number(&self, source: Option<u32>) -> Leaving<'_> {
        let none = Leaving { part: self, source: 0, index: 0, targets: &[], words: &[] };
        let found = source.and_then(|source| {
            let (first, count) = self.extent(Kind::Out, source)?;
            let targets = self.words(Kind::EdgeTarget, first, count)?;
            let words = self.words(Kind::EdgeRelation, first, count)?;
            Some(Leaving { part: self, source, index: first, targets, words })
        });
        found.unwrap_or(none)
    }

    /// Associations to the concept with this number.
    pub(super) fn arriving_number(&self, target: Option<u32>) -> Arriving<'_> {
        let indexes = target.and_then(|target| {
            let (first, count) = self.extent(Kind::In, target)?;
            self.words(Kind::InEdges, first, count)
        });
        Arriving { part: self, target: target.unwrap_or_default(), indexes: indexes.unwrap_or(&[]) }
    }

    /// The association at this place, from 0: by the number of its source, rows before ids without one, then in the order of keys.
    pub fn nth_edge(&self, index: u32) -> Option<Edge<'_>> {
        self.arriving_edge(index, self.container.u32_at(self.section(Kind::EdgeTarget), index as usize)?)
    }

    /// The same, where its target is known: one far read less.
    fn arriving_edge(&self, index: u32, target: u32) -> Option<Edge<'_>> {
        let word = |kind| self.container.u32_at(self.section(kind), index as usize);
        Edge::new(self, index, word(Kind::EdgeSource)?, target, word(Kind::EdgeRelation)?)
    }

    /// (Statement, association) in their order.
    pub(super) fn support(&self, index: usize) -> Option<(u32, u32)> {
        let supports = self.section(Kind::Supports);
        self.container.u32_at(supports, 2 * index).zip(self.container.u32_at(supports, 2 * index + 1))
    }

    /// Where the associations of a concept begin, and how many they are.
    pub(super) fn extent(&self, offsets: Kind, number: u32) -> Option<(u32, u32)> {
        if self.meta.edges == 0 {
            return None;
        }
        let section = self.section(offsets);
        let first = self.container.u32_at(section, number as usize)?;
        let end = self.container.u32_at(section, number as usize + 1)?;
        match end.checked_sub(first) {
            Some(count) if end <= self.meta.edges => Some((first, count)),
            _ => self.container.fault(|| format!("the associations of id {number} in a {section} are {first} to {end}")),
        }
    }

    fn words(&self, kind: Kind, first: u32, count: u32) -> Option<&[[u8; 4]]> {
        let bytes = self.container.slice(self.section(kind), 4 * first as usize, 4 * count as usize)?;
        Some(bytes.as_chunks().0)
    }
}
