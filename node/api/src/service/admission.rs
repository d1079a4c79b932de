//! Who may read now, from which state, and for how long.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use sutra_grid::View;
use sutra_protocol::{ApiError, AsOf, Namespace, Timestamp};

use super::fault::{self, Fate};
use super::pinned::Pinned;
use super::{Caller, Read, Service};

/// Bounds how many heavy reads run at once, so that they neither crowd out the runtime's blocking threads nor each other's caches.
#[derive(Clone, Debug)]
pub(super) struct Admission(Arc<Semaphore>);

impl Admission {
    /// Twice as many as there are cores.
    pub(super) fn for_this_machine() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Semaphore::new(2 * cores)))
    }
}

impl Service {
    /// Waits until the caller may see what its token names.
    pub(super) async fn ready(&self, caller: &Caller) -> Result<(), ApiError> {
        if caller.deadline <= Instant::now() {
            return Err(fault::deadline(Fate::None));
        }
        for (shard, index) in caller.token.iter().flat_map(super::Token::positions) {
            let reached = timeout_at(caller.deadline, self.router.wait_applied(shard, index)).await;
            if !reached.map_err(|_| fault::not_reached())? {
                let message = format!("Sutra-Token names shard {shard}, which this grid does not have");
                return Err(ApiError::invalid("Sutra-Token", message));
            }
        }
        let fresh =
            if caller.strong { self.router.catch_up(caller.deadline).await } else { self.router.settle(caller.deadline).await };
        fresh.map_err(|error| fault::route(&error))?;
        Ok(())
    }

    /// Waits until the caller may see what its token names, and what a write means can be told here.
    pub(super) async fn ready_to_write(&self, caller: &Caller) -> Result<(), ApiError> {
        self.ready(caller).await?;
        self.router.ready_to_write(caller.deadline).await.map_err(|error| fault::route(&error))
    }

    /// The state that a read asks for.
    pub(super) fn pin(&self, read: &Read) -> Result<Pinned, ApiError> {
        let valid_at = read.valid_at.unwrap_or_else(|| self.router.now());
        let as_of = AsOf { valid_at: Some(valid_at), known_at: read.known_at };
        self.router.view(&read.namespace, as_of).map(Pinned::new).map_err(|error| fault::view(&error))
    }

    /// The state that names in a write are looked up in, and an export is made of: all that is recorded, whenever it holds.
    pub(super) fn recorded(&self, namespace: &Namespace, known_at: Option<Timestamp>) -> Result<Pinned, ApiError> {
        let as_of = AsOf { valid_at: None, known_at };
        self.router.view(namespace, as_of).map(Pinned::new).map_err(|error| fault::view(&error))
    }

    /// The state that the write at `recorded_at` made, or the newest where the namespace does not keep its history for so long.
    pub(super) fn recorded_then(&self, namespace: &Namespace, recorded_at: Timestamp) -> Result<Pinned, ApiError> {
        self.recorded(namespace, Some(recorded_at)).or_else(|_| self.recorded(namespace, None))
    }

    /// Runs a read that takes no longer than a few point reads.
    pub(super) async fn light<T>(
        &self,
        caller: &Caller,
        read: &Read,
        work: impl FnOnce(&View) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        self.ready(caller).await?;
        self.pin(read)?.read(work)
    }

    /// Runs a heavy read off the runtime's own threads, when its turn comes and within the caller's time.
    pub(super) async fn heavy<T: Send + 'static>(
        &self,
        caller: &Caller,
        read: Read,
        work: impl FnOnce(&View) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.ready(caller).await?;
        let service = self.clone();
        let turn = timeout_at(caller.deadline, Arc::clone(&self.admission.0).acquire_owned()).await;
        let permit = turn.map_err(|_| fault::deadline(Fate::None))?.map_err(|_| fault::internal("reads are closed"))?;
        let running = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            service.pin(&read)?.read(work)
        });
        match timeout_at(caller.deadline, running).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                tracing::error!(%error, "a read panicked");
                Err(fault::internal("the read failed"))
            }
            Err(_) => Err(fault::deadline(Fate::None)),
        }
    }
}
