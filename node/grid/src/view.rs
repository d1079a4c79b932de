//! A namespace over all shards.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use sutra_protocol::effects::Ghost;
use sutra_protocol::filter::Filter;
use sutra_protocol::http::Degree;
use sutra_protocol::query::{Cursor, Order};
use sutra_protocol::{
    AsOf, Association, AssociationFilter, AssociationKey, Concept, ConceptId, Direction, KeyRange, Knowledge, Namespace, Step,
    Timestamp, Wanted,
};
use sutra_storage::{Hit, NearestError, Page, QueryError, View as LocalView, WordQuery, WordStatistics};

use crate::questions::{
    AssociationsAfter, ConceptsAfter, Count, Dimension, Expand, Nearest, OfAssociation, OfConcept, OfDetails, OfGhost, OfKey,
    OfName, Query, Question, Recent, Search, Words,
};
use crate::there::{Cached, Missing, There};

/// A namespace as it was known, and valid, at one time: the pinned views of all shards. Cheap to clone.
///
/// Each shard answers for its own concepts alone, so nothing is said twice. The parts are pinned one after another: what a command changes on
/// several shards is seen whole by whoever waited for its token, and by everybody once it is acknowledged.
///
/// A part that another node keeps is asked over the network, and whoever asks waits. Where it has no answer, the view goes on as if the shard
/// were empty, and [`View::missing`] says so: what is answered then is not to be used, or is a part of the answer.
#[derive(Clone)]
pub struct View(Arc<Pinned>);

struct Pinned {
    /// They cover the placement space, in its order. There is at least one.
    parts: Vec<(KeyRange, Part)>,
    /// Whether a part was asked for associations.
    walked: Vec<AtomicBool>,
}

/// A shard's view.
pub(crate) enum Part {
    /// Pinned here.
    Here(LocalView),
    /// Pinned on another node.
    There(There),
}

impl Part {
    /// What it knows of one thing; `None`: it has no answer.
    fn look_up<L: Cached>(&self, key: &L::Key) -> Option<L::Value> {
        match self {
            Self::Here(view) => Some(L::look_up(view, key)),
            Self::There(there) => there.one::<L>(key),
        }
    }

    fn there(&self) -> Option<&There> {
        match self {
            Self::Here(_) => None,
            Self::There(there) => Some(there),
        }
    }

    fn missing(&self) -> Option<Missing> {
        match self {
            Self::Here(view) => view.damage().map(|damage| Missing::Damaged(damage.to_string())),
            Self::There(there) => there.missing().cloned(),
        }
    }
}

impl View {
    /// Of these shards' views, whose ranges cover the placement space and are in its order. There is at least one.
    pub(crate) fn of(parts: Vec<(KeyRange, Part)>) -> Self {
        let walked = parts.iter().map(|_| AtomicBool::new(false)).collect();
        Self(Arc::new(Pinned { parts, walked }))
    }

    /// Of a view of everything.
    pub fn whole(view: LocalView) -> Self {
        Self::of(vec![(KeyRange::WHOLE, Part::Here(view))])
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.0.parts.iter().map(|(_, part)| part)
    }

    /// The part that keeps a concept.
    fn keeper(&self, id: ConceptId) -> Option<&Part> {
        self.0.parts.iter().find(|(range, _)| range.keeps(id)).map(|(_, part)| part)
    }

