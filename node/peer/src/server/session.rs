//! One connection's requests and replies.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::handler::{Answer, Handler, Refusal, Request};
use crate::class::Class;
use crate::frame::{Frame, FrameError, Header, Kind, PAYLOAD_BYTES};
use crate::frame_reader::FrameReader;
use crate::frame_writer;
use crate::handshake::acceptor::{Admitted, Door};
use crate::limits::Limits;
use crate::outbox::{Outbox, Outgoing};
use crate::stats::{PeerStats, Received};

/// A connection that was let in.
pub(super) struct Session {
    pub(super) peer: SocketAddr,
    pub(super) admitted: Admitted,
    /// Tells when those who are let in are others than this one.
    pub(super) changes: watch::Receiver<Arc<Door>>,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) limits: Limits,
    pub(super) stats: Arc<PeerStats>,
}

/// Why no more requests are read.
enum End {
    /// The peer has gone, or what it sends makes no sense.
    Gone,
    /// The node is another one now: what was begun is finished.
    Changed,
    /// The node stops.
    Stopped,
}

/// Serves a connection until it ends, or `stop`.
pub(super) async fn run(mut session: Session, stream: TcpStream, stop: CancellationToken) {
    let (source, mut sink) = stream.into_split();
    let received = Arc::new(Received::new(session.stats.clone()));
    let mut reader = FrameReader::new(source, session.limits.stall, received);
    let requests = Requests::new(&session);
    // Whatever ends this function drops the futures of requests that nobody waits for any more.
    let _abandon = requests.abandon.clone().drop_guard();
    let writing = {
        let (outbox, stats, stall) = (requests.outbox.clone(), session.stats.clone(), session.limits.stall);
        async move { (frame_writer::write(&mut sink, &outbox, stall, &stats).await, sink) }
    };
    tokio::pin!(writing);
    let end = tokio::select! {
        biased;
        () = stop.cancelled() => End::Stopped,
        // The sender lives as long as the server.
        _ = session.changes.changed() => End::Changed,
        (written, _) = &mut writing => {
            debug!(peer = %session.peer, node = %session.admitted.node, error = ?written.err(), "writing to a peer failed");
            return;
        }
        read = requests.read(&mut reader) => {
            if let Err(reason) = read {
                warn!(peer = %session.peer, node = %session.admitted.node, class = %session.admitted.class, %reason,
                    "closed the connection of a peer");
            }
            End::Gone
        }
    };
    let finish = async {
        tokio::select! {
            () = requests.finish() => {}
            // It can only have failed: what would end it well comes with the line above.
            _ = &mut writing => return,
        }
        let (written, sink) = (&mut writing).await;
        if written.is_ok() {
            close(reader.into_source(), sink).await;
        }
    };
    match end {
        End::Gone => {}
        End::Changed => tokio::select! {
            () = finish => {}
            () = async { stop.cancelled().await; tokio::time::sleep(session.limits.farewell).await } => {}
        },
        // What is cut short here nobody waits for any more.
        End::Stopped => drop(timeout(session.limits.farewell, finish).await),
    }
}

/// Ends our side and throws away what the peer still sends, until it ends its own: closing a socket with unread bytes resets it, and
/// the peer would lose replies that it has not read yet.
async fn close(mut source: OwnedReadHalf, mut sink: OwnedWriteHalf) {
    let _ = sink.shutdown().await;
    let mut scrap = [0; 4 << 10];
    while matches!(source.read(&mut scrap).await, Ok(1..)) {}
}

/// The requests in flight.
struct Requests {
    from: Arc<str>,
    class: Class,
    handler: Arc<dyn Handler>,
    stats: Arc<PeerStats>,
    outbox: Arc<Outbox>,
    /// A permit for each request whose reply is not written.
    slots: Arc<Semaphore>,
    tasks: TaskTracker,
    abandon: CancellationToken,
}

impl Requests {
    fn new(session: &Session) -> Self {
        Self {
            from: session.admitted.node.clone(),
            class: session.admitted.class,
            handler: session.handler.clone(),
            stats: session.stats.clone(),
            outbox: Arc::default(),
            slots: Arc::new(Semaphore::new(session.limits.in_flight)),
            tasks: TaskTracker::new(),
            abandon: CancellationToken::new(),
        }
    }

    /// Reads and starts requests until there are no more.
    async fn read(&self, reader: &mut FrameReader<OwnedReadHalf>) -> Result<(), FrameError> {
        loop {
            let Ok(slot) = self.slots.clone().acquire_owned().await else { return Ok(()) };
            match reader.next().await {
                Ok(Some(Frame { header: header @ Header { kind: Kind::Request, .. }, payload })) => {
                    self.start(header, payload, slot)
                }
                Ok(Some(_)) => return Err(FrameError::Direction),
                // A peer that was killed or gave the connection up.
                Ok(None) | Err(FrameError::Io(_)) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn start(&self, header: Header, payload: Bytes, slot: OwnedSemaphorePermit) {
        let in_flight = self.stats.begin();
        let request =
            Request { from: self.from.clone(), class: self.class, service: header.service, group: header.group, payload };
        let answer = catch_unwind(AssertUnwindSafe(|| self.handler.handle(request)));
        let (outbox, stats, abandon) = (self.outbox.clone(), self.stats.clone(), self.abandon.clone());
        self.tasks.spawn(async move {
            let answer = tokio::select! {
                biased;
                answer = finish(answer.ok()) => answer,
                () = abandon.cancelled() => return,
            };
            drop(in_flight);
            let (kind, payload) = match answer {
                Ok(reply) => (Kind::Reply, reply),
                Err(refusal) => {
                    stats.failed();
                    (Kind::Refusal, text(&refusal))
                }
            };
            outbox.push(Outgoing { header: Header { kind, ..header }, payload, _slot: Some(slot) });
        });
    }

    /// Waits until everything that was started is answered; the writer ends after the last reply.
    async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.outbox.finish();
    }
}

/// Awaits an answer; `None` stands for a panic before there was one.
async fn finish(answer: Option<Answer>) -> Result<Bytes, Refusal> {
    let answer = match answer {
        Some(answer) => AssertUnwindSafe(answer).catch_unwind().await.ok(),
        None => None,
    };
    // The panic hook has told what happened.
    let reply = answer.unwrap_or_else(|| Err(Refusal::new("the handler of the request panicked")))?;
    if reply.len() > PAYLOAD_BYTES {
        return Err(Refusal::new(format!("the reply has {} bytes; a frame holds {PAYLOAD_BYTES}", reply.len())));
    }
    Ok(reply)
}

fn text(refusal: &Refusal) -> Bytes {
    let reason = refusal.reason();
    Bytes::copy_from_slice(&reason.as_bytes()[..reason.floor_char_boundary(PAYLOAD_BYTES)])
}
