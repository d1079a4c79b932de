//! How much a client of the TCP interface may take up.

use std::time::Duration;

/// Bounds on connections, on waiting and on memory. The bounds on what a request may hold are in [`sutra_protocol::limits`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpLimits {
    /// Most open connections; a further one is told `overloaded` and closed.
    pub connections: usize,
    /// Most requests of one connection whose replies it has not taken yet; then its next frame waits in the socket.
    pub in_flight: usize,
    /// Bytes of replies of one connection that may wait for it to read; above, its next frame waits in the socket.
    pub backlog_bytes: usize,
    /// Most bytes of frames above [`TcpLimits::SMALL_FRAME`] held at once, over all connections; beyond it requests are refused
    /// as `overloaded`.
    pub frame_memory: usize,
    /// Longest silence between frames while nothing is in flight.
    pub idle_timeout: Duration,
    /// Longest silence inside a frame, either way; a whole frame may also take no longer than this and one second per 64 KiB.
    pub stall_timeout: Duration,
    /// How long what a client still sends is thrown away after a reply that ends the connection, so that it can read the reply.
    pub linger: Duration,
}

impl TcpLimits {
    /// Frames up to this many bytes do not count towards `frame_memory`.
    pub const SMALL_FRAME: usize = 64 << 10;

    /// Longest time for a whole frame of `length` bytes.
    pub(super) fn frame_timeout(&self, length: usize) -> Duration {
        self.stall_timeout + Duration::from_secs(length as u64 / (64 << 10))
    }
}

impl Default for TcpLimits {
    fn default() -> Self {
        Self {
            connections: 1024,
            in_flight: 128,
            backlog_bytes: 4 << 20,
            frame_memory: 512 << 20,
            idle_timeout: Duration::from_secs(600),
            stall_timeout: Duration::from_secs(30),
            linger: Duration::from_secs(2),
        }
    }
}