    /// What each part answers to its own question, all at the same time; those that have no answer are left out.
    fn ask_each<'a, Q: Question>(&self, asked: impl IntoIterator<Item = (&'a Part, Q)>) -> Vec<Q::Answer> {
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for (part, question) in asked {
            match part {
                Part::Here(view) => here.push((view, question)),
                Part::There(part) => there.push((part, question)),
            }
        }
        let asking = join_all(there.iter().map(|(part, question)| part.ask(question)));
        let answers = there.first().map(|(first, _)| first.wait(asking)).unwrap_or_default();
        here.into_iter().map(|(view, question)| question.answer(view)).chain(answers.into_iter().flatten()).collect()
    }

    /// What all parts answer to one question; those that have no answer are left out.
    fn ask_all<Q: Question + Clone>(&self, question: Q) -> Vec<Q::Answer> {
        self.ask_each(self.parts().map(|part| (part, question.clone())))
    }

    /// Pins all parts now: what is written from here on is in none of them.
    pub fn pin(&self) {
        self.ask_all(Dimension {});
    }

    /// How many shards were asked for associations of their concepts.
    pub fn shards_walked(&self) -> usize {
        self.0.walked.iter().filter(|walked| walked.load(Ordering::Relaxed)).count()
    }

    /// The namespace.
    pub fn namespace(&self) -> &Namespace {
        match &self.0.parts[0].1 {
            Part::Here(view) => view.namespace(),
            Part::There(there) => there.namespace(),
        }
    }

    /// The times that are asked about.
    pub fn as_of(&self) -> AsOf {
        match &self.0.parts[0].1 {
            Part::Here(view) => view.as_of(),
            Part::There(there) => there.as_of(),
        }
    }

    /// When the concept was retracted, if that is later than what this view knows, and how many living associations it has.
    pub fn details(&self, id: ConceptId) -> (Option<Timestamp>, Degree) {
        let found = self.keeper(id).and_then(|part| part.look_up::<OfDetails>(&id));
        found.unwrap_or((None, Degree { out: 0, into: 0 }))
    }

    /// What kept parts of it from answering, each of them.
    pub fn missing(&self) -> Vec<Missing> {
        self.parts().filter_map(Part::missing).collect()
    }

    /// A concept as those shards may see it that do not keep it; an id that was never taught has no versions.
    pub fn ghost(&self, id: ConceptId) -> Ghost {
        let none = || Ghost { id, versions: Vec::new(), erased_incarnation: 0, continues: false };
        self.keeper(id).and_then(|part| part.look_up::<OfGhost>(&id)).unwrap_or_else(none)
    }

    /// Says that each of these will be asked for by [`View::ghost`].
    pub fn prepare_ghosts(&self, ids: &[ConceptId]) {
        self.fetch(self.looked_up::<OfGhost>(ids, |id| *id));
    }

    /// Says that each of these will be asked for by [`View::details`], and by [`Knowledge::concept`].
    pub fn prepare_details(&self, ids: &[ConceptId]) {
        let (details, concepts) = (self.looked_up::<OfDetails>(ids, |id| *id), self.looked_up::<OfConcept>(ids, |id| *id));
        self.fetch(details.into_iter().chain(concepts).collect());
    }

    /// What fetches these, each from where it is kept.
    fn looked_up<'a, L: Cached>(&'a self, keys: &[L::Key], of: impl Fn(&L::Key) -> ConceptId) -> Vec<Fetching<'a>> {
        let mut fetching: Vec<Fetching<'a>> = Vec::new();
        for (range, part) in &self.0.parts {
            let Some(there) = part.there() else { continue };
            let kept: Vec<L::Key> = keys.iter().filter(|key| range.keeps(of(key))).cloned().collect();
            if !kept.is_empty() {
                fetching.push((there, Box::pin(there.look_up::<L>(kept))));
            }
        }
        fetching
    }

    /// What fetches these from every part.
    fn looked_up_everywhere<'a, L: Cached>(&'a self, keys: &[L::Key]) -> Vec<Fetching<'a>> {
        let there = self.parts().filter(|_| !keys.is_empty()).filter_map(Part::there);
        there.map(|there| (there, Box::pin(there.look_up::<L>(keys.to_vec())) as _)).collect()
    }

    fn fetch(&self, fetching: Vec<Fetching<'_>>) {
        if let Some((first, _)) = fetching.first() {
            let first = *first;
            first.wait(join_all(fetching.into_iter().map(|(_, fetching)| fetching)));
        }
    }

    /// At most `limit` living concepts whose id is above `after`, in the order of the ids.
    pub fn concepts(&self, after: Option<ConceptId>, limit: usize) -> Vec<Arc<Concept>> {
        first(limit, self.ask_all(ConceptsAfter { after, limit }), |a, b| a.id.cmp(&b.id))
    }

    /// At most `limit` living concepts, the most recently taught first.
    pub fn recent(&self, limit: usize) -> Vec<Arc<Concept>> {
        first(limit, self.ask_all(Recent { limit }), |a, b| (b.created_at, b.id).cmp(&(a.created_at, a.id)))
    }

    /// At most `limit` living associations whose key is above `after`, in the order of the keys, with their evidence.
    pub fn associations(&self, after: Option<&AssociationKey>, limit: usize) -> Vec<Association> {
        first(limit, self.ask_all(AssociationsAfter { after: after.cloned(), limit }), |a, b| a.key.cmp(&b.key))
    }

    /// At most `limit` living concepts that pass `filter`, in `order`, behind `after`.
    pub fn query(&self, filter: Option<&Filter>, order: &Order, after: Option<&Cursor>, limit: usize) -> Page {
        let mut pages = self.ask_all(Query { filter: filter.cloned(), order: order.clone(), after: after.cloned(), limit });
        if self.0.parts.len() == 1 {
            return pages.pop().unwrap_or_default();
        }
        let mut more = pages.iter().any(|page| page.next.is_some());
        let mut concepts: Vec<Arc<Concept>> = pages.into_iter().flat_map(|page| page.concepts).collect();
        concepts.sort_by(|a, b| order.compare(&order.place(a), &order.place(b)));
        more |= concepts.len() > limit;
        concepts.truncate(limit);
        let next = if more { concepts.last().map(|last| Cursor::after(order, last)) } else { None };
        Page { concepts, next }
    }

    /// How many living concepts pass `filter`.
    pub fn count(&self, filter: Option<&Filter>) -> u64 {
        self.ask_all(Count { filter: filter.cloned() }).into_iter().sum()
    }

    /// At most `k` living concepts that fit `query` in content or aliases and pass `filter`: see [`LocalView::search`]. Words weigh by their
    /// statistics over all shards.
    ///
    /// # Errors
    /// [`QueryError`]: too many words.
    pub fn search(&self, query: &str, k: usize, filter: Option<&Filter>) -> Result<Vec<Hit>, QueryError> {
        WordQuery::parse(query)?;
        let mut statistics = WordStatistics::default();
        for words in self.ask_all(Words { query: query.to_owned() }) {
            statistics.merge(&words);
        }
        let search = Search { query: query.to_owned(), statistics, k, filter: filter.cloned() };
        let mut hits = self.ask_all(search).concat();
        Hit::best(&mut hits, k);
        Ok(hits)
    }

    /// The `k` living concepts that pass `filter` and whose vectors are nearest to `vector`: see [`LocalView::nearest`]. Each shard is asked
    /// for `k`.
    ///
    /// # Errors
    /// [`NearestError`].
    pub fn nearest(&self, vector: &[f32], k: usize, filter: Option<&Filter>) -> Result<Vec<Hit>, NearestError> {
        let mut hits = Vec::new();
        for found in self.ask_all(Nearest { vector: vector.to_vec(), k, filter: filter.cloned() }) {
            hits.extend(found?);
        }
        Hit::best(&mut hits, k);
        Ok(hits)
    }
}

