//! The documents with any of many words, of which the one that adds most counts.

use super::Source;
use super::cursor::Cursor;
use crate::error::Damaged;

/// How many slots are looked at together.
const WINDOW: u32 = 4_096;

/// Stands at a document that has one of the words, or at the end.
///
/// A thousand words share no heap: their postings are poured into a window of slots, list by list.
pub(super) struct Union<'a, S: Source> {
    words: Vec<Cursor<'a, S>>,
    /// The first slot of the window.
    from: u32,
    /// What each document of the window adds; 0 where there is none.
    best: Vec<f64>,
    slot: Option<u32>,
}

impl<'a, S: Source> Union<'a, S> {
    /// Stands at the first document.
    pub(super) fn new(words: Vec<Cursor<'a, S>>) -> Result<Self, Damaged> {
        let mut union = Self { words, from: 0, best: Vec::new(), slot: None };
        union.pour(0)?;
        Ok(union)
    }

    pub(super) fn slot(&self) -> Option<u32> {
        self.slot
    }

    /// No document adds more than this.
    pub(super) fn bound(&self) -> f64 {
        self.words.iter().map(Cursor::bound).fold(0.0, f64::max)
    }

    /// What the document adds to its score.
    pub(super) fn score(&self) -> f64 {
        let at = self.slot.and_then(|slot| slot.checked_sub(self.from));
        at.and_then(|at| self.best.get(at as usize)).copied().unwrap_or(0.0)
    }

    /// Goes to the first document at `target` or after it, if it isn't there or beyond.
    pub(super) fn seek(&mut self, target: u32) -> Result<(), Damaged> {
        let Some(slot) = self.slot.filter(|slot| *slot < target) else { return Ok(()) };
        let rest = self.best.get((target - self.from) as usize..).unwrap_or_default();
        if let Some(ahead) = rest.iter().position(|score| *score > 0.0) {
            // Within the window, whose slots are 32-bit numbers.
            self.slot = Some(target + ahead as u32);
            return Ok(());
        }
        let behind = u64::from(self.from) + u64::from(WINDOW);
        match u32::try_from(behind.max(u64::from(slot) + 1)) {
            Ok(behind) => self.pour(behind.max(target)),
            Err(_) => {
                self.slot = None;
                Ok(())
            }
        }
    }

    /// Fills the window with the first documents at `target` or after it.
    fn pour(&mut self, target: u32) -> Result<(), Damaged> {
        let mut from = u32::MAX;
        let mut any = false;
        for word in &mut self.words {
            word.seek(target)?;
            if let Some(slot) = word.slot() {
                from = from.min(slot);
                any = true;
            }
        }
        self.slot = any.then_some(from);
        if !any {
            return Ok(());
        }
        self.from = from;
        self.best.clear();
        self.best.resize(WINDOW as usize, 0.0);
        for word in &mut self.words {
            while let Some(best) = word.slot().and_then(|slot| self.best.get_mut(slot.checked_sub(from)? as usize)) {
                *best = best.max(word.score()?);
                word.advance()?;
            }
        }
        Ok(())
    }
}
