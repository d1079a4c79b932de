//! What a side says of itself.
//!
//! Magic (4 bytes), version `u16`, length of the rest `u16`; class `u8`, whether proofs are exchanged `u8`, nonce (32 bytes), grid id
//! and node name, each after its length `u8`. The first eight bytes are the same in all versions.

use bytes::{Buf as _, BufMut as _};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::HandshakeError;
use crate::class::Class;
use crate::identity::{Identity, NAME_BYTES};

/// The version of the handshake and the frames.
pub(super) const VERSION: u16 = 1;

const MAGIC: [u8; 4] = *b"SGPR";
const NONCE_BYTES: usize = 32;
const START_BYTES: usize = MAGIC.len() + 2 + 2;
/// Most bytes after the start.
const BODY_BYTES: usize = 1 + 1 + NONCE_BYTES + 2 * (1 + NAME_BYTES);

/// Most bytes of a hello, and of what is read from a side before it has proved itself.
pub(super) const HELLO_BYTES: usize = START_BYTES + BODY_BYTES;

/// Whether both sides have to prove that they know the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proofs {
    Exchanged,
    Omitted,
}

/// A side's hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) class: Class,
    pub(super) proofs: Proofs,
    /// Fresh for each connection, so that no proof fits a second one.
    nonce: [u8; NONCE_BYTES],
    pub(super) grid_id: String,
    pub(super) node: String,
}

impl Hello {
    pub(super) fn new(class: Class, proofs: Proofs, identity: &Identity) -> Result<Self, HandshakeError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(std::io::Error::from)?;
        Ok(Self { class, proofs, nonce, grid_id: identity.grid_id().to_owned(), node: identity.node().to_owned() })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let length = 1 + 1 + NONCE_BYTES + 1 + self.grid_id.len() + 1 + self.node.len();
        let mut bytes = Vec::with_capacity(START_BYTES + length);
        bytes.put_slice(&MAGIC);
        bytes.put_u16(VERSION);
        bytes.put_u16(length as u16);
        bytes.put_u8(self.class.code());
        bytes.put_u8(match self.proofs {
            Proofs::Omitted => 0,
            Proofs::Exchanged => 1,
        });
        bytes.put_slice(&self.nonce);
        for name in [&self.grid_id, &self.node] {
            bytes.put_u8(name.len() as u8);
            bytes.put_slice(name.as_bytes());
        }
        bytes
    }

    /// Reads a hello and nothing after it. The bytes come with it, since proofs are over them.
    pub(super) async fn read(source: &mut (impl AsyncRead + Unpin)) -> Result<(Self, Vec<u8>), HandshakeError> {
        let mut bytes = vec![0; START_BYTES];
        source.read_exact(&mut bytes).await?;
        if bytes[..4] != MAGIC {
            return Err(HandshakeError::Foreign);
        }
        let mut start = &bytes[4..];
        let (version, length) = (start.get_u16(), usize::from(start.get_u16()));
        if START_BYTES + length > HELLO_BYTES {
            return Err(if version == VERSION { HandshakeError::Malformed } else { HandshakeError::Version { found: version } });
        }
        // Of another version too: a refusal would be lost if it met unread bytes.
        bytes.resize(START_BYTES + length, 0);
        source.read_exact(&mut bytes[START_BYTES..]).await?;
        if version != VERSION {
            return Err(HandshakeError::Version { found: version });
        }
        let hello = Self::decode(&bytes[START_BYTES..]).ok_or(HandshakeError::Malformed)?;
        Ok((hello, bytes))
    }

    fn decode(mut body: &[u8]) -> Option<Self> {
        let class = Class::of_code(body.try_get_u8().ok()?)?;
        let proofs = match body.try_get_u8().ok()? {
            0 => Proofs::Omitted,
            1 => Proofs::Exchanged,
            _ => return None,
        };
        let mut nonce = [0; NONCE_BYTES];
        body.try_copy_to_slice(&mut nonce).ok()?;
        let (grid_id, node) = (name(&mut body)?, name(&mut body)?);
        body.is_empty().then_some(Self { class, proofs, nonce, grid_id, node })
    }
}

fn name(body: &mut &[u8]) -> Option<String> {
    let length = usize::from(body.try_get_u8().ok()?);
    let (name, rest) = body.split_at_checked(length)?;
    *body = rest;
    String::from_utf8(name.to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::{HELLO_BYTES, Hello, Proofs};
    use crate::class::Class;
    use crate::handshake::HandshakeError;
    use crate::identity::{Identity, NAME_BYTES};

    async fn read(bytes: &[u8]) -> Result<Hello, HandshakeError> {
        Hello::read(&mut &bytes[..]).await.map(|(hello, _)| hello)
    }

    #[tokio::test]
    async fn a_hello_is_read_back() {
        let identity = Identity::new("g".repeat(NAME_BYTES), "n".repeat(NAME_BYTES)).unwrap();
        let hello = Hello::new(Class::Bulk, Proofs::Exchanged, &identity).unwrap();
        assert_eq!(hello.encode().len(), HELLO_BYTES);
        assert_eq!(read(&hello.encode()).await.unwrap(), hello);
        let hello = Hello::new(Class::Founding, Proofs::Omitted, &Identity::none()).unwrap();
        assert_eq!(read(&hello.encode()).await.unwrap(), hello);
    }

    #[tokio::test]
    async fn nothing_but_a_hello_is_read_as_one() {
        let hello = Hello::new(Class::Control, Proofs::Exchanged, &Identity::new("grid", "node").unwrap()).unwrap().encode();
        let changed = |at: usize, byte: u8| {
            let mut bytes = hello.clone();
            bytes[at] = byte;
            bytes.extend([0; 600]);
            bytes
        };
        assert!(matches!(read(b"GET / HTTP/1.1\r\n").await, Err(HandshakeError::Foreign)));
        assert!(matches!(read(&changed(5, 2)).await, Err(HandshakeError::Version { found: 2 })));
        assert!(matches!(read(&changed(6, 255)).await, Err(HandshakeError::Malformed)), "a length that no hello has");
        // Class, proofs, a name's length, a name that is no text.
        for (at, byte) in [(8, 4), (9, 2), (42, 200), (43, 0xff)] {
            assert!(matches!(read(&changed(at, byte)).await, Err(HandshakeError::Malformed)), "byte {at}");
        }
        for cut in 0..hello.len() {
            assert!(matches!(read(&hello[..cut]).await, Err(HandshakeError::Io(_))), "cut at {cut}");
        }
    }
}
