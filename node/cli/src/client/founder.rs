//! The request for a grid: it goes to the peer port of a node that waits for one.

use std::time::Duration;

use bytes::Bytes;
use sutra_peer::{CallError, Class, Peer, PeerSecret};
use sutra_protocol::founding::{FOUND, FoundRequest, Founded};

use crate::arguments::PeerAddress;

/// Why no grid is founded, as far as is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FoundingError {
    /// Nobody listens there.
    #[error("{0}; does a node wait for a grid there (sutra-node serve --wait-for-grid), and is this its peer port?")]
    NobodyThere(CallError),
    /// There is no talking with who listens there.
    #[error("{0}")]
    Unreachable(CallError),
    /// The node says no, and why.
    #[error("{address} refuses to found a grid: {reason}")]
    Refused {
        /// Whom we asked.
        address: PeerAddress,
        /// Its words.
        reason: String,
    },
    /// It was asked, but no answer came.
    #[error("{0}; whether it founds a grid is not known: asking it again does no harm, and tells")]
    Unanswered(CallError),
    /// The request can't be written.
    #[error("the request for a grid can't be written: {0}")]
    Unwritable(#[from] rmp_serde::encode::Error),
    /// A success that no node sends.
    #[error("{address} founds a grid, but sent a reply that this client can't read: {reason}")]
    Unreadable {
        /// Whom we asked.
        address: PeerAddress,
        /// What is wrong with the reply.
        reason: String,
    },
}

/// How a node that refuses the connection itself is quoted by [`CallError::Unreachable`].
const REFUSED: &str = "handshake: it was refused: ";
/// How it begins where there is no connection.
const UNCONNECTED: &str = "connect: ";

/// Asks the node at `founder` for a grid; it answers when it is decided, and goes on by itself.
pub(crate) async fn found(
    founder: &PeerAddress,
    secret: Option<PeerSecret>,
    request: &FoundRequest,
    limit: Duration,
) -> Result<Founded, FoundingError> {
    let payload = Bytes::from(rmp_serde::to_vec_named(request)?);
    let peer = Peer::founding(founder.to_string(), secret);
    let reply = peer.call(Class::Founding, FOUND, 0, payload, limit).await.map_err(|error| told(founder, error))?;
    rmp_serde::from_slice(&reply)
        .map_err(|error| FoundingError::Unreadable { address: founder.clone(), reason: error.to_string() })
}

fn told(founder: &PeerAddress, error: CallError) -> FoundingError {
    let refused = |reason: &str| FoundingError::Refused { address: founder.clone(), reason: reason.into() };
    match &error {
        CallError::Refused { reason } => refused(reason),
        CallError::Unreachable { reason, .. } => match reason.strip_prefix(REFUSED) {
            Some(words) => refused(words),
            None if reason.starts_with(UNCONNECTED) => FoundingError::NobodyThere(error),
            None => FoundingError::Unreachable(error),
        },
        CallError::TooLarge { .. } => FoundingError::Unreachable(error),
        CallError::TimedOut { .. } | CallError::Lost { .. } => FoundingError::Unanswered(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(error: CallError) -> String {
        told(&"node-1:7001".parse().unwrap(), error).to_string()
    }

    fn unreachable(reason: &str) -> String {
        sentence(CallError::Unreachable { address: "node-1:7001".into(), reason: reason.into() })
    }

    #[test]
    fn a_refusal_is_shown_as_it_is_with_the_address() {
        let expected = "node-1:7001 refuses to found a grid: this node belongs to a grid";
        assert_eq!(unreachable("handshake: it was refused: this node belongs to a grid"), expected);
        assert_eq!(sentence(CallError::Refused { reason: "this node belongs to a grid".into() }), expected);
    }

    #[test]
    fn only_where_nobody_listens_is_asked_for_a_node() {
        assert!(unreachable("connect: Connection refused (os error 111)").contains("--wait-for-grid"));
        let told = unreachable("handshake: the other side does not speak this protocol");
        assert_eq!(told, "node-1:7001 is unreachable: handshake: the other side does not speak this protocol");
    }

    #[test]
    fn an_unknown_outcome_is_told() {
        let told = sentence(CallError::TimedOut { address: "node-1:7001".into(), limit: Duration::from_secs(60) });
        assert!(told.starts_with("node-1:7001 did not reply within 60000 ms; whether it founds a grid is not known"), "{told}");
    }
}
