//! `POST /v1/concepts/count`.

use sutra_protocol::ApiError;
use sutra_protocol::http::{CountRequest, CountResponse};

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
        self.heavy(caller, read, move |view| Ok(CountResponse { count: view.count(filter.as_ref()) })).await
    }
}
