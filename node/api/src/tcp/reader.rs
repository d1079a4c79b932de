//! Frames from a socket.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use sutra_protocol::limits::FRAME_BYTES;
use sutra_protocol::tcp::frame;
use sutra_protocol::{ApiError, ErrorCode};

use super::limits::TcpLimits;

/// Bytes read at once of a frame that is not kept.
const SCRAP: usize = 16 << 10;

/// What came from the socket.
#[derive(Debug)]
pub(super) enum Frame {
    /// A whole frame.
    Payload(Payload),
    /// A frame that is refused; the stream stands at the next one.
    Refused(ApiError),
    /// A frame above the bound; the stream stands at its first byte, and at the next frame once it is [discarded](discard).
    Oversize { error: ApiError, length: u32 },
    /// Something after which the stream makes no sense any more.
    Lost(ApiError),
    /// The client ended the stream between two frames.
    End,
}

/// The bytes of a frame and their share of the memory for frames.
#[derive(Debug)]
pub(super) struct Payload {
    pub(super) bytes: Vec<u8>,
    pub(super) memory: Option<OwnedSemaphorePermit>,
}

/// Waits for the first byte of a frame.
pub(super) async fn wait<R: AsyncRead + Unpin>(source: &mut R) -> io::Result<Option<u8>> {
    let mut first = [0];
    Ok((source.read(&mut first).await? == 1).then_some(first[0]))
}

/// Reads the rest of the frame that begins with `first`.
///
/// The buffer grows with what arrives: a frame of 16 MiB that is announced and not sent holds a few KiB. Above
/// [`TcpLimits::SMALL_FRAME`] each doubling takes its share of `memory`; if there is none, the rest of the frame is thrown away.
pub(super) async fn rest<R: AsyncRead + Unpin>(
    source: &mut R,
    first: u8,
    limits: &TcpLimits,
    memory: &Arc<Semaphore>,
) -> io::Result<Frame> {
    let mut header = [first, 0, 0, 0];
    match timeout(limits.stall_timeout, source.read_exact(&mut header[1..])).await {
        Err(_) => return Ok(Frame::Lost(stalled(limits.stall_timeout))),
        Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Frame::End),
        Ok(read) => read?,
    };
    let length = match frame::announced(header) {
        Ok(length) => length,
        Err(error) => return Ok(Frame::Oversize { error, length: u32::from_be_bytes(header) }),
    };
    let last = Instant::now() + limits.frame_timeout(length);
    let mut payload = Payload { bytes: Vec::new(), memory: None };
    let mut thrown_away = None;
    let mut at = 0;
    while at < length {
        let until = last.min(Instant::now() + limits.stall_timeout);
        let wanted = length - at;
        let read = if thrown_away.is_some() {
            let mut scrap = [0; SCRAP];
            timeout_at(until, source.read(&mut scrap[..wanted.min(SCRAP)])).await
        } else {
            if payload.bytes.len() == payload.bytes.capacity() && !payload.grow(length, memory) {
                payload = Payload { bytes: Vec::new(), memory: None };
                thrown_away = Some(overloaded(length, limits));
                continue;
            }
            let room = payload.bytes.capacity() - payload.bytes.len();
            timeout_at(until, (&mut *source).take(wanted.min(room) as u64).read_buf(&mut payload.bytes)).await
        };
        match read {
            Err(_) => return Ok(Frame::Lost(stalled(limits.stall_timeout))),
            Ok(read) => match read? {
                0 => return Ok(Frame::End),
                read => at += read,
            },
        }
    }
    Ok(thrown_away.map_or(Frame::Payload(payload), Frame::Refused))
}

/// Throws a frame of `length` bytes away as it arrives; false if it ends or stalls before. It may take as long as the largest
/// frame that is allowed.
pub(super) async fn discard<R: AsyncRead + Unpin>(source: &mut R, length: u32, limits: &TcpLimits) -> io::Result<bool> {
    let last = Instant::now() + limits.frame_timeout(FRAME_BYTES);
    let mut scrap = [0; SCRAP];
    let mut left = length as usize;
    while left > 0 {
        let until = last.min(Instant::now() + limits.stall_timeout);
        match timeout_at(until, source.read(&mut scrap[..left.min(SCRAP)])).await {
            Err(_) => return Ok(false),
            Ok(read) => match read? {
                0 => return Ok(false),
                read => left -= read,
            },
        }
    }
    Ok(true)
}

