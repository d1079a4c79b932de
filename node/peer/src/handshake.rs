//! Each side shows the other that it knows the secret.
//!
//! ```text
//!  dialler                                  acceptor
//!  hello: class, nonce, grid, node   ─→     knows who asks, and for what
//!                                    ←─     0, hello: class, nonce, grid, node    or  1, why not
//!  proof over both hellos            ─→     checks it
//!                                    ←─     0, proof over both hellos             or  1, why not
//! ```
//!
//! A founding connection may be without proofs, if both sides are set up so. Before the
//! other has proved itself, a side reads a hello and a proof of it, or the text of a refusal: at most 703 bytes at a time. The
//! whole takes no longer than [`crate::Limits::handshake`].
//!
//! | module | responsibility |
//! |---|---|
//! | `hello` | what a side says of itself, in bytes |
//! | `proof` | that it knows the secret |
//! | `verdict` | the acceptor's yes or no |
//! | `dialler` | the side that connects |
//! | `acceptor` | the side that is connected to |

pub(crate) mod acceptor;
pub(crate) mod dialler;
mod hello;
mod proof;
#[cfg(test)]
mod tests;
mod verdict;

use std::io;
use std::time::Duration;

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("{}", ended(.0))]
    Io(#[from] io::Error),
    #[error("it took longer than {} ms", .0.as_millis())]
    Late(Duration),
    #[error("the other side does not speak this protocol")]
    Foreign,
    #[error("the other side speaks version {found} of the protocol between nodes, this node version {}", hello::VERSION)]
    Version { found: u16 },
    #[error("the other side's hello is malformed")]
    Malformed,
    #[error("it was refused: {0}")]
    Refused(String),
    // Whoever is refused reads the same words, so that they must be true from either side.
    #[error("the caller belongs to grid {dialler:?}, the node that it called to grid {acceptor:?}")]
    Grid { dialler: String, acceptor: String },
    #[error("the caller and the node that it called have different secrets")]
    Secret,
    #[error("this node belongs to no grid yet")]
    NoGridYet,
    #[error("this node belongs to a grid")]
    GridThere,
    #[error("this node wants proof of the secret from whoever founds its grid")]
    ProofWanted,
    #[error("this node was started without a secret that could be proved")]
    ProofUnwanted,
    #[error("there are too many connections")]
    Full,
}

fn ended(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        "the other side closed the connection during the handshake".to_owned()
    } else {
        error.to_string()
    }
}
