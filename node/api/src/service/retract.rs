//! `DELETE /v1/concept/{id}`.

use sutra_protocol::command::{Operation, Outcome};
use sutra_protocol::http::DeleteResponse;
use sutra_protocol::{ApiError, ConceptId, Namespace};

use super::submit::{Done, unexpected};
use super::{Caller, Service, Written};

impl Service {
    /// Retracts a concept, its associations, and those for which it was the only evidence. `known_at` still finds them.
    ///
    /// # Errors
    /// `not_found`, and what every write may meet.
    pub async fn retract(
        &self,
        caller: &Caller,
        namespace: &Namespace,
        id: ConceptId,
    ) -> Result<Written<DeleteResponse>, ApiError> {
        let done = self.once(caller, namespace, Operation::Retract(id)).await?;
        let Done { index, recorded_at, .. } = done;
        let Outcome::Retracted { associations } = done.outcome else { return Err(unexpected(&done.outcome)) };
        let body = DeleteResponse { deleted: true, index, recorded_at, retracted: associations };
        Ok(Written { body, token: self.token(caller, &done) })
    }
}
