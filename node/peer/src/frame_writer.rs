//! What is queued, many frames a write.

use std::io::{self, IoSlice};
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::frame::Head;
use crate::outbox::Outbox;
use crate::stats::PeerStats;

/// Writes what is put into the outbox, until it is finished. A peer that takes nothing for `stall` is given up.
pub(crate) async fn write(
    sink: &mut (impl AsyncWrite + Unpin),
    outbox: &Outbox,
    stall: Duration,
    stats: &PeerStats,
) -> io::Result<()> {
    let mut batch = Vec::new();
    while outbox.take(&mut batch).await {
        let heads: Vec<Head> = batch.iter().map(|frame| frame.header.head(frame.payload.len())).collect();
        let mut parts: Vec<IoSlice<'_>> = Vec::with_capacity(2 * batch.len());
        for (head, frame) in heads.iter().zip(&batch) {
            parts.push(IoSlice::new(head));
            if !frame.payload.is_empty() {
                parts.push(IoSlice::new(&frame.payload));
            }
        }
        let mut rest = &mut parts[..];
        while !rest.is_empty() {
            let written = timeout(stall, sink.write_vectored(rest)).await.map_err(|_| io::ErrorKind::TimedOut)??;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            stats.sent(written);
            IoSlice::advance_slices(&mut rest, written);
        }
        drop(parts);
        batch.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::time::Duration;

    use bytes::Bytes;
    use tokio::io::duplex;

    use super::write;
    use crate::frame::{Header, Kind};
    use crate::frame_reader::FrameReader;
    use crate::outbox::{Outbox, Outgoing};
    use crate::stats::{PeerStats, Received};

    fn outbox(sizes: &[usize]) -> Outbox {
        let outbox = Outbox::default();
        for (id, size) in sizes.iter().enumerate() {
            let header = Header { kind: Kind::Reply, id: id as u64, service: 1, group: 2 };
            assert!(outbox.push(Outgoing { header, payload: Bytes::from(vec![id as u8; *size]), _slot: None }));
        }
        outbox.finish();
        outbox
    }

    #[tokio::test]
    async fn what_is_written_is_read_back_however_little_a_write_takes() {
        let sizes = [0, 1, 50_000, 0, 7, 2_000_000, 3];
        for room in [13, 100_000] {
            let outbox = outbox(&sizes);
            let (mut sink, source) = duplex(room);
            let writing = tokio::spawn(async move {
                write(&mut sink, &outbox, Duration::from_secs(60), &PeerStats::default()).await.unwrap();
            });
            let mut reader = FrameReader::new(source, Duration::from_secs(60), Arc::new(Received::new(Arc::default())));
            for (id, size) in sizes.iter().enumerate() {
                let frame = reader.next().await.unwrap().unwrap();
                assert_eq!((frame.header.id, frame.payload.len()), (id as u64, *size));
                assert!(frame.payload.iter().all(|byte| *byte == id as u8));
            }
            writing.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_given_up() {
        let (mut sink, _source) = duplex(10);
        let error = write(&mut sink, &outbox(&[100]), Duration::from_secs(10), &PeerStats::default()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
