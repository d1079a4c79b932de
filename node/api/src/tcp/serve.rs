//! The accept loop.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use sutra_protocol::{ApiError, ErrorCode};

use super::connection::{self, Shared};
use super::limits::TcpLimits;
use crate::metrics::{Interface, Metrics};
use crate::service::Service;

/// Pause after an accept that failed for want of descriptors or memory, so that the loop does not spin.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);
/// Most connections that are being told that there are too many; further ones are closed without a word.
const REFUSALS: usize = 64;

/// Serves the MessagePack protocol on `listener` until `shutdown` is cancelled; then accepts and reads nothing more, finishes the
/// requests in flight, and returns.
pub async fn serve(listener: TcpListener, service: Service, metrics: Metrics, limits: TcpLimits, shutdown: CancellationToken) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    let memory = Arc::new(Semaphore::new(limits.frame_memory / TcpLimits::SMALL_FRAME));
    let shared = Shared { service, metrics, limits, memory, shutdown };
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = shared.shutdown.cancelled() => break,
            accepted = accept(&listener) => accepted,
        };
        let Some(stream) = accepted else { continue };
        match (slots.clone().try_acquire_owned(), refusals.clone().try_acquire_owned()) {
            (Ok(slot), _) => {
                let (shared, counted) = (shared.clone(), shared.metrics.connected(Interface::Tcp));
                connections.spawn(async move {
                    if let Err(error) = connection::serve(stream, shared).await {
                        debug!(%error, "connection ended");
                    }
                    drop((counted, slot));
                });
            }
            (Err(_), Ok(refusal)) => {
                let error = too_many(shared.limits.connections);
                let limits = shared.limits.clone();
                connections.spawn(async move {
                    connection::refuse(stream, &error, &limits).await;
                    drop(refusal);
                });
            }
            (Err(_), Err(_)) => {}
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

fn too_many(connections: usize) -> ApiError {
    ApiError::new(ErrorCode::Overloaded, format!("{connections} connections are open; no more are taken"))
}

async fn accept(listener: &TcpListener) -> Option<TcpStream> {
    match listener.accept().await {
        Ok((stream, _)) => Some(stream),
        Err(error) => {
            warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_BACKOFF).await;
            None
        }
    }
}
