//! Rows by their ids.

use sutra_protocol::ConceptId;

use crate::filter;
use crate::part::Part;
use crate::search::{hash_bound, lower_bound};
use crate::section::Kind;

/// A row of a part: the `n`th by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub(super) u32);

impl Code {
    /// From 0.
    pub const fn row(self) -> u32 {
        self.0
    }
}

impl Part {
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

    #[inline]
    pub(super) fn id(&self, number: u32) -> Option<ConceptId> {
        match number.checked_sub(self.meta.rows) {
            None => self.container.id_at(self.section(Kind::Ids), number as usize),
            Some(foreign) if foreign < self.meta.foreign => self.container.id_at(self.section(Kind::Foreign), foreign as usize),
            Some(_) => self.container.fault(|| format!("namespace {}: there is no id {number}", self.meta.namespace)),
        }
    }

    /// The number of an id, whether or not its row is here.
    #[inline]
    pub(super) fn number(&self, id: ConceptId) -> Option<u32> {
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
    pub(super) fn search(&self, filter: Kind, ids: Kind, count: u32, id: ConceptId) -> Option<u32> {
        if !filter::may_hold(&self.container, self.section(filter), id) {
            return None;
        }
        let at = self.first_from(ids, count, id)?;
        (at < count && self.container.id_at(self.section(ids), at as usize)? == id).then_some(at)
    }

    /// The first of `count` sorted ids that is not below `id`.
    pub(super) fn first_from(&self, ids: Kind, count: u32, id: ConceptId) -> Option<u32> {
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
}
