//! Frames out of a stream, in bounded memory and time.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::timeout;

use crate::frame::{self, Frame, FrameError, HEADER_BYTES, Header, LENGTH_BYTES};
use crate::stats::Received;

/// Frames up to this many bytes, with their length, are read many at a time.
const BUFFER_BYTES: usize = 32 << 10;

/// Reads frames.
pub(crate) struct FrameReader<R> {
    source: R,
    /// What was read and not given out; it begins with the start of a frame.
    buffer: BytesMut,
    stall: Duration,
    received: Arc<Received>,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(crate) fn new(source: R, stall: Duration, received: Arc<Received>) -> Self {
        Self { source, buffer: BytesMut::new(), stall, received }
    }

    /// The next frame, or `None` after the last. Between frames it waits as long as it takes.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            if let Some(length) = frame::length(&self.buffer)?
                && let Some(header) = self.buffer[LENGTH_BYTES..].first_chunk::<HEADER_BYTES>()
            {
                let header = Header::decode(header)?;
                let end = LENGTH_BYTES + length;
                if end > BUFFER_BYTES {
                    return self.rest(header, length - HEADER_BYTES).await.map(Some);
                }
                if let Some(payload) = self.buffer.get(LENGTH_BYTES + HEADER_BYTES..end) {
                    // A copy, so that a handler that keeps a few bytes does not keep the buffer.
                    let payload = Bytes::copy_from_slice(payload);
                    self.buffer.advance(end);
                    return Ok(Some(Frame { header, payload }));
                }
            }
            if !self.fill().await? {
                return if self.buffer.is_empty() { Ok(None) } else { Err(FrameError::Cut) };
            }
        }
    }

    /// The stream. What was read and not given out is lost.
    pub(crate) fn into_source(self) -> R {
        self.source
    }

    /// The payload of a large frame, into memory of its own.
    async fn rest(&mut self, header: Header, length: usize) -> Result<Frame, FrameError> {
        self.buffer.advance(LENGTH_BYTES + HEADER_BYTES);
        let mut payload = BytesMut::with_capacity(length);
        let here = self.buffer.len().min(length);
        payload.extend_from_slice(&self.buffer[..here]);
        self.buffer.advance(here);
        while payload.len() < length {
            let room = length - payload.len();
            let mut room = (&mut payload).limit(room);
            let read = match timeout(self.stall, self.source.read_buf(&mut room)).await {
                Ok(read) => read.map_err(FrameError::Io)?,
                Err(_) => return Err(FrameError::Stalled),
            };
            if read == 0 {
                return Err(FrameError::Cut);
            }
            self.received.count(read);
        }
        Ok(Frame { header, payload: payload.freeze() })
    }

    /// Reads what there is; `false` at the end.
    async fn fill(&mut self) -> Result<bool, FrameError> {
        let begun = !self.buffer.is_empty();
        self.buffer.reserve(BUFFER_BYTES - self.buffer.len().min(BUFFER_BYTES - 1));
        let read = self.source.read_buf(&mut self.buffer);
        let read = if begun { timeout(self.stall, read).await.map_err(|_| FrameError::Stalled)? } else { read.await };
        let read = read.map_err(FrameError::Io)?;
        self.received.count(read);
        Ok(read > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use bytes::Bytes;
    use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};

    use super::{BUFFER_BYTES, FrameReader};
    use crate::frame::{FRAME_BYTES, Frame, FrameError, Header, Kind, PAYLOAD_BYTES};
    use crate::stats::Received;

    const STALL: Duration = Duration::from_secs(10);

    fn reader(room: usize) -> (DuplexStream, FrameReader<DuplexStream>) {
        let (writer, source) = duplex(room);
        (writer, FrameReader::new(source, STALL, Arc::new(Received::new(Arc::default()))))
    }

    fn frame(id: u64, payload: usize) -> (Frame, Vec<u8>) {
        let header = Header { kind: Kind::Request, id, service: 3, group: 4 };
        let payload: Vec<u8> = (0..payload).map(|at| at as u8).collect();
        let wire = [&header.head(payload.len())[..], &payload].concat();
        (Frame { header, payload: Bytes::from(payload) }, wire)
    }

    #[tokio::test]
    async fn frames_of_every_size_are_read_back_however_they_are_cut() {
        let sizes = [0, 1, 100, BUFFER_BYTES - 23, BUFFER_BYTES - 22, BUFFER_BYTES, 3 * BUFFER_BYTES, PAYLOAD_BYTES, 5, 0];
        for room in [7, 1 << 10, 1 << 20] {
            let sizes = sizes.into_iter().filter(|size| room > 7 || *size < PAYLOAD_BYTES);
            let frames: Vec<_> = sizes.enumerate().map(|(id, size)| frame(id as u64, size)).collect();
            let (mut writer, mut reader) = reader(room);
            let wire: Vec<u8> = frames.iter().flat_map(|(_, wire)| wire.clone()).collect();
            let writing = tokio::spawn(async move { writer.write_all(&wire).await.unwrap() });
            for (frame, _) in &frames {
                assert!(reader.next().await.unwrap().as_ref() == Some(frame));
            }
            assert_eq!(reader.next().await.unwrap(), None);
            writing.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_frame_out_of_bounds_is_refused_as_soon_as_its_length_is_there() {
        let (mut writer, mut reader) = reader(64);
        writer.write_all(&(FRAME_BYTES as u32 + 1).to_be_bytes()).await.unwrap();
        assert!(matches!(reader.next().await, Err(FrameError::Length { .. })));
        assert!(reader.buffer.capacity() <= 2 * BUFFER_BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn a_half_sent_frame_is_given_up_but_silence_between_frames_is_not() {
        for cut in [2, 10, 30, BUFFER_BYTES + 100] {
            let (mut writer, mut reader) = reader(1 << 20);
            let late = Duration::from_secs(3600);
            let (whole, wire) = frame(1, 2 * BUFFER_BYTES);
            let begun = tokio::time::Instant::now();
            let writing = tokio::spawn(async move {
                tokio::time::sleep(late).await;
                writer.write_all(&wire).await.unwrap();
                writer.write_all(&wire[..cut]).await.unwrap();
                writer
            });
            assert!(reader.next().await.unwrap() == Some(whole));
            assert!(matches!(reader.next().await, Err(FrameError::Stalled)));
            assert!(begun.elapsed() >= late + STALL && begun.elapsed() < late + 2 * STALL);
            writing.await.unwrap();
        }
    }

    #[tokio::test]
    async fn an_end_inside_a_frame_is_an_error() {
        for cut in [1, 22, 50, BUFFER_BYTES + 50] {
            let (mut writer, mut reader) = reader(1 << 20);
            writer.write_all(&frame(1, 2 * BUFFER_BYTES).1[..cut]).await.unwrap();
            drop(writer);
            assert!(matches!(reader.next().await, Err(FrameError::Cut)));
        }
    }
}
