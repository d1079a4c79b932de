//! A node that serves, and peers of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use sutra_peer::{
    CallError, Class, Handler, Identity, Limits, Peer, PeerSecret, PeerStats, Refusal, Request, Server, ServerIdentity,
};

/// Longer than anything takes that goes well.
pub(crate) const LONG: Duration = Duration::from_secs(30);

pub(crate) const GRID: &str = "grid-1";

pub(crate) fn identity(node: &str) -> Identity {
    Identity::new(GRID, node).unwrap()
}

pub(crate) fn secret() -> PeerSecret {
    PeerSecret::new("a secret of tests").unwrap()
}

/// Answers with what it was sent.
pub(crate) async fn echo(request: Request) -> Result<Bytes, Refusal> {
    Ok(request.payload)
}

pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) identity: ServerIdentity,
    pub(crate) stats: Arc<PeerStats>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Node {
    pub(crate) async fn start(handler: impl Handler) -> Self {
        Self::start_with(handler, Limits::default()).await
    }

    pub(crate) async fn start_with(handler: impl Handler, limits: Limits) -> Self {
        Self::start_as(ServerIdentity::of(identity("server"), secret()), handler, limits, "127.0.0.1:0").await
    }

    pub(crate) async fn start_as(identity: ServerIdentity, handler: impl Handler, limits: Limits, address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let server = Server::new(identity.clone(), Arc::new(handler)).with_limits(limits);
        let stats = server.stats();
        let serving = tokio::spawn(server.serve(listener, stop.clone()));
        Self { address, identity, stats, stop, serving }
    }

    pub(crate) fn peer(&self) -> Peer {
        self.peer_with(Limits::default())
    }

    pub(crate) fn peer_with(&self, limits: Limits) -> Peer {
        Peer::with_limits(self.address.to_string(), identity("client"), secret(), limits)
    }

    pub(crate) fn begin_to_stop(&self) {
        self.stop.cancel();
    }

    pub(crate) async fn stopped(self) {
        timeout(LONG, self.serving).await.unwrap().unwrap();
    }

    pub(crate) async fn stop(self) {
        self.begin_to_stop();
        self.stopped().await;
    }
}

pub(crate) async fn control(peer: &Peer, text: &'static str) -> Result<Bytes, CallError> {
    peer.call(Class::Control, 1, 2, Bytes::from_static(text.as_bytes()), LONG).await
}

/// The reason of an error that says that the peer can't be reached.
pub(crate) fn unreachable(called: Result<Bytes, CallError>) -> String {
    match called {
        Err(error @ CallError::Unreachable { .. }) => {
            assert!(error.is_surely_undelivered());
            error.to_string()
        }
        other => panic!("{other:?}"),
    }
}

/// Asks until the answer is the right one.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(ask: impl Fn() -> F) -> T {
    timeout(LONG, async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("it did not come to pass")
}
