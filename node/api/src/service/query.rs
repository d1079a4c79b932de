//! `POST /v1/concepts/query`.

use sutra_protocol::http::{QueryRequest, QueryResponse};
use sutra_protocol::query::{Cursor, Order};
use sutra_protocol::{ApiError, Namespace};

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
            let page = view.query(filter.as_ref(), &order, after.as_ref(), limit);
            Ok(QueryResponse {
                concepts: render::concepts(&page.concepts, view),
                cursor: page.next.map(|cursor| cursor.to_text()),
            })
        })
        .await
    }
}
