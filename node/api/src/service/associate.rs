//! `POST /v1/associate`.

use sutra_protocol::ApiError;
use sutra_protocol::http::{AssociateRequest, AssociateResponse};

use super::deed::Deed;
use super::{Caller, Service, Written, render};

impl Service {
    /// Teaches an association between concepts that exist.
    ///
    /// # Errors
    /// `invalid_argument`, `not_found` (an end, a statement), `conflict` (an ambiguous name), and what every write may meet.
    pub async fn associate(&self, caller: &Caller, request: AssociateRequest) -> Result<Written<AssociateResponse>, ApiError> {
        let (done, _) = self.do_one(caller, Deed::Associate(Box::new(request))).await?;
        let token = self.token(caller, &done);
        Ok(Written { body: render::associated(done)?, token })
    }
}
