//! Replies to a socket.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout_at};

use super::limits::TcpLimits;

/// Small replies are written together up to about this many bytes.
const TOGETHER: usize = 64 << 10;

/// A reply on its way, with what its request holds until the client has taken it.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// Empty if its end is the sink's rest.
    framed: Vec<u8>,
    /// How much of it is in the backlog.
    waiting: usize,
    held: Held,
}

/// Where replies go.
#[derive(Debug)]
pub(super) struct Sink<W> {
    socket: W,
    /// The end of a reply that the client did not take at once; it comes before all else.
    rest: Vec<u8>,
    /// A reply is being written, or was and its end is lost: nothing can follow.
    is_within: bool,
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
    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    fn is_empty(&self) -> bool {
        self.bytes.load(Ordering::Acquire) == 0
    }

    fn remove(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.written.notify_one();
    }

    /// Ends when at most `bound` bytes wait. There is one waiter, the connection's reader.
    pub(super) async fn below(&self, bound: usize) {
        while self.bytes.load(Ordering::Relaxed) > bound {
            self.written.notified().await;
        }
    }
}

impl<W> Sink<W> {
    pub(super) fn new(socket: W) -> Self {
        Self { socket, rest: Vec::new(), is_within: false }
    }

    pub(super) fn into_socket(self) -> W {
        self.socket
    }
}

/// Sends a framed reply: to the socket itself if nothing waits before it, which saves a change of tasks, else, or what the socket does
/// not take, to the task that writes.
pub(super) async fn send(
    framed: Vec<u8>,
    held: Held,
    sink: &Mutex<Sink<OwnedWriteHalf>>,
    backlog: &Backlog,
    replies: &mpsc::Sender<Outgoing>,
) {
    let outgoing = match at_once(&framed, sink, backlog) {
        Some(0) => return,
        Some(waiting) => Outgoing { framed: Vec::new(), waiting, held },
        None => {
            backlog.add(framed.len());
            Outgoing { waiting: framed.len(), framed, held }
        }
    };
    // Once the client is gone nobody takes replies any more.
    let _ = replies.send(outgoing).await;
}

/// Writes what the socket takes now, and tells how much is left for the task that writes; `None`: it is not this reply's turn.
fn at_once(framed: &[u8], sink: &Mutex<Sink<OwnedWriteHalf>>, backlog: &Backlog) -> Option<usize> {
    let mut sink = sink.try_lock().ok().filter(|sink| backlog.is_empty() && sink.rest.is_empty() && !sink.is_within)?;
    // An error is the writing task's to meet.
    let taken = sink.socket.try_write(framed).ok()?;
    let rest = framed.get(taken..).unwrap_or_default();
    sink.rest.extend_from_slice(rest);
    backlog.add(rest.len());
    Some(rest.len())
}

/// Writes replies until their channel ends.
///
/// # Errors
/// Those of the socket; [`io::ErrorKind::TimedOut`] if the client does not take them in time.
pub(super) async fn write<W: AsyncWrite + Unpin>(
    sink: &Mutex<Sink<W>>,
    replies: &mut mpsc::Receiver<Outgoing>,
    backlog: &Backlog,
    limits: &TcpLimits,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    let mut held = Vec::new();
    while let Some(reply) = replies.recv().await {
        let mut next = Some(reply);
        while let Some(reply) = next {
            buffer.extend_from_slice(&reply.framed);
            held.push((reply.waiting, reply.held));
            next = if buffer.len() < TOGETHER { replies.try_recv().ok() } else { None };
        }
        let mut sink = sink.lock().await;
        if !sink.rest.is_empty() {
            let rest = std::mem::take(&mut sink.rest);
            buffer.splice(0..0, rest);
        }
        sink.is_within = true;
        let written = write_in_time(&mut sink.socket, &buffer, limits).await;
        sink.is_within = written.is_err();
        for (bytes, _) in held.drain(..) {
            backlog.remove(bytes);
        }
        drop(sink);
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
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::io::AsyncReadExt as _;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn nothing_follows_a_reply_that_was_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (_source, socket) = listener.accept().await.unwrap().0.into_split();
        let (sink, backlog) = (Mutex::new(Sink::new(socket)), Backlog::default());
        let (replies, mut outgoing) = mpsc::channel(8);
        let slots = Arc::new(Semaphore::new(8));
        let held = || Held { _slot: slots.clone().try_acquire_owned().unwrap(), _memory: None };
        send(vec![1; 40 << 20], held(), &sink, &backlog, &replies).await;
        let impatient = TcpLimits { stall_timeout: Duration::from_millis(50), ..TcpLimits::default() };
        let error = write(&sink, &mut outgoing, &backlog, &impatient).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        // The client reads on, too late, and another request is done.
        let mut received = vec![0; 1 << 20];
        client.read_exact(&mut received).await.unwrap();
        // Else nothing could be written anyway.
        sink.lock().await.socket.writable().await.unwrap();
        send(vec![2; 100], held(), &sink, &backlog, &replies).await;
        drop(sink);
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        assert!(rest.iter().all(|byte| *byte == 1), "another reply is in the midst of the first");
    }

    #[tokio::test]
    async fn a_reply_that_the_client_takes_in_parts_comes_whole_and_before_the_next() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (_source, socket) = listener.accept().await.unwrap().0.into_split();
        let (sink, backlog) = (Arc::new(Mutex::new(Sink::new(socket))), Arc::new(Backlog::default()));
        let (replies, mut outgoing) = mpsc::channel(8);
        let slots = Arc::new(Semaphore::new(8));
        // Far more than a socket holds.
        let frames: Vec<Vec<u8>> =
            [(1, 100), (2, 40 << 20), (3, 100), (4, 9 << 20), (5, 100)].map(|(byte, size)| vec![byte; size]).into();
        let writing = {
            let (sink, backlog) = (sink.clone(), backlog.clone());
            tokio::spawn(async move { write(&sink, &mut outgoing, &backlog, &TcpLimits::default()).await })
        };
        for frame in &frames {
            let held = Held { _slot: slots.clone().try_acquire_owned().unwrap(), _memory: None };
            send(frame.clone(), held, &sink, &backlog, &replies).await;
        }
        let mut received = vec![0; frames.iter().map(Vec::len).sum()];
        client.read_exact(&mut received).await.unwrap();
        assert!(received == frames.concat(), "every byte in its order");
        drop(replies);
        writing.await.unwrap().unwrap();
        assert!(backlog.is_empty());
        assert_eq!(slots.available_permits(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (_client, mut server) = tokio::io::duplex(64);
        let error = write_in_time(&mut server, &[0; 65], &TcpLimits::default()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
