//! `POST /v1/associate/batch`.

use sutra_protocol::ApiError;
use sutra_protocol::http::{AssociateBatchRequest, AssociateBatchResponse, AssociateResult};

use super::deed::Deed;
use super::{Caller, Service, Written, render};

impl Service {
    /// Teaches up to 1000 associations.
    ///
    /// # Errors
    /// If there are too many items, and what every write may meet. An item's own error stands in its place of the answer.
    pub async fn associate_batch(
        &self,
        caller: &Caller,
        request: AssociateBatchRequest,
    ) -> Result<Written<AssociateBatchResponse>, ApiError> {
        let AssociateBatchRequest { items, namespace } = request;
        let deeds = items.into_iter().map(|item| Deed::Associate(Box::new(item))).collect();
        let (results, token) = self.do_all(caller, namespace.as_ref(), deeds).await?;
        let render = |result| match result {
            Ok(done) => {
                render::associated(done).map_or_else(|error| AssociateResult::Refused { error }, AssociateResult::Associated)
            }
            Err(error) => AssociateResult::Refused { error },
        };
        let results = results.into_iter().map(|(_, result)| render(result)).collect();
        Ok(Written { body: AssociateBatchResponse { results }, token })
    }
}
