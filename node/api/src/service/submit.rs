//! One command to its shard's leader, within the caller's time.

use sutra_grid::Repeat;
use sutra_protocol::command::{Applied, Command, LogIndex, Operation, Outcome, RequestKey};
use sutra_protocol::{ApiError, ErrorCode, Namespace, Timestamp};

use super::fault;
use super::{Caller, SHARD, Service, Token};

/// What one operation did, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Done {
    pub(super) outcome: Outcome,
    pub(super) index: LogIndex,
    pub(super) recorded_at: Timestamp,
}

impl Service {
    /// What an earlier, equal request came to.
    pub(super) fn remembered(&self, namespace: &Namespace, request: Option<&RequestKey>) -> Result<Option<Applied>, ApiError> {
        let remembered = request.and_then(|request| self.store.remembered(namespace, request));
        remembered.transpose().map_err(|rejection| fault::rejection(&rejection))
    }

    /// Ends when the command is durable and applied.
    pub(super) async fn submit(&self, caller: &Caller, command: Command) -> Result<Applied, ApiError> {
        // With a request key the shard answers the repetition as it answered the first.
        let repeat = if command.request.is_some() { Repeat::Safe } else { Repeat::Unsafe };
        let applied = self.router.submit(command, repeat, caller.deadline).await;
        applied.map_err(|error| fault::route(&error))
    }

    /// Does one thing that needs no names looked up; its repetition is answered from memory.
    pub(super) async fn once(&self, caller: &Caller, namespace: &Namespace, operation: Operation) -> Result<Done, ApiError> {
        writable(namespace)?;
        self.ready_to_write(caller).await?;
        let applied = match self.remembered(namespace, caller.request.as_ref())? {
            Some(applied) => applied,
            None => self.submit(caller, command(caller, namespace, caller.request.clone(), vec![operation])).await?,
        };
        let Applied { index, recorded_at, outcomes, .. } = applied;
        match outcomes.into_iter().next() {
            Some(Ok(outcome)) => Ok(Done { outcome, index, recorded_at }),
            Some(Err(rejection)) => Err(fault::rejection(&rejection)),
            None => Err(fault::internal("a command has no outcome")),
        }
    }

    /// The token of whoever has seen everything that is applied here.
    pub fn seen(&self) -> Token {
        Token::at(SHARD, self.store.applied())
    }

    /// The token of a caller who has now written at `index`.
    pub(super) fn token(&self, caller: &Caller, index: LogIndex) -> Token {
        caller.token.clone().unwrap_or_default().merge(&Token::at(SHARD, index))
    }
}

/// Refuses the namespaces that no caller may write to. Every write from outside passes here.
pub(super) fn writable(namespace: &Namespace) -> Result<(), ApiError> {
    if !namespace.is_reserved() {
        return Ok(());
    }
    let message = format!("namespace {namespace} is the grid's own; it can be read, but not written, set or dropped");
    Err(ApiError::new(ErrorCode::PermissionDenied, message).with_param("namespace"))
}

/// A command in the caller's name.
pub(super) fn command(
    caller: &Caller,
    namespace: &Namespace,
    request: Option<RequestKey>,
    operations: Vec<Operation>,
) -> Command {
    Command { namespace: namespace.clone(), asserted_by: caller.asserted_by.clone(), request, operations }
}

/// The store answered another operation than the one it was given.
pub(super) fn unexpected(outcome: &Outcome) -> ApiError {
    tracing::error!(?outcome, "an operation has the outcome of another kind");
    fault::internal("the write was answered with another kind of outcome")
}
