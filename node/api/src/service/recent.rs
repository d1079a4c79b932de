//! The most recently recorded concepts.

use sutra_protocol::http::ConceptView;
use sutra_protocol::{ApiError, limits};

use super::{Caller, Read, Service, render};

impl Service {
    /// The most recently recorded concepts, newest first; `limit` is 1 to 1000.
    ///
    /// # Errors
    /// `invalid_argument`, `deadline_exceeded`.
    pub async fn recent(&self, caller: &Caller, read: &Read, limit: usize) -> Result<Vec<ConceptView>, ApiError> {
        limits::in_range("limit", limit as u64, 1, limits::K as u64)?;
        self.heavy(caller, read.clone(), move |view| Ok(render::concepts(&view.recent(limit), view))).await
    }
}