/// Something that is fetched from another node.
type Fetching<'a> = (&'a There, Pin<Box<dyn Future<Output = ()> + Send + 'a>>);

/// The first `limit` of what the parts have, each of which has given its first.
fn first<T>(limit: usize, parts: Vec<Vec<T>>, order: impl Fn(&T, &T) -> std::cmp::Ordering) -> Vec<T> {
    let is_one = parts.len() == 1;
    let mut all: Vec<T> = parts.into_iter().flatten().collect();
    if !is_one {
        all.sort_by(order);
        all.truncate(limit);
    }
    all
}

impl Knowledge for View {
    fn concept(&self, id: ConceptId) -> Option<Arc<Concept>> {
        self.keeper(id)?.look_up::<OfConcept>(&id)?
    }

    fn keyed(&self, key: &str) -> Option<ConceptId> {
        let key = key.to_owned();
        self.fetch(self.looked_up_everywhere::<OfKey>(std::slice::from_ref(&key)));
        self.parts().find_map(|part| part.look_up::<OfKey>(&key)?)
    }

    fn named(&self, name: &str) -> Vec<ConceptId> {
        let name = name.to_owned();
        self.fetch(self.looked_up_everywhere::<OfName>(std::slice::from_ref(&name)));
        let mut ids: Vec<ConceptId> = self.parts().filter_map(|part| part.look_up::<OfName>(&name)).flatten().collect();
        ids.sort_unstable();
        ids
    }

    fn expand(&self, frontier: &[ConceptId], direction: Direction, filter: &AssociationFilter) -> Vec<Vec<Step>> {
        if let [(_, Part::Here(only))] = &self.0.parts[..] {
            self.0.walked[0].store(true, Ordering::Relaxed);
            return only.expand(frontier, direction, filter);
        }
        // One question a shard.
        let mut places: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (at, id) in frontier.iter().enumerate() {
            if let Some(keeper) = self.0.parts.iter().position(|(range, _)| range.keeps(*id)) {
                places.entry(keeper).or_default().push(at);
            }
        }
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for (keeper, places) in places {
            self.0.walked[keeper].store(true, Ordering::Relaxed);
            let asked: Vec<ConceptId> = places.iter().map(|at| frontier[*at]).collect();
            let expand = Expand { frontier: asked, direction, filter: filter.clone() };
            match &self.0.parts[keeper].1 {
                Part::Here(view) => here.push((places, expand, view)),
                Part::There(part) => there.push((places, expand, part)),
            }
        }
        let asking = join_all(there.iter().map(|(_, expand, part)| part.ask(expand)));
        let told = there.first().map(|(_, _, first)| first.wait(asking)).unwrap_or_default();
        let told = there.into_iter().zip(told).filter_map(|((places, ..), steps)| Some((places, steps?)));
        let here = here.into_iter().map(|(places, expand, view)| (places, expand.answer(view)));
        let mut answers: Vec<Vec<Step>> = frontier.iter().map(|_| Vec::new()).collect();
        for (places, steps) in told.chain(here) {
            for (at, steps) in places.into_iter().zip(steps) {
                answers[at] = steps;
            }
        }
        answers
    }

    fn association(&self, key: &AssociationKey) -> Option<Association> {
        self.keeper(key.source)?.look_up::<OfAssociation>(key)?
    }

    fn is_elsewhere(&self) -> bool {
        self.parts().any(|part| part.there().is_some())
    }

    fn prepare(&self, wanted: &Wanted) {
        let mut fetching = self.looked_up::<OfConcept>(&wanted.concepts, |id| *id);
        fetching.extend(self.looked_up::<OfAssociation>(&wanted.associations, |key| key.source));
        fetching.extend(self.looked_up_everywhere::<OfKey>(&wanted.keys));
        fetching.extend(self.looked_up_everywhere::<OfName>(&wanted.names));
        self.fetch(fetching);
    }
}
