//! Whom a server lets in, which may change while it runs.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use crate::handshake::acceptor::Door;
use crate::identity::Identity;
use crate::secret::PeerSecret;

/// Who a server is. Clones are the same one: what is set through one of them holds for all.
#[derive(Clone)]
pub struct ServerIdentity {
    door: watch::Sender<Arc<Door>>,
}

impl ServerIdentity {
    /// That of a node of a grid: it lets in nodes of the same grid that know the same secret.
    #[must_use]
    pub fn of(identity: Identity, secret: PeerSecret) -> Self {
        Self { door: watch::Sender::new(Arc::new(Door::Grid { identity, secret })) }
    }

    /// That of a node without a grid: it lets in founding connections alone ([`crate::Peer::founding`]); with `require_secret` only
    /// those that prove that they know it, and without only those that want no proof either.
    #[must_use]
    pub fn founding(require_secret: Option<PeerSecret>) -> Self {
        Self { door: watch::Sender::new(Arc::new(Door::Founding { secret: require_secret })) }
    }

    /// Becomes a node of a grid, or changes its secret. From now on only that grid's nodes are let in. Connections that were let in
    /// before get the replies to their requests in flight, and are closed then.
    pub fn set(&self, identity: Identity, secret: PeerSecret) {
        self.door.send_replace(Arc::new(Door::Grid { identity, secret }));
    }

    /// Becomes a node without a grid again, as [`ServerIdentity::founding`]'s: one that has lost what it had, and waits to be invited anew.
    pub fn wait(&self, require_secret: Option<PeerSecret>) {
        self.door.send_replace(Arc::new(Door::Founding { secret: require_secret }));
    }

    /// Who the node is, once it belongs to a grid.
    #[must_use]
    pub fn get(&self) -> Option<Identity> {
        match &**self.door.borrow() {
            Door::Grid { identity, .. } => Some(identity.clone()),
            Door::Founding { .. } => None,
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<Door>> {
        self.door.subscribe()
    }
}

impl fmt::Debug for ServerIdentity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("ServerIdentity").field(&self.get()).finish()
    }
}
