//! Who may read now, from which state, and for how long.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use sutra_grid::{Reading, View};
use sutra_protocol::{ApiError, AsOf, Namespace, Timestamp};

use super::fault::{self, Fate};
use super::pinned::Pinned;
use super::submit::Done;
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
        if caller.strong {
            caller.caught_up(self.router.catch_up(caller.deadline).await);
        } else {
            self.router.settle(caller.deadline).await.map_err(|error| fault::route(&error))?;
        }
        Ok(())
    }

    /// Waits until the caller may see what its token names, and what a write means can be told here.
    pub(super) async fn ready_to_write(&self, caller: &Caller) -> Result<(), ApiError> {
        self.ready(caller).await?;
        caller.caught_up(self.router.ready_to_write(caller.deadline).await);
        Ok(())
    }

    /// The state that a read asks for.
    pub(super) fn pin(&self, read: &Read, reading: Reading) -> Result<Pinned, ApiError> {
        let valid_at = read.valid_at.unwrap_or_else(|| self.router.now());
        let as_of = AsOf { valid_at: Some(valid_at), known_at: read.known_at };
        self.router.view(&read.namespace, as_of, reading).map(Pinned::new).map_err(|error| fault::view(&error))
    }

    /// The state that names in a write are looked up in, and an export is made of: all that is recorded, whenever it holds.
    pub(super) fn recorded(
        &self,
        namespace: &Namespace,
        known_at: Option<Timestamp>,
        reading: Reading,
    ) -> Result<Pinned, ApiError> {
        let as_of = AsOf { valid_at: None, known_at };
        self.router.view(namespace, as_of, reading).map(Pinned::new).map_err(|error| fault::view(&error))
    }

    /// What `work` makes of the state that a write made, or of the newest where the namespace does not keep its history for so long.
    ///
    /// # Errors
    /// That state can't be had now: the write is stored all the same, and the error says so.
    pub(super) fn read_then<T>(
        &self,
        namespace: &Namespace,
        caller: &Caller,
        done: &Done,
        work: impl Fn(&View) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let reading = || Reading { seen: done.seen.to_vec(), until: Some(caller.deadline), ..Reading::default() };
        let read = |known_at| self.recorded(namespace, known_at, reading())?.read(&work);
        let answer = match read(Some(done.recorded_at)) {
            Err(error) if error.param.as_deref() == Some("known_at") => read(None),
            answer => answer,
        };
        answer.map_err(fault::stored)
    }

    /// Runs a read that takes no longer than a few point reads.
    pub(super) async fn light<T>(
        &self,
        caller: &Caller,
        read: &Read,
        work: impl FnOnce(&View) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        self.ready(caller).await?;
        self.pin(read, caller.reading())?.read(work)
    }

    /// Runs a heavy read off the runtime's own threads, when its turn comes and within the caller's time.
    pub(super) async fn heavy<T: Send + 'static>(
        &self,
        caller: &Caller,
        read: Read,
        work: impl FnOnce(&View) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.take_turn(caller, read, |state| state.read(work)).await
    }

    /// The same for a read whose answer may do without some shards: with the numbers of those, where the caller allows it.
    pub(super) async fn heavy_in_part<T: Send + 'static>(
        &self,
        caller: &Caller,
        read: Read,
        work: impl FnOnce(&View) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<(T, Vec<u64>), ApiError> {
        let partial = caller.partial;
        self.take_turn(
            caller,
            read,
            move |state| if partial { state.read_in_part(work) } else { Ok((state.read(work)?, Vec::new())) },
        )
        .await
    }

    async fn take_turn<T: Send + 'static>(
        &self,
        caller: &Caller,
        read: Read,
        work: impl FnOnce(&Pinned) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.ready(caller).await?;
        let (service, reading) = (self.clone(), caller.reading());
        let turn = timeout_at(caller.deadline, Arc::clone(&self.admission.0).acquire_owned()).await;
        let permit = turn.map_err(|_| fault::deadline(Fate::None))?.map_err(|_| fault::internal("reads are closed"))?;
        let running = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work(&service.pin(&read, reading)?)
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
