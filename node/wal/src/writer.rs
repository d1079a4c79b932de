//! Appending to the last file, and beginning the next.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use sutra_disk::{Disk, DiskFile, Open};

use crate::error::{AppendError, WalError};
use crate::file;
use crate::frame::{self, ENTRY_HEAD_BYTES, FrameHeader, FrameKind};
use crate::record::{GroupId, Record};
use crate::replay::Tail;
use crate::start::FileStart;
use crate::stats::Counters;

/// A buffer that one huge entry has grown beyond this is given back.
const KEPT_BUFFER_BYTES: usize = 8 << 20;
/// Bytes behind a file's end by configuration that entries leave to other records: on a full disk, what is purged can still be
/// written, without which nothing could be freed.
const RESERVE_BYTES: u64 = 64 << 10;

/// Bytes that are written again at once.
const REWRITE_BYTES: u64 = 1 << 20;

/// The only writer of a log. It knows frames and files; what the records mean is the index's.
#[derive(Debug)]
pub(crate) struct Writer {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// A file is followed by the next before it grows beyond this.
    file_bytes: u64,
    preallocate: bool,
    counters: Arc<Counters>,
    last: LastFile,
    /// Of the last frame.
    sequence: u64,
    /// Frames that are to be written together.
    buffer: Vec<u8>,
    /// How many there are in `buffer`.
    buffered: u64,
}

/// The file that is written.
#[derive(Debug)]
struct LastFile {
    file: Box<dyn DiskFile>,
    sync: Arc<SyncHandle>,
    id: u64,
    /// Where the next frame goes; all before it are frames, and behind it are zeroes or nothing.
    offset: u64,
    /// Where its first record goes, if it began since the log was opened, else 0: a file that holds none is not followed by
    /// another.
    begin: u64,
    /// The disk has given the blocks up to here, where it could.
    allocated: u64,
}

/// A file's second handle, so that one thread can fsync while another appends.
#[derive(Debug)]
pub(crate) struct SyncHandle {
    /// An fsync is of the file and all that was written to it, by whichever handle.
    handle: Mutex<Box<dyn DiskFile>>,
    /// Bytes of the file below this survive power loss. Never falls, and is never beyond what is written.
    durable_to: AtomicU64,
}

/// What an fsync makes durable.
#[derive(Debug)]
pub(crate) struct Unsynced {
    sync: Arc<SyncHandle>,
    offset: u64,
    /// Of the last frame below `offset`.
    pub(crate) sequence: u64,
}

/// Where records were written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) file: u64,
    /// Of the first one's frame; the others follow.
    pub(crate) offset: u64,
}

impl Unsynced {
    /// Makes it durable. An error is final: the kernel may have dropped the unwritten pages and would report success the next
    /// time.
    pub(crate) fn sync(&self, counters: &Counters) -> io::Result<()> {
        let mut handle = self.sync.handle.lock().unwrap_or_else(PoisonError::into_inner);
        let started = Instant::now();
        handle.sync()?;
        counters.synced(started.elapsed());
        self.sync.durable_to.fetch_max(self.offset, Ordering::Release);
        Ok(())
    }
}

impl LastFile {
    /// Opens the file to go on at `offset`.
    fn open(disk: &dyn Disk, path: &Path, id: u64, offset: u64, open: Open) -> io::Result<Self> {
        let file = disk.open(path, open)?;
        let handle = disk.open(path, Open::Write)?;
        let sync = Arc::new(SyncHandle { handle: Mutex::new(handle), durable_to: AtomicU64::new(0) });
        Ok(Self { file, sync, id, offset, begin: 0, allocated: 0 })
    }

    /// Zeroes what a failed write of `len` bytes has left behind the last frame, and makes that durable: of several frames, a
    /// whole one that stayed could one day stand where the next is expected.
    fn wipe(&mut self, len: u64) -> io::Result<()> {
        let size = self.file.size()?;
        let kept = self.allocated.max(self.offset);
        if size > kept {
            self.file.set_len(kept)?;
        }
        let end = (self.offset + len).min(size).min(kept);
        let zeroes = vec![0; (end - self.offset).min(1 << 20) as usize];
        let mut at = self.offset;
        while at < end {
            let part = &zeroes[..zeroes.len().min((end - at) as usize)];
            self.file.write_at(at, part)?;
            at += part.len() as u64;
        }
        Ok(())
    }

