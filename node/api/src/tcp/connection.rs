//! One connection.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

use sutra_protocol::tcp::{Incoming, encode_error, frame};
use sutra_protocol::{ApiError, ErrorCode};

use super::answer;
use super::limits::TcpLimits;
use super::reader::{self, Frame, Payload};
use super::writer::{self, Backlog, Held, Outgoing};
use crate::metrics::Metrics;
use crate::service::Service;

/// Payloads above this many bytes are decoded on a blocking thread: a millisecond or more of work.
const DECODE_INLINE: usize = 256 << 10;

/// What all connections share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) service: Service,
    pub(super) metrics: Metrics,
    pub(super) limits: TcpLimits,
    /// Shares of [`TcpLimits::SMALL_FRAME`] bytes each.
    pub(super) memory: Arc<Semaphore>,
    pub(super) shutdown: CancellationToken,
}

/// Why nothing more is read.
enum End {
    /// The client ended, the node shuts down, or the client was silent for long.
    Quiet,
    /// What the client still sends makes no sense.
    Lost,
}

/// Serves the requests of one connection. Those without an id are answered one after the other, so that each sees what the one
/// before it did; those with one run side by side and are answered as they finish.
pub(super) async fn serve(stream: TcpStream, shared: Shared) -> io::Result<()> {
    // Replies are written whole; waiting to fill a segment would only delay the last one.
    let _ = stream.set_nodelay(true);
    let (source, mut sink) = stream.into_split();
    let (replies, mut outgoing) = mpsc::channel(shared.limits.in_flight);
    let backlog = Arc::new(Backlog::default());
    let broken = CancellationToken::new();
    let writing = {
        let (backlog, limits, broken) = (backlog.clone(), shared.limits.clone(), broken.clone().drop_guard());
        tokio::spawn(async move {
            let written = writer::write(&mut sink, &mut outgoing, &backlog, &limits).await;
            drop(broken);
            written.map(|()| sink)
        })
    };
    let mut connection = Connection::new(shared, replies, backlog);
    let mut source = BufReader::new(source);
    let end = tokio::select! {
        end = connection.read(&mut source) => end,
        () = broken.cancelled() => Ok(End::Quiet),
    };
    let limits = connection.finish().await;
    let sink = writing.await.map_err(io::Error::other)??;
    match end? {
        End::Quiet => close(source.into_inner(), sink).await,
        End::Lost => linger(source, sink, &limits).await,
    }
    Ok(())
}

/// Tells a client that it is one too many.
pub(super) async fn refuse(stream: TcpStream, error: &ApiError, limits: &TcpLimits) {
    let (source, mut sink) = stream.into_split();
    let payload = encode_error(error, None);
    let framed = [&frame::header(payload.len())[..], &payload].concat();
    if writer::write_in_time(&mut sink, &framed, limits).await.is_ok() {
        linger(BufReader::new(source), sink, limits).await;
    }
}

/// Ends our side. What the client has sent and we have not read is thrown away first: closing a socket with unread bytes resets
/// it, and the client would lose replies that it has not read yet.
async fn close(source: OwnedReadHalf, mut sink: OwnedWriteHalf) {
    let _ = sink.shutdown().await;
    let mut scrap = [0; 16 << 10];
    while matches!(source.try_read(&mut scrap), Ok(1..)) {}
}

/// Ends our side and throws away what the client still sends, for a while: it would never read the reply that says what was
/// wrong if its own sending failed first.
async fn linger(mut source: BufReader<OwnedReadHalf>, mut sink: OwnedWriteHalf, limits: &TcpLimits) {
    let drain = async {
        sink.shutdown().await?;
        let mut scrap = [0; 16 << 10];
        while source.read(&mut scrap).await? > 0 {}
        io::Result::Ok(())
    };
    // Whether the client closed in time, or at all, makes no difference any more.
    let _ = timeout(limits.linger, drain).await;
}

struct Connection {
    shared: Shared,
    /// A permit for each request whose reply the client has not taken.
    slots: Arc<Semaphore>,
    ordered: mpsc::Sender<(Incoming, Held)>,
    tasks: TaskTracker,
    replies: Replies,
}

#[derive(Clone)]
struct Replies {
    channel: mpsc::Sender<Outgoing>,
    backlog: Arc<Backlog>,
}

