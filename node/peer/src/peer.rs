//! The client of one address.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use crate::class::Class;
use crate::connection::{Call, Missed};
use crate::error::CallError;
use crate::frame::PAYLOAD_BYTES;
use crate::identity::Identity;
use crate::limits::Limits;
use crate::link::{Link, Target};
use crate::secret::PeerSecret;
use crate::stats::PeerStats;

/// As long as makes no difference, and short enough to be added to any time.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// A node at an address, to call. Clones share its connections, which are dialled when a call needs them and closed with the last
/// clone. It needs a tokio runtime.
#[derive(Clone)]
pub struct Peer {
    target: Target,
    links: Links,
}

#[derive(Clone)]
enum Links {
    /// One a class, at its code.
    Grid([Arc<Link>; Class::GRID.len()]),
    Founding(Arc<Link>),
}

impl Peer {
    /// The node of our grid at `address`: host and port. A name is resolved at each attempt to connect.
    #[must_use]
    pub fn new(address: impl Into<String>, identity: Identity, secret: PeerSecret) -> Self {
        Self::with_limits(address, identity, secret, Limits::default())
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(address: impl Into<String>, identity: Identity, secret: PeerSecret, limits: Limits) -> Self {
        let address = address.into().into();
        let target = Target { address, identity, secret: Some(secret), limits, stats: Arc::default() };
        let links = Class::GRID.map(|class| Arc::new(Link::new(target.clone(), class)));
        Self { target, links: Links::Grid(links) }
    }

    /// A node that belongs to no grid yet, at `address`. It takes calls of [`Class::Founding`] alone. With a secret both sides prove
    /// that they know it; a node that requires one refuses connections without, and the other way round.
    #[must_use]
    pub fn founding(address: impl Into<String>, secret: Option<PeerSecret>) -> Self {
        let (address, limits) = (address.into().into(), Limits::default());
        let target = Target { address, identity: Identity::none(), secret, limits, stats: Arc::default() };
        let links = Links::Founding(Arc::new(Link::new(target.clone(), Class::Founding)));
        Self { target, links }
    }

    /// Host and port, as they were given.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.target.address
    }

    /// What its connections have carried.
    #[must_use]
    pub fn stats(&self) -> &PeerStats {
        &self.target.stats
    }

    /// Has the peer's handler answer a request, within `limit`, which counts from now and includes connecting. Any number of calls may
    /// be under way; their replies come in any order. A call whose future is dropped is forgotten; the peer may still do what it
    /// was asked.
    ///
    /// After two calls in a row have timed out on a connection that received nothing in between, it is replaced; the calls that wait
    /// on it are lost.
    ///
    /// # Errors
    /// See [`CallError`]; [`CallError::is_surely_undelivered`] tells whether the peer may have seen the request.
    pub async fn call(
        &self,
        class: Class,
        service: u16,
        group: u64,
        payload: Bytes,
        limit: Duration,
    ) -> Result<Bytes, CallError> {
        let _in_flight = self.target.stats.begin();
        let called = self.try_call(class, service, group, payload, limit).await;
        if called.is_err() {
            self.target.stats.failed();
        }
        called
    }

    async fn try_call(
        &self,
        class: Class,
        service: u16,
        group: u64,
        payload: Bytes,
        limit: Duration,
    ) -> Result<Bytes, CallError> {
        if payload.len() > PAYLOAD_BYTES {
            return Err(CallError::TooLarge { bytes: payload.len(), bound: PAYLOAD_BYTES });
        }
        let link = self.link(class)?;
        let call = Call { service, group, payload, deadline: Instant::now() + limit.min(FOREVER) };
        loop {
            let connection = match timeout_at(call.deadline, link.connection()).await {
                Ok(connection) => connection.map_err(|reason| self.unreachable(reason))?,
                Err(_) => return Err(self.unreachable("there was no time left to connect")),
            };
            let address = self.target.address.clone();
            return match connection.call(call.clone()).await {
                Ok(reply) => Ok(reply),
                // It ended between the two lines above.
                Err(Missed::Closed) => continue,
                Err(Missed::Unsent(reason)) => Err(self.unreachable(reason)),
                Err(Missed::Unwritten) => Err(self.unreachable("the connection takes nothing more")),
                Err(Missed::TimedOut) => Err(CallError::TimedOut { address, limit }),
                Err(Missed::Lost(reason)) => Err(CallError::Lost { address, reason }),
                Err(Missed::Refused(reason)) => Err(CallError::Refused { reason }),
            };
        }
    }

    fn link(&self, class: Class) -> Result<&Arc<Link>, CallError> {
        match &self.links {
            Links::Grid(links) => {
                links.get(usize::from(class.code())).ok_or_else(|| self.unreachable("a peer of a grid takes no founding calls"))
            }
            Links::Founding(link) if class == Class::Founding => Ok(link),
            Links::Founding(_) => Err(self.unreachable("a peer without a grid takes founding calls alone")),
        }
    }

    fn unreachable(&self, reason: impl Into<Arc<str>>) -> CallError {
        CallError::Unreachable { address: self.target.address.clone(), reason: reason.into() }
    }
}
