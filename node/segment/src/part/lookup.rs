//! Finding concepts by something else than their ids.

use std::fmt::Display;

use sutra_protocol::{ConceptId, Timestamp};

use crate::attributes::AttributeRuns;
use crate::container::Span;
use crate::hash::time_of_key;
use crate::part::{Code, Part};
use crate::run::Run;
use crate::section::Kind;

impl Part {
    /// Ids that any version calls so; the hash is [`crate::text_hash`] of the normal name. Others with the same hash may be among
    /// them: compare.
    pub fn called(&self, name_hash: u64) -> impl Iterator<Item = ConceptId> + '_ {
        self.run(Kind::Names).hashed(name_hash).map_while(|(_, row)| self.checked(row)).map(|code| self.id_of(code))
    }

    /// Ids of which any version has the key; the hash is [`crate::text_hash`] of the key. Others with the same hash may be among
    /// them: compare.
    pub fn keyed(&self, key_hash: u64) -> impl Iterator<Item = ConceptId> + '_ {
        self.run(Kind::Keys).hashed(key_hash).map_while(|(_, row)| self.checked(row)).map(|code| self.id_of(code))
    }

    /// Rows by id, from the first above `after`.
    pub fn concepts_from(&self, after: Option<ConceptId>) -> impl Iterator<Item = (ConceptId, Code)> + '_ {
        let rows = self.meta.rows;
        let first = match after {
            None => 0,
            Some(after) => {
                let at = self.first_from(Kind::Ids, rows, after).unwrap_or(rows);
                let is_itself = at < rows && self.id(at) == Some(after);
                at + u32::from(is_itself)
            }
        };
        (first..rows).map_while(|row| Some((self.id(row)?, Code(row))))
    }

    /// Ids from `first` on that associations of this part leave, ascending; whether or not their rows are here.
    pub fn sources_from(&self, first: ConceptId) -> impl Iterator<Item = ConceptId> + '_ {
        let (rows, foreign) = (self.meta.rows, self.meta.foreign);
        let from = |ids, count| self.first_from(ids, count, first).unwrap_or(count);
        let mut own = (from(Kind::Ids, rows)..rows).filter_map(|number| self.source(number)).peekable();
        let others = (from(Kind::Foreign, foreign)..foreign).filter_map(move |at| self.source(rows.checked_add(at)?));
        let mut others = others.peekable();
        std::iter::from_fn(move || match (own.peek(), others.peek()) {
            (Some(a), Some(b)) if b < a => others.next(),
            (Some(_), _) => own.next(),
            (None, _) => others.next(),
        })
    }

    /// The id with this number, if associations leave it.
    fn source(&self, number: u32) -> Option<ConceptId> {
        let (_, count) = self.extent(Kind::Out, number)?;
        if count == 0 { None } else { self.id(number) }
    }

    /// The incarnations of all rows, the last taught first.
    pub fn newest(&self) -> impl DoubleEndedIterator<Item = (Timestamp, ConceptId)> + '_ {
        self.oldest().rev()
    }

    /// The incarnations of all rows, the first taught first; those of one time by id.
    pub fn oldest(&self) -> impl DoubleEndedIterator<Item = (Timestamp, ConceptId)> + '_ {
        let times = self.run(Kind::ByTime).all();
        times.filter_map(|(key, row)| Some((time_of_key(key), self.id_of(self.checked(row)?))))
    }

    /// As [`Part::oldest`], of those taught from `least` to `greatest`.
    pub fn taught_between(
        &self,
        least: Timestamp,
        greatest: Timestamp,
    ) -> impl DoubleEndedIterator<Item = (Timestamp, ConceptId)> + '_ {
        let times = self.run(Kind::ByTime).between(crate::time_key(least), crate::time_key(greatest));
        times.filter_map(|(key, row)| Some((time_of_key(key), self.id_of(self.checked(row)?))))
    }

    /// The values of an attribute; `None`: no living concept has it.
    pub fn attribute(&self, name: &str) -> Option<AttributeRuns<'_>> {
        AttributeRuns::find(self, name)
    }

    /// The vectors of the newest versions of living concepts; `None`: there are none, or they are damaged.
    ///
    /// The first call checks all of them, since a search does not say which ones it will read: about 1 s for 5 GB in memory. Call it
    /// in the background where that matters.
    pub fn vectors(&self) -> Option<&sutra_vector::Part> {
        let vectors = self.vectors.get_or_init(|| {
            let (shape, count) = (self.shape?, self.meta.vectors);
            let section = self.section(Kind::Vectors);
            let len = count as usize * shape.stride();
            if count == 0 {
                return None;
            }
            self.container.slice(section, 0, len)?;
            let range = section.offset..section.offset + len;
            match sutra_vector::Part::new(shape, self.container.content().clone(), range, count) {
                Ok(part) => Some(part),
                Err(error) => self.container.fault(|| format!("namespace {}: {error}", self.meta.namespace)),
            }
        });
        vectors.as_ref()
    }

    /// The words of living concepts; ordinals are rows, see [`Part::code`]. `None`: there are none, or their index is damaged.
    ///
    /// The index checks its own bytes as they are touched: what its methods find is to be told to [`Part::found_damaged`].
    pub fn keywords(&self) -> Option<&sutra_keyword::Part<Span>> {
        let keywords = self.keywords.get_or_init(|| {
            let section = self.section(Kind::Keywords);
            if section.len == 0 {
                return None;
            }
            sutra_keyword::Part::open(self.container.span(section)).map_err(|damage| self.found_damaged(&damage)).ok()
        });
        keywords.as_ref()
    }

    /// Remembers damage that [`Part::keywords`] or [`Part::vectors`] found in this part.
    pub fn found_damaged(&self, what: &dyn Display) {
        self.container.fault::<()>(|| format!("namespace {}: {what}", self.meta.namespace));
    }

    /// The row of a vector of [`Part::vectors`]; `None` beyond the last.
    pub fn vector_row(&self, ordinal: u32) -> Option<Code> {
        if ordinal >= self.meta.vectors {
            return None;
        }
        self.checked(self.container.u32_at(self.section(Kind::VectorRows), ordinal as usize)?)
    }

    /// The number of the row of each vector of [`Part::vectors`], in their order; nothing where the file is damaged.
    pub fn vector_rows(&self) -> impl Iterator<Item = u32> {
        let rows = self.container.whole(self.section(Kind::VectorRows)).unwrap_or_default().as_chunks::<4>().0;
        rows.iter().take(self.meta.vectors as usize).map(|row| u32::from_le_bytes(*row))
    }

    pub(super) fn run(&self, kind: Kind) -> Run<'_> {
        let section = self.section(kind);
        Run { container: &self.container, section, at: 0, count: section.len / 12 }
    }
}
