//! What every handler has at hand.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::limits::HttpLimits;
use crate::metrics::Metrics;
use crate::service::Service;

/// The state of the router; cheap to clone.
#[derive(Clone)]
pub(super) struct App {
    pub(super) service: Service,
    pub(super) metrics: Metrics,
    pub(super) limits: Arc<HttpLimits>,
    /// The bytes of request bodies that may still be held, in KiB.
    pub(super) body_memory: Arc<Semaphore>,
    /// The exports that may still begin.
    pub(super) exports: Arc<Semaphore>,
    /// `/openapi.json`.
    pub(super) document: Bytes,
    /// Cancelled when the node stops.
    pub(super) shutdown: CancellationToken,
}

impl App {
    pub(super) fn new(service: Service, metrics: Metrics, limits: HttpLimits, shutdown: CancellationToken) -> Self {
        let body_memory = Arc::new(Semaphore::new(limits.body_memory >> 10));
        let exports = Arc::new(Semaphore::new(limits.exports));
        let version = service.info().version;
        let document = super::openapi::document(&super::router::operations(), &version).to_string().into();
        Self { service, metrics, limits: Arc::new(limits), body_memory, exports, document, shutdown }
    }
}
