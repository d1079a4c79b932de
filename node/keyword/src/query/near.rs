//! Words a few edits apart: Levenshtein's distance (1966), computed a letter at a time.

use fst::Automaton;

/// The most edits that are counted.
const MOST: usize = 2;
/// Of a row of the table, only the cells this near to the diagonal can be within the bound.
const BAND: usize = 2 * MOST + 1;
/// More edits than are counted.
const FAR: u8 = MOST as u8 + 1;

/// Tells how many edits a text is away from a word. It is fed from the front and says early that nothing can come of it, so a
/// dictionary need not be read whole.
#[derive(Clone, Debug)]
pub(crate) struct Near {
    word: Vec<char>,
    /// 1 or 2.
    edits: u8,
}

/// How far a text has been read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    /// Letters read.
    read: usize,
    /// Cell `c` is the distance between what was read and the first `read + c - 2` letters of the word.
    band: [u8; BAND],
    /// The bytes of a letter that isn't complete.
    partial: [u8; 4],
    partial_len: u8,
}

impl Near {
    pub(crate) fn new(word: &str, edits: u8) -> Self {
        Self { word: word.chars().collect(), edits: edits.min(MOST as u8) }
    }

    /// How many edits `text` is away; none if more than allowed.
    pub(crate) fn edits(&self, text: &str) -> Option<u32> {
        let mut state = self.start();
        for c in text.chars() {
            state = self.step(&state, c);
            if !self.can_match(&state) {
                return None;
            }
        }
        self.distance(&state)
    }

    /// The beginning of `text`, in bytes, after which nothing can come of it; none if something can.
    pub(crate) fn dead_after(&self, text: &str) -> Option<usize> {
        let mut state = self.start();
        for (at, c) in text.char_indices() {
            state = self.step(&state, c);
            if !self.can_match(&state) {
                return Some(at + c.len_utf8());
            }
        }
        None
    }

    /// How many edits what was read is away; none if more than allowed.
    pub(crate) fn distance(&self, state: &State) -> Option<u32> {
        let cell = (self.word.len() + MOST).checked_sub(state.read)?;
        let edits = *state.band.get(cell)?;
        (edits <= self.edits && state.partial_len == 0).then_some(u32::from(edits))
    }

    /// Reads a letter: a row of the table from the one before.
    fn step(&self, state: &State, letter: char) -> State {
        let read = state.read + 1;
        let mut band = [FAR; BAND];
        for cell in 0..BAND {
            // The cell stands for this many letters of the word.
            let Some(prefix) = (read + cell).checked_sub(MOST).filter(|prefix| *prefix <= self.word.len()) else { continue };
            let mut least = FAR;
            if let Some(expected) = prefix.checked_sub(1).and_then(|at| self.word.get(at)) {
                least = least.min(state.band[cell] + u8::from(*expected != letter));
            }
            if let Some(above) = state.band.get(cell + 1) {
                least = least.min(above + 1);
            }
            if let Some(left) = cell.checked_sub(1) {
                least = least.min(band[left] + 1);
            }
            band[cell] = least;
        }
        State { read, band, partial: [0; 4], partial_len: 0 }
    }

    const DEAD: State = State { read: 0, band: [FAR; BAND], partial: [0; 4], partial_len: 0 };
}

impl Automaton for Near {
    type State = State;

    fn start(&self) -> State {
        let mut band = [FAR; BAND];
        for (prefix, cell) in band[MOST..].iter_mut().enumerate() {
            if prefix <= self.word.len() {
                *cell = prefix as u8;
            }
        }
        State { read: 0, band, partial: [0; 4], partial_len: 0 }
    }

    fn is_match(&self, state: &State) -> bool {
        self.distance(state).is_some()
    }

    fn can_match(&self, state: &State) -> bool {
        state.band.iter().any(|edits| *edits <= self.edits)
    }

    /// Reads a byte; a letter counts when its last byte is there.
    fn accept(&self, state: &State, byte: u8) -> State {
        if byte < 0x80 && state.partial_len == 0 {
            return self.step(state, char::from(byte));
        }
        let mut next = *state;
        let Some(place) = next.partial.get_mut(usize::from(next.partial_len)) else { return Self::DEAD };
        *place = byte;
        next.partial_len += 1;
        match std::str::from_utf8(&next.partial[..usize::from(next.partial_len)]) {
            Ok(letter) => letter.chars().next().map_or(Self::DEAD, |letter| self.step(state, letter)),
            Err(error) if error.error_len().is_none() => next,
            Err(_) => Self::DEAD,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The whole table, as in a textbook.
    fn reference(a: &str, b: &str) -> usize {
        let b: Vec<char> = b.chars().collect();
        let mut row: Vec<usize> = (0..=b.len()).collect();
        for (i, x) in a.chars().enumerate() {
            let mut diagonal = row[0];
            row[0] = i + 1;
            for (j, y) in b.iter().enumerate() {
                let least = (diagonal + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
                diagonal = row[j + 1];
                row[j + 1] = least;
            }
        }
        row[b.len()]
    }

    #[test]
    fn misspelt_words_are_near() {
        assert_eq!(Near::new("aspirin", 2).edits("asprin"), Some(1));
        assert_eq!(Near::new("metformin", 2).edits("metfromin"), Some(2));
        assert_eq!(Near::new("metformin", 1).edits("metfromin"), None);
        assert_eq!(Near::new("naïve", 1).edits("naive"), Some(1));
    }

    proptest! {
        #[test]
        fn the_distance_is_levenshteins(word in "[abä]{0,7}", text in "[abä]{0,7}", edits in 1_u8..=2) {
            let near = Near::new(&word, edits);
            let expected = reference(&word, &text);
            let expected = (expected <= usize::from(edits)).then_some(expected as u32);
            prop_assert_eq!(near.edits(&text), expected);
            let by_bytes = text.bytes().fold(near.start(), |state, byte| near.accept(&state, byte));
            prop_assert_eq!(near.distance(&by_bytes), expected);
            if expected.is_some() {
                prop_assert_eq!(near.dead_after(&text), None);
            }
        }
    }
}
