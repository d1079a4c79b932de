//! Replies to a socket.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout_at};

use sutra_protocol::tcp::frame;

use super::limits::TcpLimits;

/// Small replies are written together up to about this many bytes.
const TOGETHER: usize = 64 << 10;

/// A reply on its way, with what its request holds until the client has taken it.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) payload: Vec<u8>,
    pub(super) held: Held,
}

/// What a request holds: its place among those in flight, and its frame's memory.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) _slot: OwnedSemaphorePermit,
    pub(super) _memory: Option<OwnedSemaphorePermit>,
}

/// How many bytes of replies wait for the client.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    bytes: AtomicUsize,
    written: Notify,
}

impl Backlog {
    pub(super) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn remove(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.written.notify_one();
    }

    /// Ends when at most `bound` bytes wait. There is one waiter, the connection's reader.
    pub(super) async fn below(&self, bound: usize) {
        while self.bytes.load(Ordering::Relaxed) > bound {
            self.written.notified().await;
        }
    }
}

/// Writes replies until their channel ends.
///
/// # Errors
/// Those of the socket; [`io::ErrorKind::TimedOut`] if the client does not take them in time.
pub(super) async fn write<W: AsyncWrite + Unpin>(
    sink: &mut W,
    replies: &mut mpsc::Receiver<Outgoing>,
    backlog: &Backlog,
    limits: &TcpLimits,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    let mut held = Vec::new();
    while let Some(reply) = replies.recv().await {
        let mut next = Some(reply);
        while let Some(reply) = next {
            buffer.extend_from_slice(&frame::header(reply.payload.len()));
            buffer.extend_from_slice(&reply.payload);
            held.push((reply.payload.len(), reply.held));
            next = if buffer.len() < TOGETHER { replies.try_recv().ok() } else { None };
        }
        let written = write_in_time(sink, &buffer, limits).await;
        for (bytes, _) in held.drain(..) {
            backlog.remove(bytes);
        }
        written?;
        buffer.clear();
        buffer.shrink_to(TOGETHER);
    }
    Ok(())
}

/// Writes `bytes` as long as the client takes some of them again and again.
pub(super) async fn write_in_time<W: AsyncWrite + Unpin>(sink: &mut W, mut bytes: &[u8], limits: &TcpLimits) -> io::Result<()> {
    let last = Instant::now() + limits.frame_timeout(bytes.len());
    while !bytes.is_empty() {
        let until = last.min(Instant::now() + limits.stall_timeout);
        match timeout_at(until, sink.write(bytes)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            taken => bytes = &bytes[taken..],
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (_client, mut server) = tokio::io::duplex(64);
        let error = write_in_time(&mut server, &[0; 65], &TcpLimits::default()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
