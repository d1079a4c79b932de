//! Filtered and ordered lists, searches by words and by vectors: what a view answers, and what it should.

use std::collections::{BTreeMap, BTreeSet};

use sutra_protocol::filter::Filter;
use sutra_protocol::query::{Cursor, Order};
use sutra_protocol::{AsOf, Concept, ConceptId};
use sutra_storage::View;

/// Filters, or none, and orders.
const LISTS: [(&str, &str); 7] = [
    ("", "id"),
    ("", "-created_at"),
    (r#"{"field":"type","eq":"rule"}"#, "created_at"),
    (r#"{"field":"attributes.dose_mg","gte":10}"#, "-attributes.dose_mg"),
    (r#"{"any":[{"field":"attributes.approved","eq":true},{"field":"attributes.route","exists":true}]}"#, "attributes.route"),
    (r#"{"not":{"field":"confidence","lt":0.5}}"#, "attributes.approved"),
    (r#"{"field":"key","prefix":"RXCUI:"}"#, "id"),
];
/// Words to look for: of contents, of aliases, in no text.
const WORDS: [&str; 6] = ["aspirin", "bleeding", "cox", "warfarin", "gods", "ibuprofen"];
/// A direction to look in; of the dimension that most vectors have.
const DIRECTION: [f32; 8] = [0.5, -0.25, 1.0, 0.125, -1.0, 0.75, 0.25, -0.5];

/// Answers to them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Lists {
    /// By filter and order: the concepts in their order.
    pub(crate) lists: BTreeMap<String, Vec<ConceptId>>,
    pub(crate) counts: BTreeMap<String, u64>,
    /// By word: who has it. Only of what is known now: an index does not remember older texts for ever.
    pub(crate) words: BTreeMap<String, BTreeSet<ConceptId>>,
    /// Everybody with a vector, in the same case, and if [`DIRECTION`] fits.
    pub(crate) nearest: BTreeSet<ConceptId>,
}

impl Lists {
    /// Asks a view; lists come in pages of `page`.
    pub(crate) fn of(view: &View, page: usize, contradictions: &mut Vec<String>) -> Self {
        let mut answers = Self::default();
        for (filter, order) in LISTS {
            let (name, filter, order) = parsed(filter, order);
            let mut list: Vec<ConceptId> = Vec::new();
            let mut after: Option<Cursor> = None;
            loop {
                let some = view.query(filter.as_ref(), &order, after.as_ref(), page);
                list.extend(some.concepts.iter().map(|concept| concept.id));
                after = some.next;
                if after.is_none() || list.len() > 10_000 {
                    break;
                }
            }
            answers.lists.insert(name.clone(), list);
            answers.counts.insert(name, view.count(filter.as_ref()));
        }
        if view.as_of().known_at.is_some() {
            return answers;
        }
        for word in WORDS {
            let hits = view.search(word, 1_000, &|_| true).unwrap();
            if !hits.is_sorted_by(|one, next| one.score >= next.score) {
                contradictions.push(format!("what has the word {word:?} is not in the order of its scores"));
            }
            answers.words.insert(word.into(), hits.iter().map(|hit| hit.concept.id).collect());
        }
        let hits = view.nearest(&DIRECTION, 1_000, None).unwrap_or_default();
        for hit in &hits {
            let right = hit.concept.vector.as_deref().map_or(f64::NAN, |vector| cosine(vector, &DIRECTION));
            // The numbers of vectors here are exact in every format; the direction's sums are not.
            if (hit.score - right).abs() > 1e-3 {
                contradictions.push(format!("{} is at {} of the direction, and should be at {right}", hit.concept.id, hit.score));
            }
        }
        answers.nearest = hits.iter().map(|hit| hit.concept.id).collect();
        answers
    }

    /// What these concepts should come to.
    pub(crate) fn right(concepts: &[Concept], as_of: AsOf, dimension: Option<u32>) -> Self {
        let mut answers = Self::default();
        for (filter, order) in LISTS {
            let (name, filter, order) = parsed(filter, order);
            let passing = concepts.iter().filter(|concept| filter.as_ref().is_none_or(|filter| filter.passes(concept)));
            let mut places: Vec<_> = passing.map(|concept| order.place(concept)).collect();
            places.sort_by(|one, next| order.compare(one, next));
            answers.counts.insert(name.clone(), places.len() as u64);
            answers.lists.insert(name, places.into_iter().map(|place| place.id).collect());
        }
        if as_of.known_at.is_some() {
            return answers;
        }
        for word in WORDS {
            let has = |text: &str| text.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|part| part == word);
            let holders = concepts.iter().filter(|one| has(&one.content) || one.aliases.iter().any(|alias| has(alias)));
            answers.words.insert(word.into(), holders.map(|concept| concept.id).collect());
        }
        if dimension == Some(DIRECTION.len() as u32) {
            // A vector of zeroes points nowhere.
            let points = |concept: &&Concept| concept.vector.as_deref().is_some_and(|vector| vector.iter().any(|x| *x != 0.0));
            answers.nearest = concepts.iter().filter(points).map(|concept| concept.id).collect();
        }
        answers
    }
}

fn parsed(filter: &str, order: &str) -> (String, Option<Filter>, Order) {
    let name = format!("{filter} by {order}");
    let filter = (!filter.is_empty()).then(|| serde_json::from_str(filter).unwrap());
    (name, filter, order.parse().unwrap())
}

fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
}
