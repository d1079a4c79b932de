//! The side that connects.

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use super::HandshakeError;
use super::hello::{Hello, Proofs};
use super::proof::{self, Side, Transcript};
use super::verdict;
use crate::class::Class;
use crate::identity::Identity;
use crate::secret::PeerSecret;

/// Makes itself known and has the other side prove that it belongs to the same grid. Without a secret neither side proves anything,
/// which only a founding connection may do.
pub(crate) async fn greet(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    class: Class,
    identity: &Identity,
    secret: Option<&PeerSecret>,
) -> Result<(), HandshakeError> {
    let proofs = if secret.is_some() { Proofs::Exchanged } else { Proofs::Omitted };
    let hello = Hello::new(class, proofs, identity)?;
    let ours = hello.encode();
    stream.write_all(&ours).await?;
    verdict::read(stream).await?;
    let (their_hello, theirs) = Hello::read(stream).await?;
    check(&hello, &their_hello)?;
    if let Some(secret) = secret {
        let transcript = Transcript { dialler: &ours, acceptor: &theirs };
        stream.write_all(&transcript.proof(secret, Side::Dialler)?).await?;
        verdict::read(stream).await?;
        let proof = proof::read(stream).await?;
        transcript.check(secret, Side::Acceptor, &proof)?;
    } else {
        verdict::read(stream).await?;
    }
    Ok(())
}

/// Whether the answer is to what was asked.
fn check(ours: &Hello, theirs: &Hello) -> Result<(), HandshakeError> {
    if theirs.class != ours.class {
        return Err(HandshakeError::Malformed);
    }
    if theirs.grid_id != ours.grid_id {
        return Err(HandshakeError::Grid { dialler: ours.grid_id.clone(), acceptor: theirs.grid_id.clone() });
    }
    if theirs.proofs == ours.proofs { Ok(()) } else { Err(HandshakeError::Malformed) }
}
