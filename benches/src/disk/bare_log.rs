//! What a log costs that has nothing behind it.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::Context as _;
use tokio::sync::oneshot;

/// Bytes of a frame's header, as many as a node's log has.
const HEADER_BYTES: usize = 40;

/// Appends frames to one file: length, sequence and checksums, then the payload.
#[derive(Debug)]
pub(crate) struct BareFile {
    file: File,
    sequence: u64,
    buffer: Vec<u8>,
}

impl BareFile {
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create_new(path).with_context(|| format!("create {}", path.display()))?;
        Ok(Self { file, sequence: 0, buffer: Vec::new() })
    }

    /// Appends a frame for each payload with one write, and makes them durable with one fdatasync.
    pub(crate) fn append<'a>(&mut self, payloads: impl IntoIterator<Item = &'a [u8]>) -> io::Result<()> {
        self.buffer.clear();
        for payload in payloads {
            self.sequence += 1;
            let mut header = [0; HEADER_BYTES];
            header[..8].copy_from_slice(&(payload.len() as u64).to_le_bytes());
            header[8..16].copy_from_slice(&self.sequence.to_le_bytes());
            let checked = crc32c::crc32c(&header[..HEADER_BYTES - 4]);
            header[HEADER_BYTES - 4..].copy_from_slice(&checked.to_le_bytes());
            self.buffer.extend_from_slice(&header);
            self.buffer.extend_from_slice(payload);
            self.buffer.extend_from_slice(&crc32c::crc32c(payload).to_le_bytes());
        }
        self.file.write_all(&self.buffer)?;
        self.file.sync_data()
    }
}

/// The same with a group commit: what gathers while the disk is busy is written together. Whoever appended is answered after the
/// fdatasync, by a channel as a store's callers are.
#[derive(Debug)]
pub(crate) struct BareLog {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<io::Result<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    came: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<(Vec<u8>, oneshot::Sender<()>)>,
    closed: bool,
}

impl BareLog {
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let mut file = BareFile::create(path)?;
        let shared = Arc::<Shared>::default();
        let writing = Arc::clone(&shared);
        let writer = std::thread::Builder::new().name("bare log".into()).spawn(move || writing.write(&mut file))?;
        Ok(Self { shared, writer: Some(writer) })
    }

    /// Ends when the payload is durable.
    ///
    /// # Errors
    /// If the disk failed.
    pub(crate) async fn append(&self, payload: Vec<u8>) -> anyhow::Result<()> {
        let (done, durable) = oneshot::channel();
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner).waiting.push((payload, done));
        self.shared.came.notify_one();
        durable.await.context("the bare log's writer has ended")
    }

    /// Waits for the writer.
    ///
    /// # Errors
    /// What the disk said.
    pub(crate) fn close(mut self) -> anyhow::Result<()> {
        self.end();
        match self.writer.take().map(JoinHandle::join) {
            Some(Ok(written)) => written.context("write the bare log"),
            Some(Err(_)) => anyhow::bail!("the bare log's writer panicked"),
            None => Ok(()),
        }
    }

    fn end(&self) {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.shared.came.notify_one();
    }
}

impl Drop for BareLog {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn write(&self, file: &mut BareFile) -> io::Result<()> {
        while let Some(group) = self.take() {
            file.append(group.iter().map(|(payload, _)| payload.as_slice()))?;
            for (_, done) in group {
                // Whoever asked may have gone away.
                let _ = done.send(());
            }
        }
        Ok(())
    }

    /// All that waits; `None` at the end.
    fn take(&self) -> Option<Vec<(Vec<u8>, oneshot::Sender<()>)>> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let mut queue = self
            .came
            .wait_while(queue, |queue| queue.waiting.is_empty() && !queue.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let group = std::mem::take(&mut queue.waiting);
        (!group.is_empty()).then_some(group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_answered_is_in_the_file_and_frames_are_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let log = Arc::new(BareLog::create(&path).unwrap());
        let appends: Vec<_> = (0..50u8)
            .map(|at| {
                let log = Arc::clone(&log);
                tokio::spawn(async move { log.append(vec![at; 100]).await })
            })
            .collect();
        for append in appends {
            append.await.unwrap().unwrap();
        }
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 50 * (HEADER_BYTES + 100 + 4));
        for (at, frame) in bytes.chunks(HEADER_BYTES + 104).enumerate() {
            assert_eq!(frame[8..16], (at as u64 + 1).to_le_bytes());
            let payload = &frame[HEADER_BYTES..HEADER_BYTES + 100];
            assert_eq!(frame[HEADER_BYTES + 100..], crc32c::crc32c(payload).to_le_bytes());
        }
        Arc::into_inner(log).unwrap().close().unwrap();
    }

    #[test]
    fn an_existing_file_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, "kept").unwrap();
        assert!(BareFile::create(&path).is_err());
    }
}
