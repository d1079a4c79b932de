//! `POST /v1/concepts/query`.

use std::collections::BinaryHeap;
use std::sync::Arc;

use sutra_protocol::filter::Filter;
use sutra_protocol::http::{QueryRequest, QueryResponse};
use sutra_protocol::query::{Cursor, Order, Place};
use sutra_protocol::{ApiError, Concept, Namespace};
use sutra_storage::View;

use super::{Caller, Read, Service, render};

/// Concepts of a page of a request that does not say how many.
const LIMIT: u32 = 100;

impl Service {
    /// A page of the living concepts that pass the filter, in the order that is asked for. Each page is read from the newest state:
    /// what has not changed its place in the order is on one page, whatever is taught or retracted while they are read.
    ///
    /// # Errors
    /// `invalid_argument` (also for a cursor of another list), `deadline_exceeded`.
    pub async fn query(&self, caller: &Caller, request: QueryRequest) -> Result<QueryResponse, ApiError> {
        request.validate()?;
        let QueryRequest { filter, order, limit, cursor, namespace, valid_at, known_at } = request;
        let (namespace, order): (Namespace, Order) = (namespace.unwrap_or_default(), order.unwrap_or_default());
        let after = cursor.map(|text| Cursor::parse(&text, &namespace, &order)).transpose()?;
        let limit = limit.unwrap_or(LIMIT) as usize;
        self.heavy(caller, Read { namespace, valid_at, known_at }, move |view| {
            let page = page(view, filter.as_ref(), &order, after.as_ref(), limit);
            Ok(QueryResponse {
                concepts: page.concepts.iter().map(|concept| render::concept(concept, view)).collect(),
                cursor: page.next.map(|cursor| cursor.to_text()),
            })
        })
        .await
    }
}

/// A page, and where the next one begins.
struct Page {
    concepts: Vec<Arc<Concept>>,
    next: Option<Cursor>,
}

/// A concept of a page in the making; the greatest is the last.
struct Candidate<'a> {
    order: &'a Order,
    place: Place,
    concept: Arc<Concept>,
}

impl Ord for Candidate<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order.compare(&self.place, &other.place)
    }
}

impl PartialOrd for Candidate<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate<'_> {}

/// Concepts that are taken from the view at once.
const ROWS: usize = 1024;

fn page(view: &View, filter: Option<&Filter>, order: &Order, after: Option<&Cursor>, limit: usize) -> Page {
    let mut first: BinaryHeap<Candidate<'_>> = BinaryHeap::with_capacity(limit + 2);
    let mut last_id = None;
    loop {
        let rows = view.concepts(last_id, ROWS);
        let Some(last) = rows.last() else { break };
        last_id = Some(last.id);
        for concept in rows.into_iter().filter(|concept| filter.is_none_or(|filter| filter.passes(concept))) {
            let place = order.place(&concept);
            if after.is_none_or(|after| order.compare(after.place(), &place).is_lt()) {
                first.push(Candidate { order, place, concept });
            }
            // One more than the page tells whether there is a next one.
            if first.len() > limit + 1 {
                first.pop();
            }
        }
    }
    let more = first.len() > limit;
    let mut concepts: Vec<_> = first.into_sorted_vec().into_iter().map(|candidate| candidate.concept).collect();
    concepts.truncate(limit);
    let next = concepts.last().filter(|_| more).map(|last| Cursor::after(order, last));
    Page { concepts, next }
}
