//! The side that is connected to.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::HandshakeError;
use super::hello::{Hello, Proofs};
use super::proof::{self, Side, Transcript};
use super::verdict;
use crate::class::Class;
use crate::identity::Identity;
use crate::secret::PeerSecret;

/// Whom to let in.
pub(crate) enum Door {
    /// The nodes of this grid.
    Grid { identity: Identity, secret: PeerSecret },
    /// Whoever founds a grid, and knows the secret if there is one.
    Founding { secret: Option<PeerSecret> },
}

/// Who was let in.
#[derive(Debug)]
pub(crate) struct Admitted {
    /// The node's name; empty on a founding connection.
    pub(crate) node: Arc<str>,
    pub(crate) class: Class,
    /// The connection counts until it is dropped.
    pub(crate) _seat: OwnedSemaphorePermit,
}

/// Lets the other side in, or tells it why not.
pub(crate) async fn admit(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    door: &Door,
    seats: &Arc<Semaphore>,
) -> Result<Admitted, HandshakeError> {
    let admitted = try_admit(stream, door, seats).await;
    if let Err(why) = &admitted
        && !matches!(why, HandshakeError::Io(_) | HandshakeError::Foreign)
    {
        verdict::refuse(stream, why).await;
    }
    admitted
}

async fn try_admit(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    door: &Door,
    seats: &Arc<Semaphore>,
) -> Result<Admitted, HandshakeError> {
    let (their_hello, theirs) = Hello::read(stream).await?;
    check(door, &their_hello)?;
    let (identity, secret) = match door {
        Door::Grid { identity, secret } => (identity, Some(secret)),
        Door::Founding { secret } => (&Identity::none(), secret.as_ref()),
    };
    let ours = Hello::new(their_hello.class, their_hello.proofs, identity)?.encode();
    verdict::accept(stream, &ours).await?;
    let transcript = Transcript { dialler: &theirs, acceptor: &ours };
    if let Some(secret) = secret {
        let proof = proof::read(stream).await?;
        transcript.check(secret, Side::Dialler, &proof)?;
    }
    // Only now, so that those who prove nothing can't take the places of those who could.
    let seat = seats.clone().try_acquire_owned().map_err(|_| HandshakeError::Full)?;
    match secret {
        Some(secret) => verdict::accept(stream, &transcript.proof(secret, Side::Acceptor)?).await?,
        None => verdict::accept(stream, &[]).await?,
    }
    Ok(Admitted { node: their_hello.node.into(), class: their_hello.class, _seat: seat })
}

fn check(door: &Door, hello: &Hello) -> Result<(), HandshakeError> {
    match (door, hello.class) {
        (Door::Grid { .. }, Class::Founding) => Err(HandshakeError::GridThere),
        (Door::Grid { identity, .. }, _) if hello.grid_id != identity.grid_id() => {
            Err(HandshakeError::Grid { dialler: hello.grid_id.clone(), acceptor: identity.grid_id().to_owned() })
        }
        (Door::Grid { .. }, _) if hello.node.is_empty() => Err(HandshakeError::Malformed),
        (Door::Grid { .. }, _) => match hello.proofs {
            Proofs::Exchanged => Ok(()),
            Proofs::Omitted => Err(HandshakeError::Malformed),
        },
        (Door::Founding { secret }, Class::Founding) => match (secret, hello.proofs) {
            (Some(_), Proofs::Exchanged) | (None, Proofs::Omitted) => Ok(()),
            (Some(_), Proofs::Omitted) => Err(HandshakeError::ProofWanted),
            (None, Proofs::Exchanged) => Err(HandshakeError::ProofUnwanted),
        },
        (Door::Founding { .. }, _) => Err(HandshakeError::NoGridYet),
    }
}
