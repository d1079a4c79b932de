//! One connection.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

use sutra_protocol::tcp::{Incoming, encode_error, frame};
use sutra_protocol::{ApiError, ErrorCode};

use super::answer;
use super::limits::TcpLimits;
use super::reader::{self, Frame, Payload};
use super::writer::{self, Backlog, Held, Outgoing, Sink};
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
    let (source, sink) = stream.into_split();
    let (channel, mut outgoing) = mpsc::channel(shared.limits.in_flight);
    let replies = Replies { channel, backlog: Arc::default(), sink: Arc::new(Mutex::new(Sink::new(sink))) };
    let broken = CancellationToken::new();
    let writing = {
        let (backlog, sink) = (replies.backlog.clone(), replies.sink.clone());
        let (limits, broken) = (shared.limits.clone(), broken.clone().drop_guard());
        tokio::spawn(async move {
            let written = writer::write(&sink, &mut outgoing, &backlog, &limits).await;
            drop(broken);
            written.map(|()| sink)
        })
    };
    let mut connection = Connection::new(shared, replies);
    let mut source = BufReader::new(source);
    let end = tokio::select! {
        end = connection.read(&mut source) => end,
        () = broken.cancelled() => Ok(End::Quiet),
    };
    let limits = connection.finish().await;
    let sink = writing.await.map_err(io::Error::other)??;
    // Nobody is left who has it.
    let Some(sink) = Arc::into_inner(sink).map(|sink| sink.into_inner().into_socket()) else { return Ok(()) };
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

/// A reply in the making.
type Answer = BoxFuture<'static, Vec<u8>>;

struct Connection {
    shared: Shared,
    /// A permit for each request whose reply the client has not taken.
    slots: Arc<Semaphore>,
    ordered: mpsc::Sender<(Answer, Held)>,
    /// How many of those are not answered yet.
    in_order: Arc<AtomicUsize>,
    tasks: TaskTracker,
    replies: Replies,
}

#[derive(Clone)]
struct Replies {
    channel: mpsc::Sender<Outgoing>,
    backlog: Arc<Backlog>,
    sink: Arc<Mutex<Sink<OwnedWriteHalf>>>,
}

impl Connection {
    fn new(shared: Shared, replies: Replies) -> Self {
        let tasks = TaskTracker::new();
        let (ordered, mut lane) = mpsc::channel::<(Answer, Held)>(shared.limits.in_flight);
        let in_order = Arc::new(AtomicUsize::new(0));
        let (waiting, sending) = (in_order.clone(), replies.clone());
        tasks.spawn(async move {
            while let Some((answer, held)) = lane.recv().await {
                sending.send(answer.await, held).await;
                waiting.fetch_sub(1, Ordering::Release);
            }
        });
        Self { slots: Arc::new(Semaphore::new(shared.limits.in_flight)), shared, ordered, in_order, tasks, replies }
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
        let in_order = incoming.id.is_none();
        let mut answer = answer::answer(self.shared.service.clone(), self.shared.metrics.clone(), incoming).boxed();
        // Most reads are done before a task for them would have begun. Without an id, not before those that came earlier.
        if (!in_order || self.in_order.load(Ordering::Acquire) == 0)
            && let Some(payload) = poll_fn(|context| Poll::Ready(at_once(answer.poll_unpin(context)))).await
        {
            return self.replies.send(payload, held).await;
        }
        if in_order {
            return self.follow(answer, held).await;
        }
        let replies = self.replies.clone();
        self.tasks.spawn(async move { replies.send(answer.await, held).await });
    }

    /// Has a request answered after those that came before it.
    async fn follow(&self, answer: Answer, held: Held) {
        self.in_order.fetch_add(1, Ordering::Relaxed);
        // The lane has room for as many as there are slots. A request that was begun must not be given up while it waits for a turn.
        if let Err(TrySendError::Full(item)) = self.ordered.try_send((answer, held)) {
            let _ = self.ordered.send(item).await;
        }
    }

    async fn refuse(&self, error: ApiError, slot: OwnedSemaphorePermit) {
        debug_assert!(error.code != ErrorCode::Internal, "a refusal is the client's doing");
        let incoming = Incoming { id: None, request: Err(error) };
        let answer = answer::answer(self.shared.service.clone(), self.shared.metrics.clone(), incoming).boxed();
        self.follow(answer, Held { _slot: slot, _memory: None }).await;
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
        let framed = [&frame::header(payload.len())[..], &payload].concat();
        writer::send(framed, held, &self.sink, &self.backlog, &self.channel).await;
    }
}

fn at_once<T>(polled: Poll<T>) -> Option<T> {
    match polled {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}
