//! That a side knows the secret.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::HandshakeError;
use crate::secret::PeerSecret;

/// Bytes of a proof.
pub(super) const PROOF_BYTES: usize = 32;

/// Whose proof it is: without it, a proof could be sent back to whoever made it.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Dialler,
    Acceptor,
}

/// Both hellos, as they were sent.
pub(super) struct Transcript<'a> {
    pub(super) dialler: &'a [u8],
    pub(super) acceptor: &'a [u8],
}

impl Transcript<'_> {
    pub(super) fn proof(&self, secret: &PeerSecret, side: Side) -> Result<[u8; PROOF_BYTES], HandshakeError> {
        Ok(self.mac(secret, side)?.finalize().into_bytes().into())
    }

    /// Takes the same time wherever the first difference is.
    pub(super) fn check(&self, secret: &PeerSecret, side: Side, proof: &[u8; PROOF_BYTES]) -> Result<(), HandshakeError> {
        self.mac(secret, side)?.verify_slice(proof).map_err(|_| HandshakeError::Secret)
    }

    fn mac(&self, secret: &PeerSecret, side: Side) -> Result<Hmac<Sha256>, HandshakeError> {
        // A key of any length will do, so that this does not fail.
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| HandshakeError::Secret)?;
        mac.update(match side {
            Side::Dialler => b"sutra peer dialler\0",
            Side::Acceptor => b"sutra peer acceptor\0",
        });
        // A hello names its own length, so that no other two hellos make the same bytes.
        mac.update(self.dialler);
        mac.update(self.acceptor);
        Ok(mac)
    }
}

pub(super) async fn read(source: &mut (impl AsyncRead + Unpin)) -> Result<[u8; PROOF_BYTES], HandshakeError> {
    let mut proof = [0; PROOF_BYTES];
    source.read_exact(&mut proof).await?;
    Ok(proof)
}

#[cfg(test)]
mod tests {
    use super::{Side, Transcript};
    use crate::secret::PeerSecret;

    #[test]
    fn a_proof_fits_one_side_one_secret_and_one_pair_of_hellos() {
        let secret = PeerSecret::new("secret").unwrap();
        let transcript = Transcript { dialler: b"one", acceptor: b"two" };
        let proof = transcript.proof(&secret, Side::Dialler).unwrap();
        assert!(transcript.check(&secret, Side::Dialler, &proof).is_ok());
        assert!(transcript.check(&secret, Side::Acceptor, &proof).is_err());
        assert!(transcript.check(&PeerSecret::new("Secret").unwrap(), Side::Dialler, &proof).is_err());
        assert!(Transcript { dialler: b"two", acceptor: b"one" }.check(&secret, Side::Dialler, &proof).is_err());
    }
}
