//! The accept loop.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::app::App;
use super::connection;
use super::limits::HttpLimits;
use super::router;
use crate::metrics::{Interface, Metrics};
use crate::service::Service;

/// Pause after an accept that failed for want of descriptors or memory, so that the loop does not spin.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// Serves HTTP/1.1 on `listener` until `shutdown` is cancelled; then accepts nothing more, ends idle connections, finishes the
/// requests in flight (an import: with what has been read of it), and returns.
pub async fn serve(listener: TcpListener, service: Service, metrics: Metrics, limits: HttpLimits, shutdown: CancellationToken) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let app = App::new(service, metrics.clone(), limits.clone(), shutdown.clone());
    let router = router::router(app);
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let Some((stream, slot)) = accepted else { continue };
        let counted = metrics.connected(Interface::Http);
        let serving = connection::serve(stream, router.clone(), limits.clone(), shutdown.clone());
        connections.spawn(async move {
            if let Err(error) = serving.await {
                debug!(%error, "connection ended");
            }
            drop((counted, slot));
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// Waits for a free slot first, so that waiting clients stay in the kernel's backlog and cost nothing here.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, slot)),
        Err(error) => {
            warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_BACKOFF).await;
            None
        }
    }
}
