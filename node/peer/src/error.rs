//! Why a call has no reply.

use std::sync::Arc;
use std::time::Duration;

/// What came of a call instead of a reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The request was not sent: the peer can't be reached, or refuses this node.
    #[error("{address} is unreachable: {reason}")]
    Unreachable {
        /// Host and port.
        address: Arc<str>,
        /// What the last attempt to connect ended with.
        reason: Arc<str>,
    },
    /// There was no reply in time. Whether the peer has done what it was asked is unknown.
    #[error("{address} did not reply within {} ms", limit.as_millis())]
    TimedOut {
        /// Host and port.
        address: Arc<str>,
        /// The time there was.
        limit: Duration,
    },
    /// The connection broke after the request was sent. Whether the peer has done what it was asked is unknown.
    #[error("the connection to {address} was lost: {reason}")]
    Lost {
        /// Host and port.
        address: Arc<str>,
        /// What it broke with.
        reason: Arc<str>,
    },
    /// The peer's handler refused.
    #[error("refused: {reason}")]
    Refused {
        /// The handler's words.
        reason: String,
    },
    /// The request does not fit in a frame, and was not sent.
    #[error("the request has {bytes} bytes; a frame holds {bound}")]
    TooLarge {
        /// The payload's length.
        bytes: usize,
        /// [`crate::PAYLOAD_BYTES`].
        bound: usize,
    },
}

impl CallError {
    /// Whether the peer has surely not seen the request, so that it may be sent elsewhere without being done twice.
    #[must_use]
    pub fn is_surely_undelivered(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::TooLarge { .. })
    }
}
