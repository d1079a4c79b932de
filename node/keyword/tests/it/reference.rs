//! What a search should find, straight from the definition: every text is read for every query.

use std::collections::BTreeSet;

use sutra_keyword::{MOST_VARIANTS, words};

use crate::corpus::{Seeded, Text, VOCABULARY};

/// A clause as it is meant.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Word(String),
    Phrase(Vec<String>),
    Prefix(String),
    Fuzzy(String, usize),
}

impl Asked {
    /// A clause about the vocabulary.
    pub(crate) fn any(seeded: &mut Seeded) -> Self {
        let mut word = || VOCABULARY[seeded.below(VOCABULARY.len())].to_owned();
        let (first, second, third) = (word(), word(), word());
        match seeded.below(5) {
            0 | 1 => Self::Word(first),
            2 => Self::Phrase(if seeded.below(2) == 0 { vec![first, second] } else { vec![third.clone(), third] }),
            3 => Self::Prefix(first.chars().take(1 + seeded.below(4)).collect()),
            _ if first.chars().count() < 4 => Self::Word(first),
            _ => Self::Fuzzy(first, 1 + seeded.below(2)),
        }
    }

    /// As it is written.
    pub(crate) fn written(&self) -> String {
        match self {
            Self::Word(word) => word.clone(),
            Self::Phrase(words) => format!("\"{}\"", words.join(" ")),
            Self::Prefix(prefix) => format!("{prefix}*"),
            Self::Fuzzy(word, edits) => format!("{word}~{edits}"),
        }
    }
}

/// Every document that fits, with its score; best first, equal ones by ordinal.
pub(crate) fn search(corpus: &[Text], asked: &[Asked]) -> Vec<(u32, f64)> {
    let read: Vec<Vec<Vec<String>>> = corpus
        .iter()
        .map(|document| document.texts.iter().map(|text| words(text).map(|word| word.text).collect()).collect())
        .collect();
    let known: BTreeSet<&String> = read.iter().flatten().flatten().collect();
    let living = |at: &usize| !corpus[*at].removed;
    let length = |at: usize| read[at].iter().map(Vec::len).sum::<usize>() as f64;
    let count = (0..corpus.len()).filter(living).count() as f64;
    let total: f64 = (0..corpus.len()).filter(living).map(length).sum();
    let average = (total / count.max(1.0)).max(1.0);
    let times = |at: usize, word: &str| read[at].iter().flatten().filter(|other| *other == word).count() as f64;
    let bm25 = |at: usize, word: &str| {
        let holding = (0..corpus.len()).filter(living).filter(|at| times(*at, word) > 0.0).count() as f64;
        let rarity = (1.0 + (count - holding + 0.5) / (holding + 0.5)).ln();
        rarity * times(at, word) * 2.2 / (times(at, word) + 1.2 * (0.25 + 0.75 * length(at) / average))
    };
    let best_of = |at: usize, mut variants: Vec<(usize, &String)>, discounted: bool| {
        variants.sort();
        variants.truncate(MOST_VARIANTS);
        let held = variants.into_iter().filter(|(_, word)| times(at, word) > 0.0);
        held.map(|(rank, word)| bm25(at, word) / if discounted { 1.0 + rank as f64 } else { 1.0 }).fold(0.0, f64::max)
    };
    let score = |at: usize, clause: &Asked| match clause {
        Asked::Word(word) => bm25(at, word),
        Asked::Phrase(phrase) => {
            let found = read[at].iter().any(|text| text.windows(phrase.len()).any(|words| words == phrase));
            let distinct: BTreeSet<_> = phrase.iter().collect();
            if found { distinct.into_iter().map(|word| bm25(at, word)).sum() } else { 0.0 }
        }
        Asked::Prefix(prefix) => {
            let variants = known.iter().filter(|word| word.starts_with(prefix)).map(|word| (word.chars().count(), *word));
            best_of(at, variants.collect(), false)
        }
        Asked::Fuzzy(word, edits) => {
            let variants = known.iter().map(|other| (levenshtein(word, other), *other)).filter(|(found, _)| found <= edits);
            best_of(at, variants.collect(), true)
        }
    };
    let mut distinct: Vec<&Asked> = Vec::new();
    for clause in asked {
        if !distinct.iter().any(|other| other.written() == clause.written()) {
            distinct.push(clause);
        }
    }
    let scores = (0..corpus.len()).map(|at| (corpus[at].ordinal, distinct.iter().map(|clause| score(at, clause)).sum::<f64>()));
    let mut found: Vec<_> = scores.filter(|(_, score)| *score > 0.0).collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    found
}

fn levenshtein(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = match (i, j) {
                (0, edits) | (edits, 0) => edits,
                _ => {
                    let other = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    other.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1)
                }
            };
        }
    }
    table[a.len()][b.len()]
}