impl Payload {
    /// Makes room for more of `length` bytes in all; false if there is no memory for it.
    fn grow(&mut self, length: usize, memory: &Arc<Semaphore>) -> bool {
        let held = self.bytes.capacity();
        let wanted = length.min((2 * held).max(SCRAP));
        if wanted > TcpLimits::SMALL_FRAME {
            let shares =
                wanted.div_ceil(TcpLimits::SMALL_FRAME) - self.memory.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            match memory.clone().try_acquire_many_owned(shares as u32) {
                Err(_) => return false,
                Ok(more) => match &mut self.memory {
                    Some(held) => held.merge(more),
                    none => *none = Some(more),
                },
            }
        }
        self.bytes.reserve_exact(wanted - held);
        true
    }
}

fn stalled(patience: Duration) -> ApiError {
    let message = format!("a frame was begun and its next bytes did not come in time ({} s)", patience.as_secs_f64());
    ApiError::new(ErrorCode::DeadlineExceeded, message).with_details(serde_json::json!({"outcome": "none"}))
}

fn overloaded(length: usize, limits: &TcpLimits) -> ApiError {
    let message = format!("a frame of {length} bytes found the node's {} bytes for frames taken", limits.frame_memory);
    ApiError::new(ErrorCode::Overloaded, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_frame_above_the_bound_is_discarded_up_to_the_next_one() {
        let length = FRAME_BYTES + 1;
        let sent = [vec![7; length], framed(b"next")].concat();
        let mut source = sent.as_slice();
        assert!(discard(&mut source, length as u32, &TcpLimits::default()).await.unwrap());
        assert_eq!(source, framed(b"next"));
        assert!(!discard(&mut source, 100, &TcpLimits::default()).await.unwrap(), "it ends before");
        let (mut silent, _client) = tokio::io::duplex(64);
        assert!(!discard(&mut silent, u32::MAX, &TcpLimits::default()).await.unwrap(), "it stalls");
    }

    fn memory(shares: usize) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(shares))
    }

    fn framed(payload: &[u8]) -> Vec<u8> {
        [&frame::header(payload.len()), payload].concat()
    }

    async fn read(mut bytes: &[u8], memory: &Arc<Semaphore>) -> Frame {
        let first = wait(&mut bytes).await.unwrap().unwrap();
        rest(&mut bytes, first, &TcpLimits::default(), memory).await.unwrap()
    }

    #[tokio::test]
    async fn a_frame_is_read_whole_and_gives_its_memory_back() {
        let memory = memory(8);
        let sent = vec![7; 300_000];
        let Frame::Payload(payload) = read(&framed(&sent), &memory).await else { panic!("not a payload") };
        assert_eq!(payload.bytes, sent);
        assert_eq!(memory.available_permits(), 3);
        drop(payload);
        assert_eq!(memory.available_permits(), 8);
    }

    #[tokio::test]
    async fn without_memory_a_frame_is_thrown_away_and_the_next_one_read() {
        let memory = memory(1);
        let bytes = [framed(&vec![7; 300_000]), framed(&[1])].concat();
        let mut source = bytes.as_slice();
        let first = wait(&mut source).await.unwrap().unwrap();
        let refused = rest(&mut source, first, &TcpLimits::default(), &memory).await.unwrap();
        assert!(matches!(refused, Frame::Refused(error) if error.code == ErrorCode::Overloaded));
        assert!(matches!(read(source, &memory).await, Frame::Payload(payload) if payload.bytes == [1]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_announced_and_not_sent_holds_little_and_not_for_long() {
        let memory = memory(8);
        let (mut client, mut server) = tokio::io::duplex(64);
        tokio::io::AsyncWriteExt::write_all(&mut client, &[0x01, 0, 0, 0, 0x81]).await.unwrap();
        let first = wait(&mut server).await.unwrap().unwrap();
        let lost = rest(&mut server, first, &TcpLimits::default(), &memory).await.unwrap();
        assert!(matches!(lost, Frame::Lost(error) if error.code == ErrorCode::DeadlineExceeded));
        assert_eq!(memory.available_permits(), 8);
    }

    #[tokio::test]
    async fn a_length_of_four_gibibytes_is_refused_unread() {
        let Frame::Oversize { error, length } = read(&[0xff; 4], &memory(0)).await else { panic!("not refused") };
        assert_eq!((error.code, length), (ErrorCode::TooLarge, u32::MAX));
    }
}
