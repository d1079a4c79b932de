//! `DELETE /v1/concept/{id}?mode=erase`.

use sutra_protocol::command::{LogIndex, Operation, Outcome};
use sutra_protocol::http::DeleteResponse;
use sutra_protocol::{ApiError, ConceptId, Namespace};

use super::submit::{Done, unexpected};
use super::{Caller, Service, Written, fault};

impl Service {
    /// Removes what an id ever held for ever: from every answer at once, and from the log, the segments and the indices of every
    /// replica before it is answered. What was retracted before can be erased too.
    ///
    /// # Errors
    /// `not_found` if nothing of it was ever kept, and what every write may meet. After `deadline_exceeded` with `outcome: unknown`
    /// no answer shows it any more if the erasure was taken, and its bytes go as soon as they can; repeat it with the same `Idempotency-Key` to wait for
    /// that.
    pub async fn erase(
        &self,
        caller: &Caller,
        namespace: &Namespace,
        id: ConceptId,
    ) -> Result<Written<DeleteResponse>, ApiError> {
        let done = self.once(caller, namespace, Operation::Erase(id)).await?;
        let Done { index, recorded_at, .. } = done;
        let Outcome::Erased { associations } = done.outcome else { return Err(unexpected(&done.outcome)) };
        self.scrubbed(caller, &done.seen).await?;
        let body = DeleteResponse { deleted: true, index, recorded_at, retracted: associations };
        Ok(Written { body, token: self.token(caller, &done) })
    }

    /// Ends when no file of any node holds what was erased up to these entries of each shard.
    async fn scrubbed(&self, caller: &Caller, entries: &[(u64, LogIndex)]) -> Result<(), ApiError> {
        self.router.scrub(entries, caller.deadline).await.map_err(|reason| {
            tracing::warn!(reason, "what was erased has not left every file yet");
            fault::not_scrubbed()
        })
    }
}
