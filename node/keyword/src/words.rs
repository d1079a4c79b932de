//! What a word is: the one tokeniser of everything that is indexed and asked.

use unicode_normalization::UnicodeNormalization;

/// A word longer than this many bytes counts by its beginning: the ten megabytes of a pasted file would else be one entry of the
/// dictionary. Two such words that begin alike are one.
const LONGEST: usize = 255;

/// A word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// In lower case, after Unicode NFKC; at most 255 bytes.
    pub text: String,
    /// How many words of the text stand before it.
    pub position: u32,
}

/// The words of `text`: maximal runs of letters and digits, after Unicode NFKC and in lower case.
pub fn words(text: &str) -> impl Iterator<Item = Word> {
    let mut folded = String::new();
    fold(text, &mut folded);
    let places: Vec<&str> = runs(&folded).collect();
    let words: Vec<String> = places.into_iter().map(Into::into).collect();
    words.into_iter().zip(0..).map(|(text, position)| Word { text, position })
}

/// Appends `text` to `folded` after Unicode NFKC and in lower case.
pub(crate) fn fold(text: &str, folded: &mut String) {
    if text.is_ascii() {
        // NFKC leaves ASCII as it is.
        let from = folded.len();
        folded.push_str(text);
        folded[from..].make_ascii_lowercase();
    } else {
        folded.extend(text.nfkc().flat_map(char::to_lowercase));
    }
}

/// The words of a text that is folded.
pub(crate) fn runs(folded: &str) -> impl Iterator<Item = &str> {
    // Most texts need no look at the tables of Unicode.
    let ascii = folded.is_ascii();
    let parts = move |c: char| if ascii { !c.is_ascii_alphanumeric() } else { !c.is_alphanumeric() };
    folded.split(parts).filter(|run| !run.is_empty()).map(|run| &run[..run.floor_char_boundary(LONGEST)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        words(text).map(|word| word.text).collect()
    }

    #[test]
    fn words_are_folded_runs_of_letters_and_digits() {
        assert_eq!(texts("COX-2 inhibitor, 200 mg (Celebrex™)"), ["cox", "2", "inhibitor", "200", "mg", "celebrextm"]);
        assert_eq!(texts("Ｆｕｌｌ ｗｉｄｔｈ ﬁve Straße"), ["full", "width", "five", "straße"]);
        assert!(texts(" — … ").is_empty());
    }

    #[test]
    fn ascii_is_folded_as_everything_else() {
        let text = "Factor-VIII, 1000 IU/vial\t(Kogenate)";
        let mut slow = String::new();
        slow.extend(text.nfkc().flat_map(char::to_lowercase));
        let mut fast = String::new();
        fold(text, &mut fast);
        assert_eq!(fast, slow);
    }

    #[test]
    fn positions_count_the_words_before() {
        let positions: Vec<_> = words("no – known allergies").map(|word| word.position).collect();
        assert_eq!(positions, [0, 1, 2]);
    }

    #[test]
    fn an_endless_word_counts_by_its_beginning() {
        assert_eq!(texts(&"ä".repeat(5_000)), ["ä".repeat(127)]);
    }
}
