//! How a replica's messages reach others: over the grid's peer connections, or over a network that a test makes.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sutra_peer::{CallError, Class, Identity, Peer, PeerSecret};

use crate::types::Member;

/// A message that wants a reply.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which connection carries it.
    pub class: Class,
    /// What is asked.
    pub service: u16,
    /// Of which group.
    pub group: u64,
    /// In the words of the service.
    pub payload: Bytes,
    /// How long the reply is waited for.
    pub timeout: Duration,
}

/// What comes of a call.
pub type Reply = Pin<Box<dyn Future<Output = Result<Bytes, CallError>> + Send>>;

/// Carries calls.
pub trait Transport: Send + Sync + 'static {
    /// Sends a call to the node that has this member.
    fn call(&self, to: &Member, call: Call) -> Reply;

    /// How many calls there were since the start, and how many of them had no reply; zero where nobody counts.
    fn calls(&self) -> (u64, u64) {
        (0, 0)
    }
}

/// The peer connections of a node, one [`Peer`] for each address.
pub struct PeerPool {
    identity: Identity,
    secret: PeerSecret,
    peers: Mutex<HashMap<String, Peer>>,
}

impl std::fmt::Debug for PeerPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerPool").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl PeerPool {
    /// A pool that has no connection yet.
    pub fn new(identity: Identity, secret: PeerSecret) -> Self {
        Self { identity, secret, peers: Mutex::default() }
    }

    /// The peer at an address.
    pub fn peer(&self, address: &str) -> Peer {
        // No code panics while it holds the lock.
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = peers.get(address) {
            return peer.clone();
        }
        let peer = Peer::new(address.to_owned(), self.identity.clone(), self.secret.clone());
        peers.insert(address.to_owned(), peer.clone());
        peer
    }
}

impl Transport for PeerPool {
    fn call(&self, to: &Member, call: Call) -> Reply {
        let peer = self.peer(&to.address);
        Box::pin(async move { peer.call(call.class, call.service, call.group, call.payload, call.timeout).await })
    }

    fn calls(&self) -> (u64, u64) {
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.values().fold((0, 0), |(calls, failures), peer| (calls + peer.stats().calls(), failures + peer.stats().failures()))
    }
}

impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn call(&self, to: &Member, call: Call) -> Reply {
        (**self).call(to, call)
    }

    fn calls(&self) -> (u64, u64) {
        (**self).calls()
    }
}
