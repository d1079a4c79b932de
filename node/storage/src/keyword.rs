//! The keyword index of the delta: words to concepts, ranked by Okapi BM25 (Robertson and Zaragoza, "The Probabilistic Relevance
//! Framework", 2009) with k1 = 1.2 and b = 0.75.
//!
//! A text is one document. A changed or retracted text stays until it is asked for no more (a reader of the past may want it); only
//! the statistics count what is alive. Everything here can be rebuilt from the rows.

use std::collections::HashMap;
use std::sync::Arc;

use sutra_protocol::{Concept, ConceptId};
use unicode_normalization::UnicodeNormalization;

const K1: f64 = 1.2;
const B: f64 = 0.75;

/// The words of `text`: maximal runs of letters and digits, after Unicode NFKC and in lower case.
pub(crate) fn words(text: &str) -> Vec<String> {
    let folded: String = text.nfkc().flat_map(char::to_lowercase).collect();
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(Into::into).collect()
}

/// Words to documents, for one namespace.
#[derive(Default)]
pub(crate) struct KeywordIndex {
    documents: Vec<Document>,
    /// The living document of each concept.
    current: HashMap<ConceptId, u32>,
    postings: HashMap<Box<str>, Postings>,
    /// Of the living documents.
    live: u64,
    /// Words in the living documents.
    live_words: u64,
}

struct Document {
    /// The version that brought this text.
    concept: Arc<Concept>,
    /// How many words it has.
    words: u32,
}

#[derive(Default)]
struct Postings {
    /// How many living documents have the word.
    live: u64,
    /// Document and how often it has the word, by document.
    entries: Vec<(u32, u32)>,
}

/// A document that matches a query.
pub(crate) struct Match {
    pub(crate) concept: Arc<Concept>,
    pub(crate) score: f64,
}

impl KeywordIndex {
    /// Indexes the text of a concept, in place of its earlier text.
    pub(crate) fn put(&mut self, concept: &Arc<Concept>) {
        self.remove(concept.id);
        let counts = count(concept);
        let total = counts.values().sum();
        // More than u32::MAX texts of a namespace do not fit this process's memory.
        let document = self.documents.len() as u32;
        for (word, times) in counts {
            let postings = self.postings.entry(word).or_default();
            postings.live += 1;
            postings.entries.push((document, times));
        }
        self.documents.push(Document { concept: Arc::clone(concept), words: total });
        self.current.insert(concept.id, document);
        self.live += 1;
        self.live_words += u64::from(total);
    }

    /// Takes a concept's text out of the statistics.
    pub(crate) fn remove(&mut self, id: ConceptId) {
        let Some(document) = self.current.remove(&id).and_then(|at| self.documents.get(at as usize)) else { return };
        for word in count(&document.concept).into_keys() {
            if let Some(postings) = self.postings.get_mut(&word) {
                postings.live -= 1;
            }
        }
        self.live -= 1;
        self.live_words -= u64::from(document.words);
    }

    /// Every document with a word of the query, in no order. The caller knows which of them are alive for it.
    pub(crate) fn matches(&self, query: &str) -> Vec<Match> {
        let mut asked = words(query);
        asked.sort_unstable();
        asked.dedup();
        let average = self.live_words as f64 / self.live.max(1) as f64;
        let mut scores: HashMap<u32, f64> = HashMap::new();
        for word in &asked {
            let Some(postings) = self.postings.get(word.as_str()) else { continue };
            let holding = postings.live as f64;
            let rarity = (1.0 + (self.live as f64 - holding + 0.5) / (holding + 0.5)).ln();
            for &(document, times) in &postings.entries {
                let length = f64::from(self.documents[document as usize].words) / average.max(1.0);
                let times = f64::from(times);
                *scores.entry(document).or_default() += rarity * times * (K1 + 1.0) / (times + K1 * (1.0 - B + B * length));
            }
        }
        let found = scores.into_iter();
        found.map(|(at, score)| Match { concept: Arc::clone(&self.documents[at as usize].concept), score }).collect()
    }
}

/// How often each word stands in the concept's content and aliases.
fn count(concept: &Concept) -> HashMap<Box<str>, u32> {
    let mut counts = HashMap::new();
    for text in std::iter::once(&concept.content).chain(&concept.aliases) {
        for word in words(text) {
            *counts.entry(word.into_boxed_str()).or_default() += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::concept;

    fn ranked(index: &KeywordIndex, query: &str) -> Vec<String> {
        let mut found = index.matches(query);
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.into_iter().map(|hit| hit.concept.content.to_string()).collect()
    }

    #[test]
    fn words_are_folded_runs_of_letters_and_digits() {
        assert_eq!(words("COX-2 inhibitor, 200 mg (Celebrex™)"), ["cox", "2", "inhibitor", "200", "mg", "celebrextm"]);
    }

    #[test]
    fn rare_words_and_short_texts_rank_higher() {
        let mut index = KeywordIndex::default();
        for content in [
            "aspirin relieves pain",
            "ibuprofen relieves pain",
            "aspirin is one of the many drugs that a doctor may prescribe when a patient is in pain after an operation",
        ] {
            index.put(&Arc::new(concept(content)));
        }
        assert_eq!(ranked(&index, "aspirin pain")[0], "aspirin relieves pain");
        assert_eq!(ranked(&index, "Ibuprofen!"), ["ibuprofen relieves pain"]);
        assert!(ranked(&index, "warfarin").is_empty());
    }

    #[test]
    fn scores_are_okapi_bm25() {
        let mut index = KeywordIndex::default();
        index.put(&Arc::new(concept("aspirin thins blood")));
        index.put(&Arc::new(concept("iron")));
        // N = 2, df = 1, length 3, average 2, tf = 1.
        let expected = (1.0_f64 + 1.5 / 1.5).ln() * 2.2 / (1.0 + 1.2 * (0.25 + 0.75 * 1.5));
        assert!((index.matches("blood")[0].score - expected).abs() < 1e-12);
    }

    #[test]
    fn statistics_count_only_what_is_alive() {
        let mut index = KeywordIndex::default();
        let texts = ["aspirin thins blood", "iron"].map(|content| Arc::new(concept(content)));
        texts.iter().for_each(|concept| index.put(concept));
        let before = index.matches("iron")[0].score;
        index.remove(texts[0].id);
        index.put(&texts[0]);
        assert_eq!(index.matches("iron")[0].score, before);
        index.remove(texts[0].id);
        index.remove(texts[0].id);
        assert_ne!(index.matches("iron")[0].score, before);
    }
}
