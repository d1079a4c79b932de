//! A store that keeps one of several shards: the effects that its commands have on the others, and how far it has taken theirs.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sutra_protocol::Namespace;
use sutra_protocol::command::{Command, LogIndex, Operation, Outcome};
use sutra_protocol::effects::{Effects, Taken};
use tokio::sync::watch;

use crate::error::SubmitError;
use crate::memory::session_of;
use crate::store::Store;

/// Commands whose effects may wait to be taken by other shards, and about how many bytes; beyond that commands are turned away, since each
/// may have more of them.
const PENDING: (usize, usize) = (65_536, 64 << 20);
/// When to ask again.
const PAUSE: Duration = Duration::from_millis(100);

impl Store {
    /// At most `limit` of the effects with numbers above `after` that some other shard has still to take, as far as is noted here.
    pub fn effects(&self, after: u64, limit: usize) -> Vec<Arc<Effects>> {
        self.shared().state.load().outbox.after(after, limit)
    }

    /// The effects with this number, unless every shard is known to have taken them.
    pub fn effects_numbered(&self, number: u64) -> Option<Arc<Effects>> {
        let first = self.effects(number.saturating_sub(1), 1).into_iter().next()?;
        (first.number == number).then_some(first)
    }

    /// The last entry that every new view sees, and its changes.
    pub fn applied_changes(&self) -> watch::Receiver<LogIndex> {
        self.shared().applied.subscribe()
    }

    /// Ends once this shard has taken another's effects up to this number, as far as they are for it.
    pub async fn wait_taken(&self, origin: u64, number: u64) {
        let mut applied = self.shared().applied.subscribe();
        let is_taken = |_: &_| self.shared().state.load().taken.get(&origin).is_some_and(|taken| *taken >= number);
        if applied.wait_for(is_taken).await.is_err() {
            // The sender lives as long as this store: not reached.
            std::future::pending::<()>().await;
        }
    }

    /// What this shard made of another's effects; `None`: nothing worth telling, or it was more than an hour ago, by the log's time.
    pub fn taken(&self, namespace: &Namespace, origin: u64, number: u64) -> Option<Taken> {
        let state = self.shared().state.load();
        let session = state.sessions.get(namespace, &session_of(origin, number), state.clock)?;
        match session.applied.outcomes.as_slice() {
            [Ok(Outcome::Taken(taken))] => Some(Taken::clone(taken)),
            _ => None,
        }
    }

    /// Ends when no file holds the effects that wait now to be taken: what was taught may be in them.
    pub(crate) async fn drop_effects(&self) {
        let state = self.shared().state.load_full();
        // A manifest may hold some that have been taken since.
        if state.outbox.len() == 0 && self.shared().counters.stored_effects.load(Ordering::Acquire) == 0 {
            return;
        }
        let newest = state.outbox.newest();
        let mut applied = self.shared().applied.subscribe();
        let is_gone = |_: &_| self.shared().state.load().outbox.oldest().is_none_or(|oldest| oldest.number > newest);
        if applied.wait_for(is_gone).await.is_err() {
            // The sender lives as long as this store: not reached.
            std::future::pending::<()>().await;
        }
        while let Err(failure) = self.checkpoint().await {
            tracing::warn!(%failure, "effects that are delivered are still in the manifest");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Turns commands away while too many effects wait: but for those that make them fewer.
    pub(crate) fn check_effects(&self, command: &Command) -> Result<(), SubmitError> {
        let state = self.shared().state.load();
        let (pending, bytes) = (state.outbox.len(), state.outbox.bytes());
        let eases = |operation: &Operation| matches!(operation, Operation::Take(_) | Operation::Delivered(_));
        if (pending < PENDING.0 && bytes < PENDING.1) || command.operations.iter().all(eases) {
            return Ok(());
        }
        Err(SubmitError::Overloaded { commands: pending, bytes, retry_after: PAUSE })
    }
}
