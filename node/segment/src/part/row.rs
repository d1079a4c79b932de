//! What rows hold.

use std::sync::Arc;

use sutra_protocol::{Concept, Timestamp, Validity};

use crate::concept_row::{Draft, Stamp, Surroundings, Versions};
use crate::part::{Code, EXPECTED, Part};
use crate::rows::{ConceptRow, ConceptVersion};
use crate::section::Kind;

/// Of [`Kind::RowFlags`]: the newest version is alive.
pub(crate) const ALIVE: u8 = 1;
/// One version, in incarnation 1, valid always, and nothing was erased.
pub(crate) const PLAIN: u8 = 2;
/// The newest version's confidence is 1.
pub(crate) const SURE: u8 = 4;

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

impl Part {
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

    /// The row with all its versions; `None` where it is damaged.
    pub fn whole_row(&self, code: Code) -> Option<ConceptRow> {
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

    #[cold]
    fn malformed<T>(&self, code: Code) -> Option<T> {
        let namespace = &self.meta.namespace;
        self.container.fault(|| format!("row {} of namespace {namespace} does not read as one", code.0))
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
