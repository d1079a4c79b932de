//! Calls under way, their replies, and when to give the connection up.

mod silence;
#[cfg(test)]
mod tests;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{debug, warn};

use self::silence::Silence;
use self::waiting::{Waiting, Woken};
use crate::frame::{Frame, FrameError, Header, Kind};
use crate::frame_reader::FrameReader;
use crate::frame_writer;
use crate::limits::Limits;
use crate::outbox::{Outbox, Outgoing};
use crate::stats::{PeerStats, Received};

/// Why a call has no reply from this connection.
#[derive(Debug)]
pub(crate) enum Missed {
    /// The connection had ended before: another one may do.
    Closed,
    /// The connection broke before the request was sent.
    Unsent(Arc<str>),
    /// There was not even time to send it.
    Unwritten,
    TimedOut,
    /// The connection broke after the request was sent, or while it was.
    Lost(Arc<str>),
    Refused(String),
}

/// What a request asks for.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) service: u16,
    pub(crate) group: u64,
    pub(crate) payload: Bytes,
    pub(crate) deadline: Instant,
}

/// A connection to a peer that has let this node in. It is closed when the last one who has it lets go.
pub(crate) struct Connection {
    shared: Arc<Shared>,
    next: AtomicU64,
    _close: DropGuard,
}

struct Shared {
    address: Arc<str>,
    waiting: Waiting,
    outbox: Outbox,
    received: Arc<Received>,
    silence: Silence,
    /// Cancelled when the connection is to end, or has.
    closing: CancellationToken,
}

impl Connection {
    /// Begins to write and read, in a task of its own.
    pub(crate) fn start(address: Arc<str>, stream: TcpStream, limits: &Limits, stats: Arc<PeerStats>) -> Self {
        let closing = CancellationToken::new();
        let shared = Arc::new(Shared {
            address,
            waiting: Waiting::default(),
            outbox: Outbox::default(),
            received: Arc::new(Received::new(stats.clone())),
            silence: Silence::default(),
            closing: closing.clone(),
        });
        tokio::spawn(run(shared.clone(), stream, limits.stall, stats));
        Self { shared, next: AtomicU64::new(0), _close: closing.drop_guard() }
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.shared.closing.is_cancelled()
    }

    /// Sends a request and waits for its answer. If the future is dropped nothing of it stays.
    pub(crate) async fn call(&self, call: Call) -> Result<Bytes, Missed> {
        let begun = Instant::now();
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let ticket = Ticket { shared: &self.shared, id };
        let Some(answer) = self.shared.waiting.enter(id) else { return Err(Missed::Closed) };
        let header = Header { kind: Kind::Request, id, service: call.service, group: call.group };
        if !self.shared.outbox.push(Outgoing { header, payload: call.payload, _slot: None }) {
            return Err(Missed::Closed);
        }
        match timeout_at(call.deadline, answer).await {
            Ok(Ok(Woken::Answered(Kind::Refusal, payload))) => {
                Err(Missed::Refused(String::from_utf8_lossy(&payload).into_owned()))
            }
            Ok(Ok(Woken::Answered(_, payload))) => Ok(payload),
            Ok(Ok(Woken::Unsent(reason))) => Err(Missed::Unsent(reason)),
            Ok(Ok(Woken::Lost(reason))) => Err(Missed::Lost(reason)),
            Ok(Err(_)) => Err(Missed::Lost("its task ended".into())),
            Err(_) => {
                if self.shared.silence.timed_out(begun, Instant::now(), self.shared.received.bytes()) {
                    self.shared.closing.cancel();
                }
                Err(if ticket.forget() { Missed::Unwritten } else { Missed::TimedOut })
            }
        }
    }
}

/// A call that waits. Dropping it forgets the call.
struct Ticket<'a> {
    shared: &'a Shared,
    id: u64,
}

impl Ticket<'_> {
    /// Whether the request was surely not sent.
    fn forget(&self) -> bool {
        // An answered call is neither waiting nor in the outbox.
        self.shared.waiting.leave(self.id) && self.shared.outbox.forget(self.id)
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.forget();
    }
}

async fn run(shared: Arc<Shared>, stream: TcpStream, stall: Duration, stats: Arc<PeerStats>) {
    let (source, mut sink) = stream.into_split();
    let mut reader = FrameReader::new(source, stall, shared.received.clone());
    // In no fixed order: a flood one way must not hold up the other.
    let reason = tokio::select! {
        () = shared.closing.cancelled() => "this node gave it up, as calls timed out in silence".to_owned(),
        read = read(&shared, &mut reader) => match read {
            Ok(()) => "the peer closed it".to_owned(),
            Err(FrameError::Io(error)) => error.to_string(),
            Err(reason) => {
                warn!(peer = %shared.address, %reason, "closed the connection to a peer");
                reason.to_string()
            }
        },
        written = frame_writer::write(&mut sink, &shared.outbox, stall, &stats) => match written {
            Ok(()) => "it was closed".to_owned(),
            Err(error) => error.to_string(),
        },
    };
    debug!(peer = %shared.address, reason, "the connection to a peer ended");
    shared.closing.cancel();
    // First the outbox: a call that finds it shut was surely not sent.
    let unsent = shared.outbox.shut();
    shared.waiting.end(&unsent, &reason.into());
}

async fn read(shared: &Shared, reader: &mut FrameReader<impl tokio::io::AsyncRead + Unpin>) -> Result<(), FrameError> {
    while let Some(Frame { header, payload }) = reader.next().await? {
        if header.kind == Kind::Request {
            return Err(FrameError::Direction);
        }
        shared.waiting.answer(header.id, Woken::Answered(header.kind, payload));
    }
    Ok(())
}
