//! Which concept a name stands for.

use sutra_protocol::http::ConceptRef;
use sutra_protocol::{ApiError, ConceptId};

use super::association::find;
use super::{Caller, Read, Service};

impl Service {
    /// The concept that a name stands for at the times of `read`.
    ///
    /// # Errors
    /// `not_found`; `conflict` if several concepts have the name; `invalid_argument` for a `known_at` before the namespace's history;
    /// `deadline_exceeded`.
    pub async fn resolve(&self, caller: &Caller, read: &Read, reference: &ConceptRef) -> Result<ConceptId, ApiError> {
        self.light(caller, read, |view| find(view, "concept", reference)).await
    }
}
