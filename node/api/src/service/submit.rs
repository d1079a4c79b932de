//! One command to the shards that it is for, within the caller's time.

use std::collections::BTreeSet;
use std::sync::Arc;

use sutra_grid::{Performed, Reading, Repeat};
use sutra_protocol::command::{Command, LogIndex, Operation, Outcome, Rejection, RequestKey};
use sutra_protocol::{ApiError, ConceptId, ErrorCode, Namespace, Timestamp};

use super::fault;
use super::{Caller, Service, Token};

/// What one operation did, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Done {
    pub(super) outcome: Outcome,
    /// The shard that did it.
    pub(super) shard: u64,
    pub(super) index: LogIndex,
    pub(super) recorded_at: Timestamp,
    /// Entries after which all of it is seen.
    pub(super) seen: Arc<[(u64, LogIndex)]>,
}

/// What the operations of a command came to.
pub(super) type Outcomes = Vec<Result<Done, NotDone>>;

/// Why an operation did nothing.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum NotDone {
    /// The shard's answer.
    Rejected(Rejection),
    /// It did not come to the shard, or nobody knows.
    Failed(ApiError),
}

impl From<NotDone> for ApiError {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::Rejected(rejection) => fault::rejection(&rejection),
            NotDone::Failed(error) => error,
        }
    }
}

fn outcomes(performed: Performed) -> Outcomes {
    let seen: Arc<[(u64, LogIndex)]> = performed.seen.into();
    let each = performed.done.into_iter().map(|done| match done {
        Ok(sutra_grid::Done { outcome, shard, index, recorded_at }) => match outcome {
            Ok(outcome) => Ok(Done { outcome, shard, index, recorded_at, seen: Arc::clone(&seen) }),
            Err(rejection) => Err(NotDone::Rejected(rejection)),
        },
        Err(error) => Err(NotDone::Failed(fault::route(&error))),
    });
    each.collect()
}

impl Service {
    /// What an earlier, equal request came to.
    pub(super) async fn remembered(
        &self,
        caller: &Caller,
        namespace: &Namespace,
        request: Option<&RequestKey>,
    ) -> Result<Option<Outcomes>, ApiError> {
        let Some(request) = request else { return Ok(None) };
        match self.router.remembered(namespace, request, &caller.reading().here, caller.deadline).await {
            None => Ok(None),
            Some(Ok(performed)) => performed.map(outcomes).map(Some).map_err(|error| fault::route(&error)),
            Some(Err(rejection)) => Err(fault::rejection(&rejection)),
        }
    }

    /// Ends when the command is durable and applied, wherever it changes something.
    pub(super) async fn submit(&self, caller: &Caller, mut command: Command) -> Result<Outcomes, ApiError> {
        // With a request key the shard answers the repetition as it answered the first.
        let repeat = if command.request.is_some() { Repeat::Safe } else { Repeat::Unsafe };
        self.inform(caller.planning(), &mut command)?;
        let performed = self.router.perform(command, repeat, caller.deadline).await;
        performed.map(outcomes).map_err(|error| fault::route(&error))
    }

    /// Tells a command what its operations have to know of concepts that their shards do not keep.
    pub(super) fn inform(&self, reading: Reading, command: &mut Command) -> Result<(), ApiError> {
        if self.router.shard_count() == 1 {
            return Ok(());
        }
        let mentioned: BTreeSet<ConceptId> = command.operations.iter().flat_map(Operation::mentions).collect();
        if !mentioned.is_empty() {
            let mentioned: Vec<ConceptId> = mentioned.into_iter().collect();
            let state = self.recorded(&command.namespace, None, reading)?;
            command.foreign = state.read(|view| {
                view.prepare_ghosts(&mentioned);
                Ok(mentioned.into_iter().map(|id| view.ghost(id)).collect())
            })?;
        }
        Ok(())
    }

    /// Does one thing that needs no names looked up; its repetition is answered from memory.
    pub(super) async fn once(&self, caller: &Caller, namespace: &Namespace, operation: Operation) -> Result<Done, ApiError> {
        writable(namespace)?;
        self.ready_to_write(caller).await?;
        let outcomes = match self.remembered(caller, namespace, caller.request.as_ref()).await? {
            Some(outcomes) => outcomes,
            None => self.submit(caller, command(caller, namespace, caller.request.clone(), vec![operation])).await?,
        };
        match outcomes.into_iter().next() {
            Some(done) => done.map_err(ApiError::from),
            None => Err(fault::internal("a command has no outcome")),
        }
    }

    /// The token of whoever has seen everything that is applied here.
    pub fn seen(&self) -> Token {
        Token::of(self.router.applied())
    }

    /// The token of a caller who has now written this.
    pub(super) fn token(&self, caller: &Caller, done: &Done) -> Token {
        caller.token.clone().unwrap_or_default().merge(&Token::of(done.seen.iter().copied()))
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
    Command { namespace: namespace.clone(), asserted_by: caller.asserted_by.clone(), request, operations, foreign: Vec::new() }
}

/// The store answered another operation than the one it was given.
pub(super) fn unexpected(outcome: &Outcome) -> ApiError {
    tracing::error!(?outcome, "an operation has the outcome of another kind");
    fault::internal("the write was answered with another kind of outcome")
}
