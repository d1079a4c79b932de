//! Accepts connections, as many as there may be.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::handler::Handler;
use super::identity::ServerIdentity;
use super::session::{self, Session};
use crate::handshake::{HandshakeError, acceptor};
use crate::limits::Limits;
use crate::stats::PeerStats;

/// How long nothing is accepted after it failed: mostly there are no file descriptors left, and trying at once would only spin.
const PAUSE: Duration = Duration::from_millis(100);

/// Lets peers in and has a handler answer their requests.
#[derive(Clone)]
pub struct Server {
    identity: ServerIdentity,
    handler: Arc<dyn Handler>,
    limits: Limits,
    stats: Arc<PeerStats>,
}

impl Server {
    /// A server that is `identity` and answers with `handler`.
    #[must_use]
    pub fn new(identity: ServerIdentity, handler: Arc<dyn Handler>) -> Self {
        Self { identity, handler, limits: Limits::default(), stats: Arc::default() }
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// What it has carried, over all connections.
    #[must_use]
    pub fn stats(&self) -> Arc<PeerStats> {
        self.stats.clone()
    }

    /// Serves until `stop` is cancelled. Then it accepts and reads no more, and returns when all requests in flight are answered or
    /// [`Limits::farewell`] is over.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) {
        let connections = TaskTracker::new();
        let newcomers = Arc::new(Semaphore::new(self.limits.newcomers));
        let seats = Arc::new(Semaphore::new(self.limits.connections));
        let mut accepting = true;
        loop {
            let accepted = async {
                let newcomer = newcomers.clone().acquire_owned().await;
                (listener.accept().await, newcomer)
            };
            let (accepted, newcomer) = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = accepted => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    accepting = true;
                    let (server, seats, stop) = (self.clone(), seats.clone(), stop.clone());
                    connections.spawn(async move {
                        if let Some((session, stream)) = server.admit(stream, peer, &seats, &stop).await {
                            drop(newcomer);
                            session::run(session, stream, stop).await;
                        }
                    });
                }
                Err(error) => {
                    if accepting {
                        warn!(%error, "accepting connections of peers fails; trying again until it does not");
                    }
                    accepting = false;
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = sleep(PAUSE) => {}
                    }
                }
            }
        }
        drop(listener);
        connections.close();
        connections.wait().await;
    }

    async fn admit(
        &self,
        mut stream: TcpStream,
        peer: SocketAddr,
        seats: &Arc<Semaphore>,
        stop: &CancellationToken,
    ) -> Option<(Session, TcpStream)> {
        self.stats.dialled();
        // Replies are written whole; waiting to fill a segment would only delay the last one.
        let _ = stream.set_nodelay(true);
        let mut changes = self.identity.subscribe();
        // From here on a change of identity is noticed, even one before the session begins.
        let door = changes.borrow_and_update().clone();
        let admitted = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            admitted = timeout(self.limits.handshake, acceptor::admit(&mut stream, &door, seats)) => admitted,
        };
        match admitted.unwrap_or(Err(HandshakeError::Late(self.limits.handshake))) {
            Ok(admitted) => {
                debug!(%peer, node = %admitted.node, class = %admitted.class, "peer connected");
                let (handler, limits, stats) = (self.handler.clone(), self.limits.clone(), self.stats.clone());
                Some((Session { peer, admitted, changes, handler, limits, stats }, stream))
            }
            // Somebody who only looks whether the port is open.
            Err(HandshakeError::Io(error)) => {
                debug!(%peer, %error, "a connection ended before it was a peer's");
                None
            }
            Err(reason) => {
                warn!(%peer, %reason, "refused a connection of a peer");
                None
            }
        }
    }
}
