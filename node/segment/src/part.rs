//! The rows of one namespace in a segment.

mod edge;
mod lookup;
mod verify;

use std::sync::{Arc, OnceLock};

use sutra_protocol::{AssociationType, Concept, ConceptId, Label, Namespace, Timestamp, Validity};
use sutra_vector::Shape;

pub use edge::Edge;

use crate::concept_row::{Draft, Stamp, Surroundings, Versions};
use crate::container::{Container, Span};
use crate::error::Damage;
use crate::filter;
use crate::meta::Meta;
use crate::rows::{ConceptRow, ConceptVersion};
use crate::search::{hash_bound, lower_bound};
use crate::section::{Kind, Section, Sections};
use crate::texts;

/// Of [`Kind::RowFlags`]: the newest version is alive.
pub(crate) const ALIVE: u8 = 1;
/// One version, in incarnation 1, valid always, and nothing was erased.
pub(crate) const PLAIN: u8 = 2;
/// The newest version's confidence is 1.
pub(crate) const SURE: u8 = 4;

/// So many teachers are shared between the concepts that are read; the commonest come first.
const SHARED_TEACHERS: u32 = 1024;

/// So many versions of a row, or pieces of evidence, get room before they are read; for more, a file must really have them.
const EXPECTED: usize = 16;

/// A row of a part: the `n`th by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u32);

impl Code {
    /// From 0.
    pub const fn row(self) -> u32 {
        self.0
    }
}

/// That a concept is alive, and what an association needs to know of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// How often it was taught anew, from 1.
    pub incarnation: u64,
    /// When it holds in the world.
    pub validity: Validity,
    /// How sure its teacher is, 0 to 1.
    pub confidence: f64,
}

/// The rows of one namespace in a segment.
///
/// No method fails: where bytes turn out damaged it answers as if there were no more, and [`Container::damage`] of
/// [`Part::segment`] says so from then on. Whoever must not miss anything asks for it after reading.
#[derive(Debug)]
pub struct Part {
    container: Arc<Container>,
    sections: Sections,
    meta: Meta,
    shape: Option<Shape>,
    /// By (type, label).
    relations: Vec<Relation>,
    teachers: Box<[OnceLock<Arc<str>>]>,
    vectors: OnceLock<Option<sutra_vector::Part>>,
    keywords: OnceLock<Option<sutra_keyword::Part<Span>>>,
}

#[derive(Debug)]
struct Relation {
    kind: AssociationType,
    label: Label,
}

impl Part {
    /// Reads what the part says of itself, and its relations.
    pub(crate) fn open(container: &Arc<Container>, sections: Sections) -> Result<Self, Damage> {
        let damaged = |what: String| Damage { file: container.path().to_owned(), what };
        let found = || container.damage().cloned().unwrap_or_else(|| damaged("a part can't be read".into()));
        let meta = container.whole(sections.of(Kind::Meta)).ok_or_else(found)?;
        let meta: Meta =
            rmp_serde::from_slice(meta).map_err(|error| damaged(format!("what a part says of itself can't be read: {error}")))?;
        let within = |what: String| damaged(format!("namespace {}: {what}", meta.namespace));
        meta.check(&sections).map_err(within)?;
        let shape = meta.shape().map_err(within)?;
        let mut relations: Vec<Relation> = Vec::new();
        for index in 0..meta.relations {
            let text = texts::get(container, sections.of(Kind::Relations), meta.relations, index).ok_or_else(found)?;
            let relation = text.split_first().and_then(|(kind, label)| {
                let kind = AssociationType::from_number(u64::from(*kind))?;
                Some(Relation { kind, label: std::str::from_utf8(label).ok()?.into() })
            });
            let relation = relation.ok_or_else(|| within(format!("relation {index} is none")))?;
            relations.push(relation);
        }
        if !relations.is_sorted_by(|a, b| (a.kind, &a.label) < (b.kind, &b.label)) {
            return Err(within("its relations are not sorted".into()));
        }
        let teachers = (0..meta.strings.min(SHARED_TEACHERS)).map(|_| OnceLock::new()).collect();
        let container = Arc::clone(container);
        Ok(Self { container, sections, meta, shape, relations, teachers, vectors: OnceLock::new(), keywords: OnceLock::new() })
    }

