//! The acceptor's yes or no: 0, or 1 with a text after its length `u16`.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::HandshakeError;

const YES: u8 = 0;
const NO: u8 = 1;

/// Most bytes of a refusal's text; the names in it are at most this long together.
const TEXT_BYTES: usize = 700;

pub(super) async fn accept(sink: &mut (impl AsyncWrite + Unpin), what_follows: &[u8]) -> Result<(), HandshakeError> {
    Ok(sink.write_all(&[&[YES], what_follows].concat()).await?)
}

pub(super) async fn refuse(sink: &mut (impl AsyncWrite + Unpin), why: &HandshakeError) {
    let text = why.to_string();
    let text = &text[..text.floor_char_boundary(TEXT_BYTES)];
    let bytes = [&[NO], &(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat();
    // Whoever does not read it has gone.
    let _ = sink.write_all(&bytes).await;
    let _ = sink.shutdown().await;
}

pub(super) async fn read(source: &mut (impl AsyncRead + Unpin)) -> Result<(), HandshakeError> {
    match source.read_u8().await? {
        YES => Ok(()),
        NO => {
            let length = usize::from(source.read_u16().await?);
            if length > TEXT_BYTES {
                return Err(HandshakeError::Malformed);
            }
            let mut text = vec![0; length];
            source.read_exact(&mut text).await?;
            let text = String::from_utf8(text).map_err(|_| HandshakeError::Malformed)?;
            Err(HandshakeError::Refused(text))
        }
        _ => Err(HandshakeError::Foreign),
    }
}
