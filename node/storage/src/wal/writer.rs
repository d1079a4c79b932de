//! Appending to a log.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;

use sutra_protocol::command::LogIndex;

use super::error::WalError;
use super::frame::{self, FrameHeader, FrameKind, GroupId};
use super::{FileStart, Floor, FloorFile, GroupState, LOG_FORMAT, Tail, file};
use crate::crashsafe;

/// A buffer that one huge entry has grown beyond this is given back.
const KEPT_BUFFER_BYTES: usize = 8 << 20;

/// Why an entry was not appended.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// Nothing of it is in the log; the log is as it was.
    Refused(io::Error),
    /// What is in the log is not known any more. The process must not acknowledge, or answer, anything further.
    Fatal(io::Error),
}

/// The only writer of a directory's log.
pub(crate) struct Writer {
    dir: PathBuf,
    store: String,
    floor: FloorFile,
    file: File,
    tail: Tail,
    /// Always <= tail.offset; bytes of the file below this survive power loss.
    durable_to: u64,
    /// Bytes in the files before this one.
    older_bytes: u64,
    last_index: LogIndex,
    /// A file that has grown beyond this is followed by a new one.
    rotate_at: u64,
    buffer: Vec<u8>,
}

impl Writer {
    /// Goes on writing where `tail` says, or begins a new log, and marks all that is there as durable: damage to it is from now on
    /// told from a torn tail.
    pub(crate) fn open(
        dir: PathBuf,
        store: String,
        floor: FloorFile,
        tail: Option<Tail>,
        last_index: LogIndex,
        rotate_at: u64,
    ) -> Result<Self, WalError> {
        let tail = tail.unwrap_or(Tail { file_id: 1, offset: 0, sequence: 0 });
        let path = file::path(&dir, tail.file_id);
        let mut file =
            OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(WalError::io("open", &path))?;
        file.seek(SeekFrom::Start(tail.offset)).map_err(WalError::io("seek in", &path))?;
        let older_bytes = file::list(&dir)
            .map_err(WalError::io("list", &dir))?
            .into_iter()
            .filter(|id| *id < tail.file_id)
            .map(|id| std::fs::metadata(file::path(&dir, id)).map_or(0, |meta| meta.len()))
            .sum();
        let mut writer =
            Self { dir, store, floor, file, tail, durable_to: 0, older_bytes, last_index, rotate_at, buffer: Vec::new() };
        match writer.settle() {
            Ok(()) => Ok(writer),
            Err(AppendError::Refused(error) | AppendError::Fatal(error)) => Err(WalError::io("write", &path)(error)),
        }
    }

    /// Appends an entry. It is durable after [`Writer::sync`].
    pub(crate) fn append(&mut self, index: LogIndex, payload: &[u8]) -> Result<(), AppendError> {
        if self.tail.offset >= self.rotate_at {
            self.rotate()?;
        }
        self.write(FrameKind::Entry, GroupId::FIRST_SHARD, payload)?;
        self.last_index = index;
        Ok(())
    }

    /// Makes everything appended so far durable. An error is final: the kernel may have dropped the unwritten pages and would
    /// report success the next time.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.durable_to = self.tail.offset;
        Ok(())
    }

    /// Records in the log that everything so far is durable.
    fn mark(&mut self) -> Result<(), AppendError> {
        self.sync().map_err(AppendError::Fatal)?;
        self.write(FrameKind::Mark, GroupId(0), &[0])?;
        self.sync().map_err(AppendError::Fatal)
    }

    /// Bytes of all the log's files.
    pub(crate) fn bytes(&self) -> u64 {
        self.older_bytes + self.tail.offset
    }

    /// Begins the file if it is empty, and marks what it holds.
    fn settle(&mut self) -> Result<(), AppendError> {
        if self.tail.offset == 0 {
            self.start_file()?;
        } else {
            self.mark()?;
        }
        crashsafe::sync_dir(&self.dir).map_err(AppendError::Fatal)?;
        self.raise_floor()
    }

    /// Records beside the log how far it is durable.
    fn raise_floor(&self) -> Result<(), AppendError> {
        let floor = Floor { file_id: self.tail.file_id, offset: self.durable_to };
        // The log itself is as it was: a floor that stays low only sees less.
        self.floor.write(floor).map_err(AppendError::Refused)
    }

    /// Ends writing: what is there is recorded as durable, in the log and beside it.
    pub(crate) fn close(mut self) -> Result<(), AppendError> {
        self.mark()?;
        self.raise_floor()
    }

    fn start_file(&mut self) -> Result<(), AppendError> {
        let group = GroupState { group: GroupId::FIRST_SHARD.0, last_index: self.last_index };
        let start = FileStart { format: LOG_FORMAT, store: self.store.clone(), groups: vec![group] };
        let payload = rmp_serde::to_vec_named(&start).map_err(|error| AppendError::Refused(io::Error::other(error)))?;
        self.write(FrameKind::FileStart, GroupId(0), &payload)?;
        self.sync().map_err(AppendError::Fatal)
    }

    fn rotate(&mut self) -> Result<(), AppendError> {
        self.mark()?;
        let next = Tail { file_id: self.tail.file_id + 1, offset: 0, sequence: self.tail.sequence };
        let path = file::path(&self.dir, next.file_id);
        let options = OpenOptions::new().create(true).truncate(true).write(true).clone();
        let fresh = options.open(&path).map_err(AppendError::Refused)?;
        let previous = (std::mem::replace(&mut self.file, fresh), self.tail, self.durable_to);
        (self.tail, self.durable_to) = (next, 0);
        // The file's entry must be durable before a frame in it is acknowledged.
        let started = self.start_file().and_then(|()| crashsafe::sync_dir(&self.dir).map_err(AppendError::Fatal));
        match started {
            Ok(()) => {
                self.older_bytes += previous.1.offset;
                if let Err(AppendError::Refused(error) | AppendError::Fatal(error)) = self.raise_floor() {
                    tracing::warn!(%error, "how far the log is durable could not be recorded beside it");
                }
            }
            Err(AppendError::Refused(_)) => {
                (self.file, self.tail, self.durable_to) = previous;
                // With a later file beside it, a torn tail of this one would pass for damage.
                std::fs::remove_file(&path).map_err(AppendError::Fatal)?;
            }
            Err(AppendError::Fatal(_)) => {}
        }
        started
    }

    fn write(&mut self, kind: FrameKind, group: GroupId, payload: &[u8]) -> Result<(), AppendError> {
        let header = FrameHeader {
            len: 0,
            kind,
            group,
            file_id: self.tail.file_id,
            sequence: self.tail.sequence + 1,
            durable_to: self.durable_to,
        };
        self.buffer.clear();
        frame::encode(header, payload, &mut self.buffer);
        if let Err(error) = self.file.write_all(&self.buffer) {
            // Half a frame must not stay: the next one would be behind it, and lost at the next start.
            let restored = self.file.set_len(self.tail.offset).and_then(|()| self.file.seek(SeekFrom::Start(self.tail.offset)));
            return Err(restored.map_or_else(AppendError::Fatal, |_| AppendError::Refused(error)));
        }
        self.tail.offset += self.buffer.len() as u64;
        self.tail.sequence += 1;
        if self.buffer.capacity() > KEPT_BUFFER_BYTES {
            self.buffer = Vec::new();
        }
        Ok(())
    }
}