    /// Writes again what was read from `from` on. After a failed fsync the kernel may hold pages that it takes for written and
    /// that are not on the disk: they read well, and no later fsync would write them.
    fn write_again(&mut self, from: u64) -> io::Result<()> {
        let mut at = from;
        let mut bytes = vec![0; self.offset.saturating_sub(from).min(REWRITE_BYTES) as usize];
        while at < self.offset {
            let part = bytes.len().min((self.offset - at) as usize);
            let read = self.file.read_at(at, &mut bytes[..part])?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.file.write_at(at, &bytes[..read])?;
            at += read as u64;
        }
        Ok(())
    }

    /// Ends the file at the last frame.
    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.offset)?;
        self.allocated = self.offset;
        Ok(())
    }
}

impl Writer {
    /// Goes on writing where `tail` says, when its torn rest is cut. Nothing is durable yet.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        (file_bytes, preallocate): (u64, bool),
        tail: Option<Tail>,
        counters: Arc<Counters>,
    ) -> Result<Self, WalError> {
        let tail = tail.unwrap_or(Tail { file_id: 1, offset: 0, sequence: 0, durable_to: 0, torn: None });
        let path = file::path(&dir, tail.file_id);
        let last = LastFile::open(disk.as_ref(), &path, tail.file_id, tail.offset, Open::Write);
        let last = last.map_err(WalError::io("open", &path))?;
        let mut writer =
            Self { disk, dir, file_bytes, preallocate, counters, last, sequence: tail.sequence, buffer: Vec::new(), buffered: 0 };
        writer.last.write_again(tail.durable_to).map_err(WalError::io("write again", &path))?;
        if let Some(reason) = tail.torn {
            let size = writer.last.file.size().map_err(WalError::io("read the size of", &path))?;
            writer.last.cut().map_err(WalError::io("cut", &path))?;
            writer.sync().map_err(WalError::io("sync", &path))?;
            tracing::warn!(
                file = %path.display(), offset = tail.offset, bytes = size - tail.offset, %reason,
                "cut the torn tail of the log: nothing says that it was ever durable"
            );
        }
        if let Err(error) = writer.allocate(file_bytes) {
            // What is there can be read, and the disk may have space when something is written.
            tracing::warn!(file = %path.display(), %error, "the log file could not be preallocated");
        }
        Ok(writer)
    }

    /// Whether the last file has not begun.
    pub(crate) fn is_blank(&self) -> bool {
        self.last.offset == 0
    }

    /// Id of the last file, and its bytes up to the last frame.
    pub(crate) fn end(&self) -> (u64, u64) {
        (self.last.id, self.last.offset)
    }

    /// Sequence of the last frame.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// How much of the last file is durable.
    pub(crate) fn durable_to(&self) -> u64 {
        self.last.sync.durable_to.load(Ordering::Acquire)
    }

    /// What an fsync would make durable now.
    pub(crate) fn unsynced(&self) -> Unsynced {
        Unsynced { sync: Arc::clone(&self.last.sync), offset: self.last.offset, sequence: self.sequence }
    }

    /// Makes everything durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.unsynced().sync(&self.counters)
    }

    /// Whether these bytes of records are to go to the next file.
    pub(crate) fn is_full(&self, bytes: u64) -> bool {
        self.last.offset > self.last.begin && self.last.offset + bytes > self.file_bytes
    }

    /// Writes the records with one write; they are durable after an fsync.
    pub(crate) fn append(&mut self, records: &[Record<'_>], bytes: u64) -> Result<Written, AppendError> {
        if records.iter().any(|record| matches!(record, Record::Entry { .. })) {
            self.allocate(self.last.offset + bytes).map_err(AppendError::Refused)?;
        }
        for record in records {
            let mut head = [0; ENTRY_HEAD_BYTES];
            let (kind, head, body) = record.parts(&mut head);
            self.encode(kind, record.group(), head, body);
        }
        let written = Written { file: self.last.id, offset: self.last.offset };
        self.write()?;
        Ok(written)
    }

    /// Records in the log that all that is durable is.
    pub(crate) fn mark(&mut self) -> Result<(), AppendError> {
        self.encode(FrameKind::Mark, GroupId::META, &[], &[0]);
        self.write()
    }

    /// Begins the file, which is blank.
    pub(crate) fn begin(&mut self, start: &FileStart) -> Result<(), AppendError> {
        let payload = rmp_serde::to_vec_named(start).map_err(|error| AppendError::Refused(io::Error::other(error)))?;
        self.encode(FrameKind::FileStart, GroupId::META, &[], &payload);
        self.write()?;
        self.last.begin = self.last.offset;
        self.sync().map_err(AppendError::Fatal)?;
        // The file's name must be durable before a frame in it is acknowledged.
        self.disk.sync_dir(&self.dir).map_err(AppendError::Fatal)
    }

    /// Makes all that is written durable, and goes on in a new file. After a refusal it goes on in the old one. The new file's
    /// reader is answered.
    pub(crate) fn rotate(&mut self, start: &FileStart) -> Result<Arc<dyn DiskFile>, AppendError> {
        let id = self.last.id + 1;
        let path = file::path(&self.dir, id);
        self.sync().map_err(AppendError::Fatal)?;
        let fresh = LastFile::open(self.disk.as_ref(), &path, id, 0, Open::Create);
        let fresh = fresh.and_then(|file| Ok((file, self.disk.open(&path, Open::Read)?)));
        let begun = match fresh {
            Ok((file, reader)) => {
                let previous = (std::mem::replace(&mut self.last, file), self.sequence);
                let begun = self.allocate(self.file_bytes).map_err(AppendError::Refused).and_then(|()| self.begin(start));
                let (mut previous, sequence) = previous;
                match &begun {
                    Err(AppendError::Refused(_)) => (self.last, self.sequence) = (previous, sequence),
                    // What was preallocated is given back. Should that fail, or be lost: zeroes are an end too.
                    _ => drop(previous.cut().inspect_err(|error| tracing::warn!(%error, "a full log file could not be cut"))),
                }
                begun.map(|()| Arc::from(reader))
            }
            Err(error) => Err(AppendError::Refused(error)),
        };
        if matches!(begun, Err(AppendError::Refused(_))) {
            self.remove_unbegun(&path)?;
        }
        begun
    }

    /// With a later file beside it, a torn tail of the last one would pass for damage; so its absence must be durable.
    fn remove_unbegun(&self, path: &Path) -> Result<(), AppendError> {
        match self.disk.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(AppendError::Fatal(error)),
            _ => self.disk.sync_dir(&self.dir).map_err(AppendError::Fatal),
        }
    }

    /// Sees to it that the file's blocks reach to `end` and the reserve behind it.
    fn allocate(&mut self, end: u64) -> io::Result<()> {
        let end = end.saturating_add(RESERVE_BYTES);
        if self.preallocate && self.last.allocated < end {
            self.last.file.allocate(end)?;
            self.last.allocated = end;
        }
        Ok(())
    }

    fn encode(&mut self, kind: FrameKind, group: GroupId, head: &[u8], body: &[u8]) {
        self.buffered += 1;
        let header = FrameHeader {
            len: 0,
            kind,
            group,
            file_id: self.last.id,
            sequence: self.sequence + self.buffered,
            durable_to: self.last.sync.durable_to.load(Ordering::Acquire),
        };
        frame::encode(header, head, body, &mut self.buffer);
    }

    /// Writes the frames in the buffer, or leaves nothing of them.
    fn write(&mut self) -> Result<(), AppendError> {
        let (len, frames) = (self.buffer.len() as u64, std::mem::take(&mut self.buffered));
        let written = self.last.file.write_at(self.last.offset, &self.buffer);
        if self.buffer.capacity() > KEPT_BUFFER_BYTES {
            self.buffer = Vec::new();
        }
        self.buffer.clear();
        if let Err(error) = written {
            let wiped = self.last.wipe(len).or_else(|_| self.last.cut()).and_then(|()| self.sync());
            return Err(wiped.map_or_else(AppendError::Fatal, |()| AppendError::Refused(error)));
        }
        self.last.offset += len;
        self.sequence += frames;
        self.counters.wrote(frames, len);
        Ok(())
    }
}
