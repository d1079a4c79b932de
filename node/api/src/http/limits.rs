//! How much a client of the HTTP interface may take up.

use std::time::Duration;

use sutra_protocol::limits;

/// Bounds on connections and on waiting. The bounds on what a request may hold are in [`sutra_protocol::limits`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Most open connections; further ones wait in the listener's backlog until one ends.
    pub connections: usize,
    /// Longest wait for a whole request head. It runs from the end of the reply before, so it also ends idle connections.
    pub head_timeout: Duration,
    /// Longest wait for the next bytes of a body.
    pub body_idle_timeout: Duration,
    /// Longest wait for the next line, or 64 KiB, of an import.
    pub import_idle_timeout: Duration,
    /// Longest wait until a client takes the next bytes of a reply.
    pub write_stall_timeout: Duration,
    /// How long what a client still sends is thrown away after a reply that ends the connection, so that it can read the reply.
    pub linger: Duration,
    /// Most bytes of request bodies held at once, over all connections; beyond it requests are refused as `overloaded`.
    pub body_memory: usize,
    /// Most exports at once; further ones wait for their turn until their deadline.
    pub exports: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections: 4096,
            head_timeout: Duration::from_secs(30),
            body_idle_timeout: Duration::from_secs(30),
            import_idle_timeout: Duration::from_secs(60),
            write_stall_timeout: Duration::from_secs(60),
            linger: Duration::from_secs(2),
            body_memory: 16 * limits::BODY_BYTES,
            exports: 8,
        }
    }
}
