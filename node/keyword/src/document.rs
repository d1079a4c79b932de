//! The words of a document, grouped for the index.

use crate::words;

/// The words of the texts of one document: its content, then its aliases.
///
/// A word of any of the texts counts. Between two texts one position stays free, so that no phrase reaches across.
pub(crate) struct Document {
    folded: String,
    /// By word, then by position.
    places: Vec<Place>,
}

/// Where a word stands.
pub(crate) struct Place {
    start: usize,
    end: usize,
    /// Counted over all texts, with the free ones between them.
    pub(crate) position: u32,
}

impl Document {
    pub(crate) fn read<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut folded = String::new();
        let mut places: Vec<Place> = Vec::new();
        let mut next: u32 = 0;
        'texts: for text in texts {
            let from = folded.len();
            words::fold(text.as_ref(), &mut folded);
            let whole = folded.as_ptr() as usize + from;
            for word in words::runs(&folded[from..]) {
                let start = from + (word.as_ptr() as usize - whole);
                places.push(Place { start, end: start + word.len(), position: next });
                // What follows four thousand million words isn't indexed.
                let Some(following) = next.checked_add(1).filter(|at| *at < u32::MAX) else { break 'texts };
                next = following;
            }
            next += 1;
        }
        places.sort_unstable_by(|a, b| (&folded[a.start..a.end], a.position).cmp(&(&folded[b.start..b.end], b.position)));
        Self { folded, places }
    }

    /// How many words it has.
    pub(crate) fn length(&self) -> u32 {
        // There are no more places than positions.
        self.places.len() as u32
    }

    /// Each distinct word, in order, with the places where it stands.
    pub(crate) fn terms(&self) -> impl Iterator<Item = (&str, &[Place])> {
        let text = |place: &Place| &self.folded[place.start..place.end];
        self.places.chunk_by(move |a, b| text(a) == text(b)).filter_map(move |places| Some((text(places.first()?), places)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_all_texts_count_and_a_position_stays_free_between_them() {
        let document = Document::read(["Acute myocardial infarction", "heart attack", "acute MI"]);
        let terms: Vec<_> = document
            .terms()
            .map(|(word, places)| (word, places.iter().map(|place| place.position).collect::<Vec<_>>()))
            .collect();
        let expected = [
            ("acute", vec![0, 7]),
            ("attack", vec![5]),
            ("heart", vec![4]),
            ("infarction", vec![2]),
            ("mi", vec![8]),
            ("myocardial", vec![1]),
        ];
        assert_eq!(terms, expected);
        assert_eq!(document.length(), 7);
    }
}
