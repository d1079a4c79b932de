//! A file that is sent: read and decompressed by a thread of its own, a few chunks ahead of the network.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::stream;
use reqwest::Body;
use tokio::sync::mpsc;

use super::{LineCount, zstd};

const CHUNK_BYTES: usize = 64 << 10;
const CHUNKS_AHEAD: usize = 8;

/// A file, or standard input, on its way.
pub(crate) struct Input {
    name: String,
    /// Size of the file as it lies on the disk; unknown for a pipe.
    size: Option<u64>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Bytes read, compressed as they are.
    read: AtomicU64,
    /// Lines handed over.
    lines: AtomicU64,
    /// Why reading ended early.
    failed: OnceLock<String>,
}

impl Input {
    /// Opens `path`, or standard input for `-`, and yields it as a request's body; whether it is compressed shows in its first
    /// bytes.
    pub(crate) fn open(path: &str) -> anyhow::Result<(Self, Body)> {
        if path == "-" {
            return Self::start("standard input".into(), None, Box::new(io::stdin()));
        }
        let file = File::open(path).with_context(|| format!("can't open {path}"))?;
        let metadata = file.metadata().with_context(|| format!("can't open {path}"))?;
        anyhow::ensure!(!metadata.is_dir(), "{path} is a directory");
        Self::start(path.into(), Some(metadata.len()).filter(|_| metadata.is_file()), Box::new(file))
    }

    fn start(name: String, size: Option<u64>, source: Box<dyn Read + Send>) -> anyhow::Result<(Self, Body)> {
        let state = Arc::new(State::default());
        let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
        let shared = Arc::clone(&state);
        std::thread::Builder::new().name("import".into()).spawn(move || {
            if let Err(error) = pump(source, &shared, &sender) {
                let _ = shared.failed.set(error.to_string());
                // The body must not seem to end here; whoever receives has gone if this fails.
                let _ = sender.blocking_send(Err(error));
            }
        })?;
        let chunks = stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
        Ok((Self { name, size, state }, Body::wrap_stream(chunks)))
    }

    /// Size in bytes, if known.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// Bytes read so far.
    pub(crate) fn read(&self) -> u64 {
        self.state.read.load(Ordering::Relaxed)
    }

    /// Lines handed over so far.
    pub(crate) fn lines(&self) -> u64 {
        self.state.lines.load(Ordering::Relaxed)
    }

    /// Fails if the file could not be read to its end.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        match self.state.failed.get() {
            None => Ok(()),
            Some(reason) if self.lines() == 0 => anyhow::bail!("can't read {}: {reason}", self.name),
            Some(reason) => anyhow::bail!(
                "can't read {} beyond its line {}: {reason}; the lines before may be stored, and importing them again does no harm",
                self.name,
                self.lines()
            ),
        }
    }
}

/// Reads `source` to its end, or until nobody receives any more.
fn pump(source: Box<dyn Read + Send>, state: &Arc<State>, sender: &mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
    let mut source = BufReader::with_capacity(CHUNK_BYTES, Counted { source, state: Arc::clone(state) });
    // A pipe may deliver the first bytes one by one, but a file of lines that begins like a frame is none.
    let compressed = source.fill_buf()?.starts_with(&zstd::MAGIC);
    let mut source: Box<dyn Read> = if compressed { Box::new(zstd::Frames::new(source)) } else { Box::new(source) };
    let mut lines = LineCount::default();
    loop {
        let mut chunk = vec![0; CHUNK_BYTES];
        let read = match source.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if read == 0 {
            return Ok(());
        }
        chunk.truncate(read);
        lines.push(&chunk);
        if sender.blocking_send(Ok(chunk.into())).is_err() {
            return Ok(());
        }
        state.lines.store(lines.total(), Ordering::Relaxed);
    }
}

struct Counted {
    source: Box<dyn Read + Send>,
    state: Arc<State>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.state.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pumped(file: Vec<u8>) -> (io::Result<()>, Vec<u8>, Arc<State>) {
        let state = Arc::new(State::default());
        let (sender, mut receiver) = mpsc::channel(1000);
        let result = pump(Box::new(io::Cursor::new(file)), &state, &sender);
        drop(sender);
        let mut content = Vec::new();
        while let Some(chunk) = receiver.blocking_recv() {
            content.extend_from_slice(&chunk.unwrap());
        }
        (result, content, state)
    }

    #[test]
    fn plain_and_compressed_files_are_told_apart_by_their_first_bytes() {
        let lines = b"{\"content\":\"aspirin\"}\n".repeat(10_000);
        let packed = ruzstd::encoding::compress_to_vec(&lines[..], ruzstd::encoding::CompressionLevel::Fastest);
        for file in [lines.clone(), packed] {
            let size = file.len() as u64;
            let (result, content, state) = pumped(file);
            assert!(result.is_ok() && content == lines);
            assert_eq!((state.read.load(Ordering::Relaxed), state.lines.load(Ordering::Relaxed)), (size, 10_000));
        }
    }

    #[test]
    fn a_file_that_ends_too_early_fails_after_what_could_be_read() {
        let lines = b"{\"content\":\"aspirin\"}\n".repeat(10_000);
        let mut packed = ruzstd::encoding::compress_to_vec(&lines[..], ruzstd::encoding::CompressionLevel::Fastest);
        packed.truncate(packed.len() - 2);
        assert!(pumped(packed).0.is_err());
    }
}
