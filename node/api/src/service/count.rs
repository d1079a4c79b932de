//! `POST /v1/concepts/count`.

use sutra_protocol::ApiError;
use sutra_protocol::filter::Filter;
use sutra_protocol::http::{CountRequest, CountResponse};
use sutra_storage::View;

use super::{Caller, Read, Service};

impl Service {
    /// How many living concepts pass the filter, exactly.
    ///
    /// # Errors
    /// `invalid_argument`, `deadline_exceeded`.
    pub async fn count(&self, caller: &Caller, request: CountRequest) -> Result<CountResponse, ApiError> {
        request.validate()?;
        let CountRequest { filter, namespace, valid_at, known_at } = request;
        let read = Read { namespace: namespace.unwrap_or_default(), valid_at, known_at };
        self.heavy(caller, read, move |view| Ok(CountResponse { count: count(view, filter.as_ref()) })).await
    }
}

/// Concepts that are taken from the view at once.
const ROWS: usize = 1024;

fn count(view: &View, filter: Option<&Filter>) -> u64 {
    let (mut count, mut after) = (0, None);
    loop {
        let rows = view.concepts(after, ROWS);
        let Some(last) = rows.last() else { return count };
        after = Some(last.id);
        count += rows.iter().filter(|concept| filter.is_none_or(|filter| filter.passes(concept))).count() as u64;
    }
}
