//! How long is waited, and for how much.

use std::time::Duration;

/// Bounds on connections, on waiting and on memory. The bound on a frame is [`crate::FRAME_BYTES`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest time to resolve an address and to connect to it.
    pub dial: Duration,
    /// Longest time from a connection to the end of its handshake, on either side.
    pub handshake: Duration,
    /// Longest silence inside a frame, either way; then the connection is closed.
    pub stall: Duration,
    /// How long a peer is not dialled after a first failure.
    pub first_back_off: Duration,
    /// How long at most, after many; each failure doubles it.
    pub last_back_off: Duration,
    /// Most authenticated connections that a server holds; further ones are refused.
    pub connections: usize,
    /// Most connections that are not authenticated yet; further ones wait to be accepted.
    pub newcomers: usize,
    /// Most requests of one connection whose replies are not written yet; then no more are read.
    pub in_flight: usize,
    /// How long a server that stops waits for the replies to requests in flight.
    pub farewell: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            dial: Duration::from_secs(5),
            handshake: Duration::from_secs(5),
            stall: Duration::from_secs(10),
            first_back_off: Duration::from_millis(100),
            last_back_off: Duration::from_secs(2),
            connections: 1024,
            newcomers: 64,
            in_flight: 4096,
            farewell: Duration::from_secs(1),
        }
    }
}
