//! The rows of one namespace in a segment.

mod edge;
mod id;
mod lookup;
mod row;
mod verify;

use std::sync::{Arc, OnceLock};

use sutra_protocol::{AssociationType, Label, Namespace};
use sutra_vector::Shape;

pub use edge::Edge;
pub use id::Code;
pub use row::Standing;
pub(crate) use row::{ALIVE, PLAIN, SURE};

use crate::container::{Container, Span};
use crate::error::Damage;
use crate::meta::Meta;
use crate::section::{Kind, Section, Sections};
use crate::texts;

/// So many teachers are shared between the concepts that are read; the commonest come first.
const SHARED_TEACHERS: u32 = 1024;

/// So many versions of a row, or pieces of evidence, get room before they are read; for more, a file must really have them.
const EXPECTED: usize = 16;

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

    #[inline]
    pub(crate) fn section(&self, kind: Kind) -> Section {
        self.sections.of(kind)
    }

    /// The id that a number stands for: first those of rows, then the others.
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
