//! The documents in which words follow each other.

use super::Source;
use super::cursor::Cursor;
use crate::error::Damaged;

/// Stands at a document that has the phrase, or at the end.
pub(super) struct Phrase<'a, S: Source> {
    /// Its distinct words.
    words: Vec<Cursor<'a, S>>,
    /// Which of them stands at each place of the phrase.
    pattern: Vec<usize>,
    /// Where each of them stands in the document that is looked at.
    positions: Vec<Vec<u32>>,
    slot: Option<u32>,
}

impl<'a, S: Source> Phrase<'a, S> {
    /// Stands at the first document. `pattern` says which of `words` stands at each place.
    pub(super) fn new(words: Vec<Cursor<'a, S>>, pattern: Vec<usize>) -> Result<Self, Damaged> {
        let positions = words.iter().map(|_| Vec::new()).collect();
        let mut phrase = Self { words, pattern, positions, slot: None };
        phrase.find(0)?;
        Ok(phrase)
    }

    pub(super) fn slot(&self) -> Option<u32> {
        self.slot
    }

    /// No document adds more than this.
    pub(super) fn bound(&self) -> f64 {
        self.words.iter().map(Cursor::bound).sum()
    }

    /// What the document adds to its score: what each distinct word does.
    pub(super) fn score(&self) -> Result<f64, Damaged> {
        self.words.iter().map(Cursor::score).sum()
    }

    /// Goes to the first document at `target` or after it, if it isn't there or beyond.
    pub(super) fn seek(&mut self, target: u32) -> Result<(), Damaged> {
        if self.slot.is_some_and(|slot| slot < target) { self.find(target) } else { Ok(()) }
    }

    fn find(&mut self, mut target: u32) -> Result<(), Damaged> {
        self.slot = None;
        loop {
            let mut meet = target;
            for word in &mut self.words {
                word.seek(meet)?;
                let Some(slot) = word.slot() else { return Ok(()) };
                meet = slot;
            }
            // The last word is at or after all others.
            if self.words.iter().all(|word| word.slot() == Some(meet)) {
                if self.follow()? {
                    self.slot = Some(meet);
                    return Ok(());
                }
                let Some(next) = meet.checked_add(1) else { return Ok(()) };
                target = next;
            } else {
                target = meet;
            }
        }
    }

    /// Whether the words follow each other in the document at which all of them stand.
    fn follow(&mut self) -> Result<bool, Damaged> {
        for (word, positions) in self.words.iter().zip(&mut self.positions) {
            word.positions(positions)?;
        }
        let Some(first) = self.pattern.first().and_then(|word| self.positions.get(*word)) else { return Ok(false) };
        Ok(first.iter().any(|start| {
            let mut places = (*start..).zip(&self.pattern);
            places.all(|(place, word)| self.positions[*word].binary_search(&place).is_ok())
        }))
    }
}
