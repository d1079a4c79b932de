//! `POST /v1/learn`.

use sutra_protocol::ApiError;
use sutra_protocol::http::{LearnRequest, LearnResponse};

use super::deed::Deed;
use super::{Caller, Service, Written};

impl Service {
    /// Teaches a concept and its associations.
    ///
    /// # Errors
    /// `invalid_argument`, `too_large`, `not_found` (a target), `conflict` (a key, an ambiguous name), and what every write may meet:
    /// `overloaded`, `unavailable`, `deadline_exceeded`.
    pub async fn learn(&self, caller: &Caller, request: LearnRequest) -> Result<Written<LearnResponse>, ApiError> {
        let (done, namespace) = self.do_one(caller, Deed::Learn(Box::new(request))).await?;
        let token = self.token(caller, &done);
        Ok(Written { body: self.learned(&namespace, caller, done)?, token })
    }
}
