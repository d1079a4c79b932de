//! What has been carried.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since a [`crate::Peer`] or a [`crate::Server`] was made, over all its connections.
#[derive(Debug, Default)]
pub struct PeerStats {
    calls: AtomicU64,
    failures: AtomicU64,
    dials: AtomicU64,
    bytes_sent: AtomicU64,
    bytes_received: AtomicU64,
    in_flight: AtomicU64,
}

impl PeerStats {
    /// Calls made; on a server, requests received.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Calls that ended with an error, which refusals are; on a server, requests that were refused.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Attempts to connect; on a server, connections accepted, refused ones among them.
    #[must_use]
    pub fn dials(&self) -> u64 {
        self.dials.load(Ordering::Relaxed)
    }

    /// Bytes of frames written.
    #[must_use]
    pub fn bytes_sent(&self) -> u64 {
        self.bytes_sent.load(Ordering::Relaxed)
    }

    /// Bytes of frames read.
    #[must_use]
    pub fn bytes_received(&self) -> u64 {
        self.bytes_received.load(Ordering::Relaxed)
    }

    /// Calls that wait for their reply now; on a server, requests whose handler runs now.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn dialled(&self) {
        self.dials.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.bytes_sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn received(&self, bytes: usize) {
        self.bytes_received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a call, which is in flight until what is returned is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> InFlight {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }
}

/// A call under way.
pub(crate) struct InFlight(Arc<PeerStats>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What one connection has received, counted in the stats of all of them too.
#[derive(Debug)]
pub(crate) struct Received {
    stats: Arc<PeerStats>,
    bytes: AtomicU64,
}

impl Received {
    pub(crate) fn new(stats: Arc<PeerStats>) -> Self {
        Self { stats, bytes: AtomicU64::new(0) }
    }

    pub(crate) fn count(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.stats.received(bytes);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}
