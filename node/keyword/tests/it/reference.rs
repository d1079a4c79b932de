//! What a search should find, straight from the definition: every text is read for every query.

use std::collections::{BTreeSet, HashMap};

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
    let times: Vec<HashMap<&str, f64>> = read
        .iter()
        .map(|texts| {
            let mut times = HashMap::new();
            texts.iter().flatten().for_each(|word| *times.entry(&**word).or_default() += 1.0);
            times
        })
        .collect();
    let known: BTreeSet<&str> = times.iter().flat_map(HashMap::keys).copied().collect();
    let living: Vec<usize> = (0..corpus.len()).filter(|at| !corpus[*at].removed).collect();
    let length = |at: usize| times[at].values().sum::<f64>();
    let count = living.len() as f64;
    let average = (living.iter().map(|at| length(*at)).sum::<f64>() / count.max(1.0)).max(1.0);
    let holding = |word: &str| living.iter().filter(|at| times[**at].contains_key(word)).count() as f64;
    let rarities: HashMap<&str, f64> =
        known.iter().map(|word| (*word, (1.0 + (count - holding(word) + 0.5) / (holding(word) + 0.5)).ln())).collect();
    let bm25 = |at: usize, word: &str| {
        let Some(times) = times[at].get(word) else { return 0.0 };
        rarities[word] * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * length(at) / average))
    };
    let best_of = |at: usize, variants: &[(usize, &str)], discounted: bool| {
        variants.iter().map(|(rank, word)| bm25(at, word) / if discounted { 1.0 + *rank as f64 } else { 1.0 }).fold(0.0, f64::max)
    };
    let variants_of = |clause: &Asked| {
        let mut variants: Vec<(usize, &str)> = match clause {
            Asked::Word(_) | Asked::Phrase(_) => Vec::new(),
            Asked::Prefix(prefix) => {
                let beginning = known.iter().filter(|word| word.starts_with(&**prefix));
                beginning.map(|word| (word.chars().count(), *word)).collect()
            }
            Asked::Fuzzy(word, edits) => {
                let measured = known.iter().map(|other| (levenshtein(word, other), *other));
                measured.filter(|(found, _)| found <= edits).collect()
            }
        };
        variants.sort();
        variants.truncate(MOST_VARIANTS);
        variants
    };
    let score = |at: usize, clause: &Asked, variants: &[(usize, &str)]| match clause {
        Asked::Word(word) => bm25(at, word),
        Asked::Phrase(phrase) => {
            let found = read[at].iter().any(|text| text.windows(phrase.len()).any(|words| words == phrase));
            let distinct: BTreeSet<_> = phrase.iter().collect();
            if found { distinct.into_iter().map(|word| bm25(at, word)).sum() } else { 0.0 }
        }
        Asked::Prefix(_) => best_of(at, variants, false),
        Asked::Fuzzy(..) => best_of(at, variants, true),
    };
    let mut distinct: Vec<&Asked> = Vec::new();
    for clause in asked {
        if !distinct.iter().any(|other| other.written() == clause.written()) {
            distinct.push(clause);
        }
    }
    let distinct: Vec<_> = distinct.into_iter().map(|clause| (clause, variants_of(clause))).collect();
    let sum = |at: usize| distinct.iter().map(|(clause, variants)| score(at, clause, variants)).sum::<f64>();
    let scores = (0..corpus.len()).map(|at| (corpus[at].ordinal, sum(at)));
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
