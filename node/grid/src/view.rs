//! A namespace over all shards.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sutra_protocol::effects::Ghost;
use sutra_protocol::filter::Filter;
use sutra_protocol::http::Degree;
use sutra_protocol::query::{Cursor, Order};
use sutra_protocol::{
    AsOf, Association, AssociationFilter, AssociationKey, Concept, ConceptId, Direction, KeyRange, Knowledge, Namespace, Step,
    Timestamp,
};
use sutra_storage::{Damage, Hit, NearestError, Page, QueryError, View as Part};

/// A namespace as it was known, and valid, at one time: the pinned views of all shards. Cheap to clone.
///
/// Each shard answers for its own concepts alone, so nothing is said twice. The parts are pinned one after another: what a command changes on
/// several shards is seen whole by whoever waited for its token, and by everybody once it is acknowledged.
#[derive(Clone)]
pub struct View(Arc<Pinned>);

struct Pinned {
    /// They cover the placement space, in its order. There is at least one.
    parts: Vec<(KeyRange, Part)>,
    /// Whether a part was asked for associations.
    walked: Vec<AtomicBool>,
}

impl View {
    /// Of these shards' views, whose ranges cover the placement space and are in its order. There is at least one.
    pub(crate) fn of(parts: Vec<(KeyRange, Part)>) -> Self {
        let walked = parts.iter().map(|_| AtomicBool::new(false)).collect();
        Self(Arc::new(Pinned { parts, walked }))
    }

    /// Of a view of everything.
    pub fn whole(view: Part) -> Self {
        Self::of(vec![(KeyRange::WHOLE, view)])
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.0.parts.iter().map(|(_, part)| part)
    }

    /// The part that keeps a concept.
    fn keeper(&self, id: ConceptId) -> Option<&Part> {
        self.0.parts.iter().find(|(range, _)| range.keeps(id)).map(|(_, part)| part)
    }

    /// How many shards were asked for associations of their concepts.
    pub fn shards_walked(&self) -> usize {
        self.0.walked.iter().filter(|walked| walked.load(Ordering::Relaxed)).count()
    }

    /// The namespace.
    pub fn namespace(&self) -> &Namespace {
        self.0.parts[0].1.namespace()
    }

    /// The times that are asked about.
    pub fn as_of(&self) -> AsOf {
        self.0.parts[0].1.as_of()
    }

    /// When the concept was retracted, if that is later than what this view knows.
    pub fn retracted_at(&self, id: ConceptId) -> Option<Timestamp> {
        self.keeper(id)?.retracted_at(id)
    }

    /// How many living associations the concept has.
    pub fn degree(&self, id: ConceptId) -> Degree {
        self.keeper(id).map(|part| part.degree(id)).unwrap_or(Degree { out: 0, into: 0 })
    }

    /// What is wrong with a segment that this view read.
    pub fn damage(&self) -> Option<&Damage> {
        self.parts().find_map(Part::damage)
    }

    /// A concept as those shards may see it that do not keep it; an id that was never taught has no versions.
    pub fn ghost(&self, id: ConceptId) -> Ghost {
        let none = || Ghost { id, versions: Vec::new(), erased_incarnation: 0 };
        self.keeper(id).map_or_else(none, |part| part.ghost(id))
    }

    /// At most `limit` living concepts whose id is above `after`, in the order of the ids.
    pub fn concepts(&self, after: Option<ConceptId>, limit: usize) -> Vec<Arc<Concept>> {
        self.first(limit, |part, limit| part.concepts(after, limit), |a, b| a.id.cmp(&b.id))
    }

    /// At most `limit` living concepts, the most recently taught first.
    pub fn recent(&self, limit: usize) -> Vec<Arc<Concept>> {
        self.first(limit, Part::recent, |a, b| (b.created_at, b.id).cmp(&(a.created_at, a.id)))
    }

    /// At most `limit` living associations whose key is above `after`, in the order of the keys, with their evidence.
    pub fn associations(&self, after: Option<&AssociationKey>, limit: usize) -> Vec<Association> {
        self.first(limit, |part, limit| part.associations(after, limit), |a, b| a.key.cmp(&b.key))
    }

    /// The first `limit` of what the parts have, each of which gives its first.
    fn first<T>(
        &self,
        limit: usize,
        of: impl Fn(&Part, usize) -> Vec<T>,
        order: impl Fn(&T, &T) -> std::cmp::Ordering,
    ) -> Vec<T> {
        let mut all: Vec<T> = self.parts().flat_map(|part| of(part, limit)).collect();
        if self.0.parts.len() > 1 {
            all.sort_by(order);
            all.truncate(limit);
        }
        all
    }

    /// At most `limit` living concepts that pass `filter`, in `order`, behind `after`.
    pub fn query(&self, filter: Option<&Filter>, order: &Order, after: Option<&Cursor>, limit: usize) -> Page {
        if let [(_, only)] = &self.0.parts[..] {
            return only.query(filter, order, after, limit);
        }
        let pages: Vec<Page> = self.parts().map(|part| part.query(filter, order, after, limit)).collect();
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
        self.parts().map(|part| part.count(filter)).sum()
    }

    /// At most `k` living concepts that fit `query` in content or aliases and pass `passes`: see [`Part::search`]. Words weigh by their
    /// statistics over all shards.
    ///
    /// # Errors
    /// [`QueryError`]: too many words.
    pub fn search(&self, query: &str, k: usize, passes: &dyn Fn(&Concept) -> bool) -> Result<Vec<Hit>, QueryError> {
        let parts: Vec<Part> = self.parts().cloned().collect();
        Part::search_all(&parts, query, k, passes)
    }

    /// The `k` living concepts that pass `filter` and whose vectors are nearest to `vector`: see [`Part::nearest`]. Each shard is asked for
    /// `k`.
    ///
    /// # Errors
    /// [`NearestError`].
    pub fn nearest(&self, vector: &[f32], k: usize, filter: Option<&Filter>) -> Result<Vec<Hit>, NearestError> {
        let mut hits = Vec::new();
        for part in self.parts() {
            hits.extend(part.nearest(vector, k, filter)?);
        }
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.concept.id.cmp(&b.concept.id)));
        hits.truncate(k);
        Ok(hits)
    }
}

impl Knowledge for View {
    fn concept(&self, id: ConceptId) -> Option<Arc<Concept>> {
        self.keeper(id)?.concept(id)
    }

    fn keyed(&self, key: &str) -> Option<ConceptId> {
        self.parts().find_map(|part| part.keyed(key))
    }

    fn named(&self, name: &str) -> Vec<ConceptId> {
        let mut ids: Vec<ConceptId> = self.parts().flat_map(|part| part.named(name)).collect();
        ids.sort_unstable();
        ids
    }

    fn expand(&self, frontier: &[ConceptId], direction: Direction, filter: &AssociationFilter) -> Vec<Vec<Step>> {
        if let [(_, only)] = &self.0.parts[..] {
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
        let mut answers: Vec<Vec<Step>> = frontier.iter().map(|_| Vec::new()).collect();
        for (keeper, places) in places {
            let asked: Vec<ConceptId> = places.iter().map(|at| frontier[*at]).collect();
            let (_, part) = &self.0.parts[keeper];
            self.0.walked[keeper].store(true, Ordering::Relaxed);
            for (at, steps) in places.into_iter().zip(part.expand(&asked, direction, filter)) {
                answers[at] = steps;
            }
        }
        answers
    }

    fn association(&self, key: &AssociationKey) -> Option<Association> {
        self.keeper(key.source)?.association(key)
    }
}
