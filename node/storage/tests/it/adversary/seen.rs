//! Everything that a view answers.

use std::collections::BTreeMap;
use std::fmt::Debug;

use sutra_protocol::http::Degree;
use sutra_protocol::{
    AsOf, Association, AssociationFilter, AssociationKey, Concept, ConceptId, Direction, Knowledge, Step, Timestamp,
};
use sutra_storage::View;

use super::lists::Lists;
use super::scene;

/// What is known now, whenever it holds.
pub(crate) const NOW: AsOf = AsOf { valid_at: None, known_at: None };

/// More than a history ever has of anything.
const MOST: usize = 10_000;

/// Answers to every question about a namespace at one time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    /// By id.
    pub(crate) concepts: Vec<Concept>,
    /// By key.
    pub(crate) associations: Vec<Association>,
    /// Outgoing, then incoming.
    pub(crate) steps: BTreeMap<ConceptId, Vec<Step>>,
    pub(crate) degrees: BTreeMap<ConceptId, Degree>,
    pub(crate) keyed: BTreeMap<String, Option<ConceptId>>,
    pub(crate) named: BTreeMap<String, Vec<ConceptId>>,
    pub(crate) retracted: BTreeMap<ConceptId, Option<Timestamp>>,
    pub(crate) lists: Lists,
    /// What the answers have against each other.
    pub(crate) contradictions: Vec<String>,
    /// Ascending.
    pub(crate) recent: Vec<(Timestamp, ConceptId)>,
}

impl Seen {
    /// Asks a view everything; lists come in pages of `page`.
    pub(crate) fn of(view: &View, page: usize) -> Self {
        let everything = AssociationFilter::default();
        let everybody: Vec<ConceptId> = scene::everybody(view.namespace()).collect();
        let mut contradictions = Vec::new();
        let mut concepts: Vec<Concept> = Vec::new();
        loop {
            let more = view.concepts(concepts.last().map(|last| last.id), page);
            if more.len() > page {
                contradictions.push(format!("a page of {page} concepts has {}", more.len()));
            }
            concepts.extend(more.iter().map(|concept| Concept::clone(concept)));
            // A damaged file may answer the same page for ever.
            if more.len() < page || concepts.len() > MOST {
                break;
            }
        }
        let mut associations: Vec<Association> = Vec::new();
        loop {
            let last: Option<AssociationKey> = associations.last().map(|last| last.key.clone());
            let more = view.associations(last.as_ref(), page);
            let done = more.len() < page || associations.len() > MOST;
            associations.extend(more);
            if done {
                break;
            }
        }
        for id in &everybody {
            let alone = view.concept(*id).map(|concept| Concept::clone(&concept));
            let listed = concepts.iter().find(|concept| concept.id == *id).cloned();
            if alone != listed {
                contradictions.push(format!("{id} by itself is {alone:?}, and in the list {listed:?}"));
            }
        }
        for association in &associations {
            let alone = view.association(&association.key);
            if alone.as_ref() != Some(association) {
                contradictions.push(format!("by itself it is {alone:?}, and in the list {association:?}"));
            }
        }
        let recent = view.recent(usize::MAX);
        let newest: Vec<Timestamp> = recent.iter().map(|concept| concept.created_at).collect();
        if !newest.is_sorted_by(|one, next| one >= next) {
            contradictions.push(format!("the most recent come in the order {newest:?}"));
        }
        let mut recent: Vec<_> = recent.iter().map(|concept| (concept.created_at, concept.id)).collect();
        recent.sort_unstable();
        let lists = Lists::of(view, page, &mut contradictions);
        let steps = view.expand(&everybody, Direction::Both, &everything);
        Self {
            steps: everybody.iter().copied().zip(steps).collect(),
            degrees: everybody.iter().map(|id| (*id, view.degree(*id))).collect(),
            keyed: scene::keys().map(|key| (key.to_owned(), view.keyed(key))).collect(),
            named: scene::names().map(|name| (name.to_owned(), view.named(name))).collect(),
            retracted: everybody.iter().map(|id| (*id, view.retracted_at(*id))).collect(),
            concepts,
            associations,
            recent,
            lists,
            contradictions,
        }
    }

    /// The first difference, in words; `None`: there is none.
    pub(crate) fn differs(&self, right: &Self) -> Option<String> {
        list("contradictions", &self.contradictions, &right.contradictions)
            .or_else(|| list("concepts", &self.concepts, &right.concepts))
            .or_else(|| list("associations", &self.associations, &right.associations))
            .or_else(|| map("steps", &self.steps, &right.steps))
            .or_else(|| map("degrees", &self.degrees, &right.degrees))
            .or_else(|| map("keyed", &self.keyed, &right.keyed))
            .or_else(|| map("named", &self.named, &right.named))
            .or_else(|| map("retracted_at", &self.retracted, &right.retracted))
            .or_else(|| list("recent", &self.recent, &right.recent))
            .or_else(|| map("the list", &self.lists.lists, &right.lists.lists))
            .or_else(|| map("the count", &self.lists.counts, &right.lists.counts))
            .or_else(|| map("the search", &self.lists.words, &right.lists.words))
            .or_else(|| {
                (self.lists != right.lists)
                    .then(|| format!("nearest are {:?} and should be {:?}", self.lists.nearest, right.lists.nearest))
            })
    }
}

fn list<T: Debug + PartialEq>(what: &str, found: &[T], right: &[T]) -> Option<String> {
    let longest = found.len().max(right.len());
    let at = (0..longest).find(|at| found.get(*at) != right.get(*at))?;
    let (found_here, right_here) = (found.get(at), right.get(at));
    Some(format!(
        "{what}[{at}] of {} (right: {}) is\n  {found_here:?}\nand should be\n  {right_here:?}",
        found.len(),
        right.len()
    ))
}

fn map<K: Debug + Ord, T: Debug + PartialEq>(what: &str, found: &BTreeMap<K, T>, right: &BTreeMap<K, T>) -> Option<String> {
    let (key, right_here) = right.iter().find(|(key, value)| found.get(key) != Some(value))?;
    Some(format!("{what} of {key:?} is\n  {:?}\nand should be\n  {right_here:?}", found.get(key)))
}
