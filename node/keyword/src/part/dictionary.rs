//! The terms of a part.

use fst::automaton::Str;
use fst::{Automaton, IntoStreamer, Map, Streamer};

use super::header::Header;
use super::pages::Pages;
use crate::error::Damaged;
use crate::query::Near;

/// Terms to where their records are. All its bytes have been checked: the transducer trusts them.
pub(super) struct Terms<'a> {
    map: Map<&'a [u8]>,
    malformed: Damaged,
}

impl<'a> Terms<'a> {
    pub(super) fn read<B: AsRef<[u8]>>(header: &Header, pages: &'a Pages<B>) -> Result<Self, Damaged> {
        let range = header.dictionary();
        let malformed = Damaged::Malformed { section: "the dictionary", offset: range.start as u64 };
        let map = Map::new(pages.get(range)?).map_err(|_| malformed.clone())?;
        if map.len() as u64 != u64::from(header.terms) {
            return Err(malformed);
        }
        Ok(Self { map, malformed })
    }

    /// Where the term's record begins.
    pub(super) fn get(&self, term: &str) -> Option<u64> {
        self.map.get(term)
    }

    /// Shows each term that begins with `prefix`.
    pub(super) fn beginning_with(&self, prefix: &str, show: &mut dyn FnMut(&str)) -> Result<(), Damaged> {
        let mut found = self.map.search(Str::new(prefix).starts_with()).into_stream();
        while let Some((term, _)) = found.next() {
            show(self.text(term)?);
        }
        Ok(())
    }

    /// Shows each term that is near, and how many edits away.
    pub(super) fn near(&self, near: &Near, show: &mut dyn FnMut(&str, u32)) -> Result<(), Damaged> {
        let mut found = self.map.search_with_state(near).into_stream();
        while let Some((term, _, state)) = found.next() {
            if let Some(edits) = near.distance(&state) {
                show(self.text(term)?, edits);
            }
        }
        Ok(())
    }

    fn text<'t>(&self, term: &'t [u8]) -> Result<&'t str, Damaged> {
        std::str::from_utf8(term).map_err(|_| self.malformed.clone())
    }
}
