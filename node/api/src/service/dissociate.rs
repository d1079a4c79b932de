//! `DELETE /v1/associate`.

use sutra_protocol::ApiError;
use sutra_protocol::http::{DissociateRequest, DissociateResponse};

use super::deed::Deed;
use super::{Caller, Service, Written, render};

impl Service {
    /// Retracts an association, whatever it rests on. One that is not alive is no error: `deleted` is false.
    ///
    /// # Errors
    /// `invalid_argument`, `not_found` (an end named by key or content), `conflict` (an ambiguous name), and what every write may
    /// meet.
    pub async fn dissociate(&self, caller: &Caller, request: DissociateRequest) -> Result<Written<DissociateResponse>, ApiError> {
        let (done, _) = self.do_one(caller, Deed::Dissociate(Box::new(request))).await?;
        let token = self.token(caller, &done);
        Ok(Written { body: render::dissociated(done)?, token })
    }
}
