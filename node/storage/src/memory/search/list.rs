//! Lists of concepts: filtered, ordered, page by page.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sutra_protocol::filter::Filter;
use sutra_protocol::query::{Cursor, Order, Place, Sorting};
use sutra_protocol::{Concept, ConceptId};

use super::candidates;
use crate::memory::merge::merged;
use crate::memory::view::View;

/// Some concepts of a list.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Page {
    /// In the order that was asked for.
    pub concepts: Vec<Arc<Concept>>,
    /// Where the next page begins; `None`: this is the last.
    pub next: Option<Cursor>,
}

/// A concept and its place, for the heap whose greatest is the last of the page.
struct Placed<'a> {
    order: &'a Order,
    place: Place,
    concept: Arc<Concept>,
}

impl View {
    /// At most `limit` living concepts that pass `filter`, in `order`, behind `after`.
    pub fn query(&self, filter: Option<&Filter>, order: &Order, after: Option<&Cursor>, limit: usize) -> Page {
        let after = after.map(Cursor::place);
        let wanted = limit.saturating_add(1);
        let mut concepts = match (order, after) {
            (Order::Id, after) => self.by_id(filter, after.map(|place| place.id)).take(wanted).collect(),
            (Order::CreatedAt(sorting), after) => self.by_time(filter, order, *sorting, after, wanted),
            (Order::Attribute { .. }, after) => self.sorted(filter, order, after, wanted),
        };
        let more = concepts.len() > limit;
        concepts.truncate(limit);
        let next = if more { concepts.last().map(|last| Cursor::after(order, last)) } else { None };
        Page { concepts, next }
    }

    /// How many living concepts pass `filter`.
    pub fn count(&self, filter: Option<&Filter>) -> u64 {
        let as_of = self.as_of();
        let settled = as_of.known_at.is_none() && as_of.valid_at.is_none();
        match filter {
            None if settled => self.graph().counts.concepts,
            filter => self.by_id(filter, None).count() as u64,
        }
    }

    /// The living concepts that pass, in the order of their ids, those above `after`.
    fn by_id<'a>(&'a self, filter: Option<&'a Filter>, after: Option<ConceptId>) -> impl Iterator<Item = Arc<Concept>> + 'a {
        let reader = self.reader();
        let ids = self.candidates(filter, after.unwrap_or_default());
        ids.filter(move |id| after != Some(*id))
            .filter_map(move |id| reader.concept(id))
            .filter(move |concept| filter.is_none_or(|filter| filter.passes(concept)))
    }

    /// Ids from `first` on that may pass, ascending: as few as the indices of the segments allow.
    fn candidates<'a>(&'a self, filter: Option<&'a Filter>, first: ConceptId) -> Box<dyn Iterator<Item = ConceptId> + 'a> {
        let graph = self.graph();
        // The indices know only what is alive now.
        let indexed = filter.filter(|_| self.as_of().known_at.is_none());
        let Some(filter) = indexed else { return Box::new(self.ids_from(first)) };
        let mut sources: Vec<Box<dyn Iterator<Item = ConceptId> + 'a>> = Vec::new();
        for delta in graph.deltas() {
            sources.push(Box::new(delta.ids_from(first)));
        }
        for layer in graph.parts.iter() {
            match candidates::rows(layer, filter) {
                Some(rows) => {
                    let ids: Vec<_> = rows.iter().filter_map(|row| Some(layer.id_of(layer.code(row)?))).collect();
                    sources.push(Box::new(ids.into_iter().filter(move |id| *id >= first)));
                }
                None => sources.push(Box::new(crate::memory::graph::ids_from(layer, first))),
            }
        }
        Box::new(merged(sources).filter(|id| self.keeps(*id)))
    }

    fn by_time(
        &self,
        filter: Option<&Filter>,
        order: &Order,
        sorting: Sorting,
        after: Option<&Place>,
        wanted: usize,
    ) -> Vec<Arc<Concept>> {
        let reader = self.reader();
        let times: Box<dyn Iterator<Item = _>> = match sorting {
            Sorting::Ascending => Box::new(self.graph().oldest()),
            Sorting::Descending => Box::new(self.graph().newest()),
        };
        let behind = times.skip_while(|(began, id)| {
            after.is_some_and(|after| {
                let place = Place { key: Some(sutra_protocol::query::SortKey::time(*began)), id: *id };
                order.compare(&place, after) != Ordering::Greater
            })
        });
        // A concept that was taught anew stands here once for each time; the one that it has now counts.
        let living = behind
            .filter(|(_, id)| self.keeps(*id))
            .filter_map(|(began, id)| reader.concept(id).filter(|concept| concept.created_at == began));
        living.filter(|concept| filter.is_none_or(|filter| filter.passes(concept))).take(wanted).collect()
    }

    /// The first of all that pass, by sorting them; memory follows the page, not the list.
    fn sorted(&self, filter: Option<&Filter>, order: &Order, after: Option<&Place>, wanted: usize) -> Vec<Arc<Concept>> {
        let mut first: BinaryHeap<Placed<'_>> = BinaryHeap::new();
        for concept in self.by_id(filter, None) {
            let place = order.place(&concept);
            if after.is_some_and(|after| order.compare(&place, after) != Ordering::Greater) {
                continue;
            }
            first.push(Placed { order, place, concept });
            if first.len() > wanted {
                first.pop();
            }
        }
        first.into_sorted_vec().into_iter().map(|placed| placed.concept).collect()
    }
}

impl Ord for Placed<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order.compare(&self.place, &other.place)
    }
}

impl PartialOrd for Placed<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Placed<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Placed<'_> {}
