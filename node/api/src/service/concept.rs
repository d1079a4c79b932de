//! `GET /v1/concept/{id}`.

use std::sync::Arc;

use sutra_protocol::http::ConceptView;
use sutra_protocol::{ApiError, Concept, ConceptId, Knowledge};

use super::{Caller, Found, Read, Service, fault, render};

impl Service {
    /// A concept as it is known, and valid, at the times of `read`.
    ///
    /// # Errors
    /// `not_found`; `invalid_argument` for a `known_at` before the namespace's history; `deadline_exceeded`.
    pub async fn concept(&self, caller: &Caller, read: &Read, id: ConceptId) -> Result<Found<ConceptView>, ApiError> {
        self.light(caller, read, |view| {
            let concept = view.concept(id).ok_or_else(|| fault::no_concept(id))?;
            Ok(Found { body: render::concept(&concept, view), version: concept.updated_at })
        })
        .await
    }

    /// A concept itself, without what is around it.
    ///
    /// # Errors
    /// `invalid_argument` for a `known_at` before the namespace's history; `deadline_exceeded`.
    pub async fn stored(&self, caller: &Caller, read: &Read, id: ConceptId) -> Result<Option<Arc<Concept>>, ApiError> {
        self.light(caller, read, |view| Ok(view.concept(id))).await
    }
}
