//! How common words are, over everything that is searched.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Damaged;
use crate::query::{Clause, Near, Query};

/// The most words that a prefix or a word with `~` stands for.
pub const MOST_VARIANTS: usize = 1_024;

/// The statistics of a namespace for one query. Each index that is searched tells its own; their sum goes into every search, so
/// that scores don't depend on how documents are spread over parts.
///
/// Counts are signed: an index also holds what was removed from older ones. Of all together they are never negative.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// How many documents live.
    pub documents: i64,
    /// How many words they have.
    pub words: i64,
    /// Of each clause of the query, the words it stands for.
    pub(crate) clauses: Vec<Variants>,
}

/// The words that a clause stands for, and how many living documents have each.
pub(crate) type Variants = BTreeMap<Variant, i64>;

/// A word that a clause stands for. Their order decides which are left out, so it depends on nothing but the word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Variant {
    /// Edits away from what was written with `~`; letters of what begins as asked; of others 0.
    pub(crate) rank: u32,
    pub(crate) word: Box<str>,
}

/// The words of an index.
pub(crate) trait Dictionary {
    /// How many living documents have the word; 0 if it isn't there.
    fn living(&self, word: &str) -> Result<i64, Damaged>;
    /// Shows each word that begins with `prefix`.
    fn beginning_with(&self, prefix: &str, show: &mut dyn FnMut(&str)) -> Result<(), Damaged>;
    /// Shows each word that is near, and how many edits away.
    fn near(&self, near: &Near, show: &mut dyn FnMut(&str, u32)) -> Result<(), Damaged>;
}

impl Statistics {
    /// Adds those of another index for the same query.
    pub fn merge(&mut self, other: &Self) {
        self.documents = self.documents.saturating_add(other.documents);
        self.words = self.words.saturating_add(other.words);
        if self.clauses.len() < other.clauses.len() {
            self.clauses.resize_with(other.clauses.len(), Variants::new);
        }
        for (variants, others) in self.clauses.iter_mut().zip(&other.clauses) {
            for (variant, living) in others {
                let sum = variants.entry(variant.clone()).or_default();
                *sum = sum.saturating_add(*living);
            }
            // What is left out here is left out of the whole too, so no sum misses a part.
            while variants.len() > MOST_VARIANTS {
                variants.pop_last();
            }
        }
    }

    /// Those of an index with so many living documents and words.
    pub(crate) fn gather(documents: i64, words: i64, query: &Query, dictionary: &impl Dictionary) -> Result<Self, Damaged> {
        let clauses = query.clauses.iter().map(|clause| variants(clause, dictionary)).collect::<Result<_, _>>()?;
        Ok(Self { documents, words, clauses })
    }

    /// The words that a clause of the query stands for.
    pub(crate) fn variants(&self, clause: usize) -> impl Iterator<Item = (&Variant, i64)> {
        self.clauses.get(clause).into_iter().flatten().map(|(variant, living)| (variant, *living))
    }
}

fn variants(clause: &Clause, dictionary: &impl Dictionary) -> Result<Variants, Damaged> {
    let mut variants = Variants::new();
    match clause {
        Clause::Word(word) => keep(&mut variants, 0, word),
        Clause::Phrase(words) => words.iter().for_each(|word| keep(&mut variants, 0, word)),
        Clause::Prefix(prefix) => {
            dictionary.beginning_with(prefix, &mut |word| keep(&mut variants, word.chars().count() as u32, word))?;
        }
        Clause::Fuzzy { word, edits } => {
            dictionary.near(&Near::new(word, *edits), &mut |word, edits| keep(&mut variants, edits, word))?;
        }
    }
    for (variant, living) in &mut variants {
        *living = dictionary.living(&variant.word)?;
    }
    Ok(variants)
}

/// Adds a word, unless it comes after all that may be kept.
fn keep(variants: &mut Variants, rank: u32, word: &str) {
    let last = variants.last_key_value().map(|(last, _)| (last.rank, &*last.word));
    if variants.len() == MOST_VARIANTS && last.is_some_and(|last| last < (rank, word)) {
        return;
    }
    variants.insert(Variant { rank, word: word.into() }, 0);
    if variants.len() > MOST_VARIANTS {
        variants.pop_last();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics(words: &[(&str, i64)]) -> Statistics {
        let variants = words.iter().map(|(word, living)| (Variant { rank: word.len() as u32, word: (*word).into() }, *living));
        Statistics { documents: 1, words: 3, clauses: vec![variants.collect()] }
    }

    #[test]
    fn a_sum_counts_each_word_over_all_parts() {
        let mut sum = Statistics::default();
        sum.merge(&statistics(&[("ibuprofen", 3), ("ibutilide", 1)]));
        sum.merge(&statistics(&[("ibuprofen", -1)]));
        let mut expected = statistics(&[("ibuprofen", 2), ("ibutilide", 1)]);
        (expected.documents, expected.words) = (2, 6);
        assert_eq!(sum, expected);
    }

    #[test]
    fn the_shortest_words_are_kept_however_they_come() {
        let words: Vec<String> = (0..3_000).map(|at| format!("{:a<1$}", format!("{at:04}"), 4 + at % 7)).collect();
        let mut whole = Variants::new();
        words.iter().for_each(|word| keep(&mut whole, word.len() as u32, word));
        let mut sum = Statistics::default();
        for part in words.chunks(700) {
            let mut variants = Variants::new();
            part.iter().rev().for_each(|word| keep(&mut variants, word.len() as u32, word));
            sum.merge(&Statistics { clauses: vec![variants], ..Statistics::default() });
        }
        assert_eq!(sum.clauses, [whole]);
        assert_eq!(sum.clauses[0].len(), MOST_VARIANTS);
    }
}
