//! What a thread writes, as a stream that makes the thread wait.

use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::service::Exporter;

/// Bytes of a chunk. A stalled export holds one that is full, one that waits, and what the connection has taken in advance.
const CHUNK: usize = 64 << 10;

/// Gathers what is written into chunks, and waits until the one before is taken. Fails once nobody takes them any more.
struct Chunks {
    buffer: Vec<u8>,
    taker: mpsc::Sender<Chunk>,
}

enum Chunk {
    Next(Bytes),
    /// All was written.
    End,
}

/// The export's lines. A client that goes away takes the thread that writes them, and its turn, with it.
pub(super) fn chunks(exporter: Exporter, turn: OwnedSemaphorePermit) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let (taker, taken) = mpsc::channel(1);
    let turn = Arc::new(turn);
    let writing = Arc::clone(&turn);
    tokio::task::spawn_blocking(move || {
        let _writing = writing;
        let mut chunks = Chunks { buffer: Vec::new(), taker };
        // It fails because the client is gone, or on damage, which is in the log: either way the reply is cut off.
        let _ = exporter.write(&mut chunks).and_then(|()| chunks.flush()).and_then(|()| chunks.send(Chunk::End));
    });
    stream::unfold(Some((taken, turn)), |state| async move {
        let (mut taken, turn) = state?;
        match taken.recv().await {
            Some(Chunk::Next(chunk)) => Some((Ok(chunk), Some((taken, turn)))),
            Some(Chunk::End) => None,
            // Without this the client would take a reply that was cut off for a whole one.
            None => Some((Err(io::Error::other("the export broke off")), None)),
        }
    })
}

impl Chunks {
    fn send(&self, chunk: Chunk) -> io::Result<()> {
        self.taker.blocking_send(chunk).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() == CHUNK {
            self.flush()?;
        }
        if self.buffer.capacity() == 0 {
            self.buffer.reserve_exact(CHUNK);
        }
        let taken = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::take(&mut self.buffer);
        self.send(Chunk::Next(chunk.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_writer_is_two_chunks_ahead_at_most_and_fails_when_nobody_takes() {
        let (taker, mut taken) = mpsc::channel(1);
        let writer = tokio::task::spawn_blocking(move || {
            let mut chunks = Chunks { buffer: Vec::new(), taker };
            let mut written = 0;
            loop {
                match chunks.write(&[b'x'; 1000]) {
                    Ok(more) => written += more,
                    Err(error) => return (written, error.kind()),
                }
            }
        });
        let Some(Chunk::Next(first)) = taken.recv().await else { panic!("no chunk") };
        assert_eq!(first.len(), CHUNK);
        drop(taken);
        let (written, error) = writer.await.unwrap();
        assert_eq!(error, io::ErrorKind::BrokenPipe);
        // Taken, waiting, and the one that nobody took.
        assert!(written <= 3 * CHUNK, "{written}");
    }
}
