//! One line of a data file, as `wndb(5WN)` describes it.

use std::fmt;

/// A part of speech, which is also a data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Pos {
    Noun,
    Verb,
    Adjective,
    Adverb,
}

impl Pos {
    /// In the order in which they are read.
    pub(crate) const ALL: [Self; 4] = [Self::Noun, Self::Verb, Self::Adjective, Self::Adverb];

    /// The data file's name.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Noun => "data.noun",
            Self::Verb => "data.verb",
            Self::Adjective => "data.adj",
            Self::Adverb => "data.adv",
        }
    }

    fn letter(self) -> char {
        match self {
            Self::Noun => 'n',
            Self::Verb => 'v',
            Self::Adjective => 'a',
            Self::Adverb => 'r',
        }
    }

    fn parse(letter: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pos| letter.chars().eq([pos.letter()]))
    }
}

/// A synset's name: its file and the offset of its line. It is written as the concept's key, `wn30:02084071-n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SynsetId {
    pub(crate) pos: Pos,
    /// In bytes from the start of the file.
    pub(crate) offset: u32,
}

impl fmt::Display for SynsetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wn30:{:08}-{}", self.offset, self.pos.letter())
    }
}

/// A pointer from a synset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    /// Such as `@` or `#p`.
    pub(crate) symbol: String,
    pub(crate) target: SynsetId,
    /// Whether it holds between two words (lexical) and not between the two synsets.
    pub(crate) lexical: bool,
}

/// A set of synonyms with its gloss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Synset {
    pub(crate) id: SynsetId,
    /// The lexicographer file that it was written in, such as 5 for `noun.animal`.
    pub(crate) lexname: usize,
    /// Whether it is an adjective that hangs on another one.
    pub(crate) satellite: bool,
    /// With blanks, and without the syntactic markers of adjectives; never empty.
    pub(crate) words: Vec<String>,
    pub(crate) pointers: Vec<Pointer>,
    pub(crate) gloss: String,
}

impl Synset {
    /// Reads a line of `pos`'s file. The error says what is wrong with it.
    pub(crate) fn parse(pos: Pos, line: &str) -> Result<Self, String> {
        let (head, gloss) = line.split_once('|').ok_or("it has no gloss")?;
        let mut fields = head.split_ascii_whitespace();
        let mut next = |what: &'static str| fields.next().ok_or_else(|| format!("its {what} is missing"));
        let offset = number(next("offset")?, 10)?;
        let lexname = number(next("lexicographer file")?, 10)? as usize;
        let satellite = next("type")? == "s";
        let words = (0..number(next("word count")?, 16)?)
            .map(|_| {
                let word = readable(next("word")?);
                next("lexical id").map(|_| word)
            })
            .collect::<Result<Vec<_>, _>>()?;
        if words.is_empty() {
            return Err("it has no words".into());
        }
        let pointers = (0..number(next("pointer count")?, 10)?)
            .map(|_| {
                let symbol = next("pointer symbol")?.to_owned();
                let offset = number(next("pointer offset")?, 10)?;
                let letter = next("pointer's part of speech")?;
                let pos = Pos::parse(letter).ok_or_else(|| format!("{letter:?} is no part of speech"))?;
                let lexical = next("pointer's words")? != "0000";
                Ok::<_, String>(Pointer { symbol, target: SynsetId { pos, offset }, lexical })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { id: SynsetId { pos, offset }, lexname, satellite, words, pointers, gloss: gloss.trim().into() })
    }

    /// The part of speech in words.
    pub(crate) fn pos_name(&self) -> &'static str {
        match self.id.pos {
            Pos::Noun => "noun",
            Pos::Verb => "verb",
            Pos::Adjective if self.satellite => "adjective satellite",
            Pos::Adjective => "adjective",
            Pos::Adverb => "adverb",
        }
    }
}

fn number(text: &str, radix: u32) -> Result<u32, String> {
    u32::from_str_radix(text, radix).map_err(|_| format!("{text:?} is not a number"))
}

/// `ready_to_hand(p)` → `ready to hand`.
fn readable(word: &str) -> String {
    let bare = ["(p)", "(a)", "(ip)"].iter().find_map(|marker| word.strip_suffix(marker)).unwrap_or(word);
    bare.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_noun_file_is_read_whole() {
        let line = "02748618 06 n 02 aspirin 0 acetylsalicylic_acid 0 002 @ 15009843 n 0000 ;u 06851742 n 0501 | a drug  ";
        let synset = Synset::parse(Pos::Noun, line).unwrap();
        assert_eq!(synset.id.to_string(), "wn30:02748618-n");
        assert_eq!(synset.words, ["aspirin", "acetylsalicylic acid"]);
        assert_eq!(synset.lexname, 6);
        assert_eq!(synset.gloss, "a drug");
        let lexical: Vec<_> = synset.pointers.iter().map(|pointer| (pointer.symbol.as_str(), pointer.lexical)).collect();
        assert_eq!(lexical, [("@", false), (";u", true)]);
    }

    #[test]
    fn the_word_count_is_hexadecimal_and_markers_are_dropped() {
        let words = "a 0 ".repeat(15);
        let line = format!("00000001 00 s 10 {words}ready_to_hand(p) 0 000 | g");
        let synset = Synset::parse(Pos::Adjective, &line).unwrap();
        assert_eq!(synset.words.len(), 16);
        assert_eq!(synset.words[15], "ready to hand");
        assert_eq!(synset.pos_name(), "adjective satellite");
    }

    #[test]
    fn a_cut_line_says_what_is_missing() {
        assert_eq!(Synset::parse(Pos::Noun, "00000001 03 n 01 entity |").unwrap_err(), "its lexical id is missing");
    }
}