    /// The namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.meta.namespace
    }

    /// The file that holds it.
    pub fn segment(&self) -> &Arc<Container> {
        &self.container
    }

    /// How many rows of concepts, alive or not.
    pub fn rows(&self) -> u32 {
        self.meta.rows
    }

    /// How many of them are alive now, as far as this part knows.
    pub fn living(&self) -> u32 {
        self.meta.living
    }

    /// How many rows of associations, alive or not.
    pub fn edges(&self) -> u32 {
        self.meta.edges
    }

    /// How many vectors [`Part::vectors`] has: of the newest versions of living concepts.
    pub fn vectors_count(&self) -> u32 {
        self.meta.vectors
    }

    /// How vectors are stored; `None`: the namespace had none.
    pub fn shape(&self) -> Option<Shape> {
        self.shape
    }

    /// The sections by name with their sizes in bytes, in the order in which the format numbers them.
    pub fn section_bytes(&self) -> impl Iterator<Item = (&'static str, usize)> + '_ {
        Kind::ALL.into_iter().map(|kind| (kind.name(), self.section(kind).len)).filter(|(_, len)| *len > 0)
    }

    /// The row with this number; `None` beyond the last.
    pub fn code(&self, row: u32) -> Option<Code> {
        (row < self.meta.rows).then_some(Code(row))
    }

    /// The row of a concept; `None`: there is none here, though there may be associations of it.
    #[inline]
    pub fn find(&self, id: ConceptId) -> Option<Code> {
        self.search(Kind::Filter, Kind::Ids, self.meta.rows, id).map(Code)
    }

    /// The id of a row of this part; 0 where it is damaged or not of this part.
    #[inline]
    pub fn id_of(&self, code: Code) -> ConceptId {
        self.id(code.0).unwrap_or_default()
    }

    /// Whether and how the concept lived at `known_at`, `None` for now. `None`: retracted, erased or not yet known then.
    pub fn standing(&self, code: Code, known_at: Option<Timestamp>) -> Option<Standing> {
        const ALL: u8 = ALIVE | PLAIN | SURE;
        if known_at.is_none() {
            let flags = *self.container.slice(self.section(Kind::RowFlags), code.0 as usize, 1)?.first()?;
            if flags & ALL == ALL {
                return Some(Standing { incarnation: 1, validity: Validity::ALWAYS, confidence: 1.0 });
            }
            if flags & ALIVE == 0 {
                return None;
            }
        }
        let draft = self.draft(code, known_at)?;
        Some(Standing { incarnation: draft.incarnation, validity: draft.validity, confidence: draft.confidence })
    }

    /// The concept as recorded at `known_at`, `None` for now.
    pub fn concept(&self, code: Code, known_at: Option<Timestamp>) -> Option<Arc<Concept>> {
        let draft = self.draft(code, known_at)?;
        match draft.concept(self.id(code.0)?, &self.meta.namespace, self) {
            Some(concept) => Some(Arc::new(concept)),
            None => self.malformed(code),
        }
    }

    /// The row with all its versions; an empty one where it is damaged.
    pub fn row(&self, code: Code) -> ConceptRow {
        self.whole_row(code).unwrap_or_default()
    }

    fn whole_row(&self, code: Code) -> Option<ConceptRow> {
        let id = self.id(code.0)?;
        let mut versions = self.versions(code)?;
        let mut row = ConceptRow {
            versions: Vec::with_capacity(versions.left().min(EXPECTED)),
            erased_incarnation: versions.erased_incarnation,
        };
        loop {
            let Some(stamp) = versions.next() else { return self.malformed(code) };
            let Some(Stamp { recorded_at, retracted }) = stamp else { break };
            let concept = if retracted {
                None
            } else {
                match versions.draft.concept(id, &self.meta.namespace, self) {
                    Some(concept) => Some(Arc::new(concept)),
                    None => return self.malformed(code),
                }
            };
            row.versions.push(ConceptVersion { recorded_at, concept });
        }
        if versions.is_done() { Some(row) } else { self.malformed(code) }
    }

    /// The version that was alive at `known_at`.
    fn draft(&self, code: Code, known_at: Option<Timestamp>) -> Option<Draft<'_>> {
        let mut versions = self.versions(code)?;
        let mut seen = None;
        loop {
            let Some(stamp) = versions.next() else { return self.malformed(code) };
            let Some(Stamp { recorded_at, retracted }) = stamp else { return seen };
            if known_at.is_none_or(|time| recorded_at <= time) {
                seen = (!retracted).then_some(versions.draft);
            }
        }
    }

    fn versions(&self, code: Code) -> Option<Versions<'_>> {
        let (offsets, heap) = (self.section(Kind::RowOffsets), self.section(Kind::Rows));
        let bytes = self.record(offsets, heap, code.0, self.meta.rows)?;
        Versions::new(bytes, self.meta.base_time).or_else(|| self.malformed(code))
    }

    /// The `index`th of `count` records of a heap.
    fn record(&self, offsets: Section, heap: Section, index: u32, count: u32) -> Option<&[u8]> {
        if index >= count {
            return None;
        }
        let start = self.container.u40_at(offsets, index as usize)?;
        let end = self.container.u40_at(offsets, index as usize + 1)?;
        match end.checked_sub(start) {
            Some(len) if end <= heap.len as u64 => self.container.slice(heap, start as usize, len as usize),
            _ => self.container.fault(|| format!("record {index} of a {heap} lies from {start} to {end}")),
        }
    }

    #[cold]
    fn malformed<T>(&self, code: Code) -> Option<T> {
        let namespace = &self.meta.namespace;
        self.container.fault(|| format!("row {} of namespace {namespace} does not read as one", code.0))
    }

    #[inline]
    pub(crate) fn section(&self, kind: Kind) -> Section {
        self.sections.of(kind)
    }

    /// The id that a number stands for: first those of rows, then the others.
    #[inline]
    fn id(&self, number: u32) -> Option<ConceptId> {
        match number.checked_sub(self.meta.rows) {
            None => self.container.id_at(self.section(Kind::Ids), number as usize),
            Some(foreign) if foreign < self.meta.foreign => self.container.id_at(self.section(Kind::Foreign), foreign as usize),
            Some(_) => self.container.fault(|| format!("namespace {}: there is no id {number}", self.meta.namespace)),
        }
    }

    /// The number of an id, whether or not its row is here.
    #[inline]
    fn number(&self, id: ConceptId) -> Option<u32> {
        match self.find(id) {
            Some(Code(row)) => Some(row),
            None => {
                let foreign = self.search(Kind::ForeignFilter, Kind::Foreign, self.meta.foreign, id)?;
                self.meta.rows.checked_add(foreign)
            }
        }
    }

    /// The place of an id among `count` sorted ones.
    #[inline]
    fn search(&self, filter: Kind, ids: Kind, count: u32, id: ConceptId) -> Option<u32> {
        if !filter::may_hold(&self.container, self.section(filter), id) {
            return None;
        }
        let at = self.first_from(ids, count, id)?;
        (at < count && self.container.id_at(self.section(ids), at as usize)? == id).then_some(at)
    }

    /// The first of `count` sorted ids that is not below `id`.
    fn first_from(&self, ids: Kind, count: u32, id: ConceptId) -> Option<u32> {
        let section = self.section(ids);
        let high = |id: ConceptId| (id.as_u128() >> 64) as u64;
        let at = |index| self.container.id_at(section, index);
        let count = count as usize;
        let mut from = hash_bound(count, high(id), |index| at(index).map(high))?;
        if from < count && at(from)? < id {
            // Ids whose first halves are equal: none that were derived, but any can be asked for.
            from += lower_bound(count - from, |index| Some(at(from + index)? < id))?;
        }
        Some(from as u32)
    }

    /// The row as a code; a fault if there is none.
    pub(crate) fn checked(&self, row: u32) -> Option<Code> {
        self.code(row).or_else(|| self.container.fault(|| format!("namespace {}: there is no row {row}", self.meta.namespace)))
    }

    fn string(&self, code: u32) -> Option<&str> {
        let bytes = texts::get(&self.container, self.section(Kind::Strings), self.meta.strings, code)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Some(text),
            Err(_) => self.container.fault(|| format!("namespace {}: text {code} is not UTF-8", self.meta.namespace)),
        }
    }

    fn shared(&self, code: u32) -> Option<Arc<str>> {
        let Some(place) = self.teachers.get(code as usize) else { return self.string(code).map(Arc::from) };
        match place.get() {
            Some(teacher) => Some(Arc::clone(teacher)),
            None => {
                let teacher: Arc<str> = self.string(code)?.into();
                Some(Arc::clone(place.get_or_init(|| teacher)))
            }
        }
    }
}

impl Surroundings for Part {
    fn text(&self, code: u32) -> Option<&str> {
        self.string(code)
    }

    fn teacher(&self, code: u32) -> Option<Arc<str>> {
        self.shared(code)
    }

    fn vector(&self, ordinal: u32) -> Option<Arc<[f32]>> {
        let shape = self.shape?;
        let stride = shape.stride();
        let at = (ordinal as usize).checked_mul(stride)?;
        let bytes = self.container.slice(self.section(Kind::Vectors), at, stride)?;
        shape.decode(bytes).ok().map(Arc::from)
    }
}