impl Connection {
    fn new(shared: Shared, channel: mpsc::Sender<Outgoing>, backlog: Arc<Backlog>) -> Self {
        let replies = Replies { channel, backlog };
        let tasks = TaskTracker::new();
        let (ordered, mut lane) = mpsc::channel::<(Incoming, Held)>(shared.limits.in_flight);
        let (service, metrics, sending) = (shared.service.clone(), shared.metrics.clone(), replies.clone());
        tasks.spawn(async move {
            while let Some((incoming, held)) = lane.recv().await {
                let payload = answer::answer(&service, &metrics, incoming).await;
                sending.send(payload, held).await;
            }
        });
        Self { slots: Arc::new(Semaphore::new(shared.limits.in_flight)), shared, ordered, tasks, replies }
    }

    /// Reads and starts requests until there are no more.
    async fn read(&mut self, source: &mut BufReader<OwnedReadHalf>) -> io::Result<End> {
        let shutdown = self.shared.shutdown.clone();
        let mut shutdown = pin!(shutdown.cancelled());
        loop {
            let slot = tokio::select! {
                // A client that never stops sending must not keep the node from ending.
                biased;
                () = &mut shutdown => return Ok(End::Quiet),
                slot = self.turn() => slot,
            };
            let Some(slot) = slot else { return Ok(End::Quiet) };
            let first = tokio::select! {
                biased;
                () = &mut shutdown => return Ok(End::Quiet),
                first = reader::wait(source) => first?,
                () = self.silence() => {
                    debug!("connection closed after a long silence");
                    return Ok(End::Quiet);
                }
            };
            let Some(first) = first else { return Ok(End::Quiet) };
            let frame = tokio::select! {
                biased;
                () = &mut shutdown => return Ok(End::Quiet),
                frame = reader::rest(source, first, &self.shared.limits, &self.shared.memory) => frame?,
            };
            match frame {
                Frame::End => return Ok(End::Quiet),
                Frame::Payload(payload) => self.start(payload, slot).await,
                Frame::Refused(error) => self.refuse(error, slot).await,
                Frame::Oversize { error, length } => {
                    self.refuse(error, slot).await;
                    let discarded = tokio::select! {
                        biased;
                        () = &mut shutdown => return Ok(End::Quiet),
                        discarded = reader::discard(source, length, &self.shared.limits) => discarded?,
                    };
                    if !discarded {
                        return Ok(End::Lost);
                    }
                }
                Frame::Lost(error) => {
                    self.refuse(error, slot).await;
                    return Ok(End::Lost);
                }
            }
        }
    }

    /// Waits until the client has taken enough of its replies for one more request.
    async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        self.replies.backlog.below(self.shared.limits.backlog_bytes).await;
        self.slots.clone().acquire_owned().await.ok()
    }

    /// Ends when the client has neither sent nor been owed anything for the idle time.
    async fn silence(&self) {
        loop {
            tokio::time::sleep(self.shared.limits.idle_timeout).await;
            // One is held for the next request.
            if self.slots.available_permits() + 1 >= self.shared.limits.in_flight {
                return;
            }
        }
    }

    async fn start(&self, payload: Payload, slot: OwnedSemaphorePermit) {
        let Payload { bytes, memory } = payload;
        let held = Held { _slot: slot, _memory: memory };
        let incoming = if bytes.len() <= DECODE_INLINE {
            Incoming::decode(&bytes)
        } else {
            match tokio::task::spawn_blocking(move || Incoming::decode(&bytes)).await {
                Ok(incoming) => incoming,
                Err(_) => Incoming { id: None, request: Err(answer::internal()) },
            }
        };
        if incoming.id.is_none() {
            // The lane has room for as many as there are slots.
            let _ = self.ordered.send((incoming, held)).await;
            return;
        }
        let (service, metrics, replies) = (self.shared.service.clone(), self.shared.metrics.clone(), self.replies.clone());
        self.tasks.spawn(async move {
            let payload = answer::answer(&service, &metrics, incoming).await;
            replies.send(payload, held).await;
        });
    }

    async fn refuse(&self, error: ApiError, slot: OwnedSemaphorePermit) {
        debug_assert!(error.code != ErrorCode::Internal, "a refusal is the client's doing");
        let _ = self.ordered.send((Incoming { id: None, request: Err(error) }, Held { _slot: slot, _memory: None })).await;
    }

    /// Waits until everything started is answered; the writer ends after its last reply.
    async fn finish(self) -> TcpLimits {
        drop(self.ordered);
        self.tasks.close();
        self.tasks.wait().await;
        self.shared.limits
    }
}

impl Replies {
    async fn send(&self, payload: Vec<u8>, held: Held) {
        self.backlog.add(payload.len());
        // The writer is gone only when the client is.
        let _ = self.channel.send(Outgoing { payload, held }).await;
    }
}
