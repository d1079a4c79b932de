//! The log as its callers see it.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use sutra_disk::Disk;
use sutra_protocol::command::LogIndex;

use crate::config::{Durability, LogConfig};
use crate::entry_reader::{EntryReader, Located};
use crate::error::{AppendError, WalError};
use crate::file;
use crate::floor::{Floor, FloorFile};
use crate::frame::{ENTRY_HEAD_BYTES, HEADER_BYTES, TRAILER_BYTES};
use crate::group::{Group, GroupState};
use crate::group_commit::{Failed, GroupCommit};
use crate::index::{Ahead, Index, LogFile};
use crate::record::{GroupId, Record};
use crate::replay::{self, Replayed};
use crate::stats::{Counters, LogStats};
use crate::writer::Writer;

/// Most bytes that one append writes; offsets in a file fit 32 bits.
const APPEND_BYTES: u64 = 1 << 30;

/// An open log. Cheap to clone; all clones are the same log. Dropping the last one without [`Log::close`] is like the end of the
/// process: nothing that was synced is lost.
#[derive(Clone, Debug)]
pub struct Log(Arc<Inner>);

/// How much of a log was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(u64);

/// Entries that keep a log's oldest file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Whose.
    pub group: GroupId,
    /// Last of them: when the entries up to here are purged, the group does not need the file any more.
    pub upto: LogIndex,
}

/// An entry that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEntry {
    /// Its index.
    pub index: LogIndex,
    /// Its term.
    pub term: u64,
    /// What was appended.
    pub payload: Vec<u8>,
}

#[derive(Debug)]
struct Inner {
    disk: Arc<dyn Disk>,
    /// Of the files.
    dir: PathBuf,
    config: LogConfig,
    floor: FloorFile,
    writer: Mutex<Writer>,
    index: Mutex<Index>,
    commit: GroupCommit,
    counters: Arc<Counters>,
    /// Set once what is on the disk is not known any more.
    fault: OnceLock<Fault>,
}

/// The error after which nothing is written.
#[derive(Debug)]
struct Fault {
    kind: io::ErrorKind,
    text: String,
}

impl Log {
    /// Opens the log, or begins one, and hands each entry that is neither truncated, nor purged, nor covered by
    /// [`LogConfig::replay_after`], to `entry` once: in order for each group, and in the order of the files. A torn tail is cut,
    /// and what is there is made durable and marked as such: from now on damage to it is told from a torn tail.
    ///
    /// # Errors
    /// A [`WalError`] naming the file; what `entry` refuses is damage. Nothing on the disk is changed before all entries are
    /// handed over.
    pub fn open(
        disk: Arc<dyn Disk>,
        config: LogConfig,
        entry: impl FnMut(GroupId, LogIndex, &[u8]) -> Result<(), String>,
    ) -> Result<Self, WalError> {
        config.check()?;
        let dir = file::files_dir(&config.dir);
        disk.create_dir_all(&dir).map_err(WalError::io("create", &dir))?;
        let floor = FloorFile::in_dir(&config.dir);
        let lowest = floor.read(disk.as_ref())?;
        let Replayed { index, tail } = replay::replay(disk.as_ref(), &dir, Some(&config.store_id), lowest)?;
        if config.hand_over {
            replay::hand_over(&dir, &index, &config.replay_after, entry)?;
        }
        let counters = Arc::new(Counters::default());
        let files = (config.file_bytes, config.preallocate);
        let writer = Writer::open(Arc::clone(&disk), dir.clone(), files, tail, Arc::clone(&counters))?;
        let log = Self(Arc::new(Inner {
            disk,
            dir,
            config,
            floor,
            writer: Mutex::new(writer),
            index: Mutex::new(index),
            commit: GroupCommit::default(),
            counters,
            fault: OnceLock::new(),
        }));
        log.0.settle()?;
        Ok(log)
    }

    /// Appends the records, in order, with one write. They are durable after [`Log::sync`] of the position that is answered; a
    /// crash before that leaves the first few of them, or none. An append of no records answers the position of the last.
    ///
    /// # Errors
    /// An [`AppendError`]; only after a `Fatal` one may anything of the records be in the log.
    pub fn append(&self, records: &[Record<'_>]) -> Result<Position, AppendError> {
        let inner = &*self.0;
        inner.check()?;
        let mut writer = inner.writer();
        inner.admit(records)?;
        let bytes = records.iter().map(Record::frame_len).sum();
        if bytes > APPEND_BYTES {
            let group = records.first().map_or(GroupId::META, Record::group);
            return Err(AppendError::Invalid {
                group,
                reason: format!("{bytes} bytes at once; at most {APPEND_BYTES} are taken"),
            });
        }
        if writer.is_full(bytes) {
            match inner.rotate(&mut writer) {
                // On a full disk it is the purges that make space; they go to what the last file has left for them.
                Err(AppendError::Refused(_)) if !records.iter().any(|record| matches!(record, Record::Entry { .. })) => {}
                other => other?,
            }
        }
        let written = writer.append(records, bytes).map_err(|error| inner.note(error))?;
        let mut index = inner.index();
        let mut offset = written.offset;
        for record in records {
            let len = record.frame_len();
            let payload = len - (HEADER_BYTES + TRAILER_BYTES) as u64;
            // It was admitted with the lock of the writer held, so it follows.
            if let Err(reason) = index.take(record, written.file, offset, payload as u32) {
                return Err(inner.note(AppendError::Fatal(io::Error::other(reason))));
            }
            offset += len;
        }
        if let Some(file) = index.files.back_mut() {
            file.bytes = offset;
        }
        Ok(Position(writer.sequence()))
    }

    /// Returns when everything up to `upto` is durable: whoever comes first fsyncs for all who have appended before, the others
    /// wait for that. With [`Durability::Buffered`] it returns at once.
    ///
    /// # Errors
    /// [`AppendError::Fatal`].
    pub fn sync(&self, upto: Position) -> Result<(), AppendError> {
        self.0.check()?;
        match self.0.config.durability {
            Durability::Fsync => self.0.sync(upto),
            Durability::Buffered => Ok(()),
        }
    }

    /// Returns when everything appended so far is durable, whatever the log's [`Durability`].
    ///
    /// # Errors
    /// [`AppendError::Fatal`].
    pub fn make_durable(&self) -> Result<(), AppendError> {
        self.0.check()?;
        let upto = Position(self.0.writer().unsynced().sequence);
        self.0.sync(upto)
    }

    /// Every group that the log knows, by id.
    pub fn groups(&self) -> Vec<GroupState> {
        self.0.index().groups.iter().map(|(id, group)| group.state(*id)).collect()
    }

    /// One group, if the log knows it.
    pub fn group(&self, group: GroupId) -> Option<GroupState> {
        self.0.index().groups.get(&group).map(|state| state.state(group))
    }

    /// The entries of `range` that are there, in order: the first, and those after it as long as their payloads stay within
    /// `max_bytes` together.
    ///
    /// # Errors
    /// A [`WalError`]: an entry no longer reads as it was written, or the disk's.
    pub fn read(&self, group: GroupId, range: Range<LogIndex>, max_bytes: usize) -> Result<Vec<LoggedEntry>, WalError> {
        let found = self.0.locate(group, range, max_bytes);
        let mut entries = Vec::with_capacity(found.iter().map(|(_, located)| located.len()).sum());
        for (file, located) in found {
            let path = file::path(&self.0.dir, file.id);
            let mut reader = EntryReader::of(&path, &file, group, &located)?;
            for at in located {
                let payload = reader.read(&at)?.to_vec();
                entries.push(LoggedEntry { index: at.index, term: at.term, payload });
            }
        }
        Ok(entries)
    }

    /// Bytes of all files, without what is preallocated.
    pub fn bytes(&self) -> u64 {
        self.0.index().files.iter().map(|file| file.bytes).sum()
    }

    /// How many files there are.
    pub fn file_count(&self) -> usize {
        self.0.index().files.len()
    }

    /// Number of the oldest file; they are numbered one after another.
    pub fn first_file(&self) -> u64 {
        self.0.index().files.front().map_or(0, |file| file.id)
    }

    /// Number of the file that is written.
    pub fn last_file(&self) -> u64 {
        self.0.index().files.back().map_or(0, |file| file.id)
    }

    /// The groups whose entries keep the oldest file: whoever needs less log checkpoints them, purges, and calls
    /// [`Log::drop_unneeded`]. None if the oldest file can go, or is the only one.
    pub fn oldest_file_needs(&self) -> Vec<Need> {
        let index = self.0.index();
        let oldest = index.files.front().filter(|_| index.files.len() > 1).map(|file| file.id);
        let need = |(group, state): (&GroupId, &Group)| {
            let (file, upto) = state.oldest()?;
            (Some(file) == oldest).then_some(Need { group: *group, upto })
        };
        index.groups.iter().filter_map(need).collect()
    }

    /// The first of the newest files that together have no more bytes than these; the last file where that alone has more.
    pub fn first_within(&self, bytes: u64) -> u64 {
        let index = self.0.index();
        let mut left = bytes;
        let within = |file: &&LogFile| match left.checked_sub(file.bytes) {
            Some(less) => {
                left = less;
                true
            }
            None => false,
        };
        let first = index.files.iter().rev().take_while(within).last().map(|file| file.id);
        first.or(index.files.back().map(|file| file.id)).unwrap_or_default()
    }

    /// The groups whose entries keep files before this one.
    pub fn needs_before(&self, file: u64) -> Vec<Need> {
        let index = self.0.index();
        let need = |(group, state): (&GroupId, &Group)| Some(Need { group: *group, upto: state.last_before(file)? });
        index.groups.iter().filter_map(need).collect()
    }

    /// Begins a new file; all that was appended is durable then. A last file without a record is new enough.
    ///
    /// # Errors
    /// `Refused`: the old file goes on. `Fatal`.
    pub fn rotate(&self) -> Result<(), AppendError> {
        self.0.check()?;
        let mut writer = self.0.writer();
        if !writer.is_full(self.0.config.file_bytes) {
            return Ok(());
        }
        self.0.rotate(&mut writer)
    }

    /// Removes the oldest files, all of whose entries are purged or truncated; answers how many. Their removal is durable.
    ///
    /// # Errors
    /// `Refused`: some of them are still there. `Fatal`.
    pub fn drop_unneeded(&self) -> Result<usize, AppendError> {
        self.0.check()?;
        self.0.drop_unneeded()
    }

    /// Ends writing: what is there is durable, and recorded as such in the log and beside it.
    ///
    /// # Errors
    /// `Refused`: all is durable, but not recorded as such. `Fatal`.
    pub fn close(self) -> Result<(), AppendError> {
        self.0.check()?;
        let mut writer = self.0.writer();
        self.0.mark(&mut writer)?;
        self.0.raise_floor(&writer).map_err(AppendError::Refused)
    }

    /// What writing has cost.
    pub fn stats(&self) -> LogStats {
        self.0.counters.read()
    }
}

impl Inner {
    /// Begins the file if it is blank, or marks what it holds; and raises the floor.
    fn settle(&self) -> Result<(), WalError> {
        let mut writer = self.writer();
        let path = file::path(&self.dir, writer.end().0);
        if writer.is_blank() {
            let start = self.index().start(&self.config.store_id);
            let begun = writer.begin(&start).map_err(source).and_then(|()| self.push_file(&writer));
            begun.map_err(WalError::io("begin", &path))?;
        } else {
            // Its name may not be durable if the process ended soon after its creation.
            self.disk.sync_dir(&self.dir).map_err(WalError::io("sync", &self.dir))?;
            match self.mark(&mut writer) {
                // The log can be read, and what it holds is durable; only damage to its end can't be told from a torn tail.
                Err(AppendError::Refused(error)) => {
                    tracing::warn!(file = %path.display(), %error, "the log could not be marked as durable");
                }
                other => other.map_err(source).map_err(WalError::io("write", &path))?,
            }
        }
        // Without these two a crash could take the directory, and the floor would not say so.
        self.disk.sync_dir(&self.config.dir).map_err(WalError::io("sync", &self.config.dir))?;
        if let Err(error) = self.raise_floor(&writer) {
            tracing::warn!(%error, "how far the log is durable could not be recorded beside it");
        }
        Ok(())
    }

    /// After an error that left the files unknown nothing is done any more.
    fn check(&self) -> Result<(), AppendError> {
        match self.fault.get() {
            Some(fault) => Err(AppendError::Fatal(io::Error::new(fault.kind, fault.text.clone()))),
            None => Ok(()),
        }
    }

    /// Remembers a fatal error, and tells it to those who wait for an fsync.
    fn note(&self, error: AppendError) -> AppendError {
        if let AppendError::Fatal(source) = &error {
            let _ = self.fault.set(Fault { kind: source.kind(), text: source.to_string() });
            self.commit.fail();
        }
        error
    }

    /// That the records can follow what is in the log. The caller holds the writer's lock, so that nothing comes between.
    fn admit(&self, records: &[Record<'_>]) -> Result<(), AppendError> {
        let (index, mut ahead) = (self.index(), Ahead::default());
        for record in records {
            let admitted = index.admit(&mut ahead, record);
            admitted.map_err(|reason| AppendError::Invalid { group: record.group(), reason })?;
        }
        Ok(())
    }

    /// Where the entries are, by file.
    fn locate(&self, group: GroupId, range: Range<LogIndex>, max_bytes: usize) -> Vec<(LogFile, Vec<Located>)> {
        let index = self.index();
        let mut found: Vec<(LogFile, Vec<Located>)> = Vec::new();
        let Some(state) = index.groups.get(&group) else { return found };
        let span = state.span();
        let mut bytes = 0;
        for at in range.start.0.max(span.start)..range.end.0.min(span.end) {
            let Some((place, term)) = state.place(at) else { break };
            let payload = (place.len as usize).saturating_sub(ENTRY_HEAD_BYTES);
            if !found.is_empty() && bytes + payload > max_bytes {
                break;
            }
            bytes += payload;
            let located = Located { index: LogIndex(at), term, place };
            match found.last_mut() {
                Some((file, entries)) if file.id == place.file => entries.push(located),
                _ => {
                    let Some(file) = index.file(place.file) else { break };
                    found.push((file.clone(), vec![located]));
                }
            }
        }
        found
    }

    fn sync(&self, upto: Position) -> Result<(), AppendError> {
        let synced = self.commit.wait(upto.0, || {
            // Whoever holds the writer's lock to begin a new file makes all of the old one durable before.
            let unsynced = self.writer().unsynced();
            unsynced.sync(&self.counters).map(|()| unsynced.sequence)
        });
        match synced {
            Ok(()) => Ok(()),
            Err(Failed::Here(error)) => Err(self.note(AppendError::Fatal(error))),
            Err(Failed::Elsewhere) => {
                // Who failed may not have remembered why yet.
                self.check()?;
                Err(AppendError::Fatal(io::Error::other("another caller's fsync failed")))
            }
        }
    }

    fn rotate(&self, writer: &mut Writer) -> Result<(), AppendError> {
        self.check()?;
        let start = self.index().start(&self.config.store_id);
        let reader = writer.rotate(&start).map_err(|error| self.note(error))?;
        self.commit.raise(writer.sequence());
        let (id, bytes) = writer.end();
        self.index().files.push_back(LogFile { id, bytes, reader });
        if let Err(error) = self.raise_floor(writer) {
            tracing::warn!(%error, "how far the log is durable could not be recorded beside it");
        }
        Ok(())
    }

    /// Enters the file that was begun at the opening; the replay may have found it blank.
    fn push_file(&self, writer: &Writer) -> io::Result<()> {
        let (id, bytes) = writer.end();
        let reader = self.disk.open(&file::path(&self.dir, id), sutra_disk::Open::Read)?;
        let mut index = self.index();
        index.files.retain(|file| file.id != id);
        index.files.push_back(LogFile { id, bytes, reader: Arc::from(reader) });
        Ok(())
    }

    /// Makes all durable and says so in the log.
    fn mark(&self, writer: &mut Writer) -> Result<(), AppendError> {
        let sync = |writer: &Writer| writer.sync().map_err(|error| self.note(AppendError::Fatal(error)));
        sync(writer)?;
        writer.mark().map_err(|error| self.note(error))?;
        sync(writer)?;
        self.commit.raise(writer.sequence());
        if let Some(file) = self.index().files.back_mut() {
            file.bytes = writer.end().1;
        }
        Ok(())
    }

    /// Records beside the log how far it is durable. The log itself is as it was: a floor that stays low only sees less.
    fn raise_floor(&self, writer: &Writer) -> io::Result<()> {
        self.floor.write(self.disk.as_ref(), Floor { file_id: writer.end().0, offset: writer.durable_to() })
    }

    fn drop_unneeded(&self) -> Result<usize, AppendError> {
        let writer = self.writer();
        let (first, last) = match self.index().files.front() {
            Some(file) => (file.id, writer.end().0),
            None => return Ok(0),
        };
        let needed = self.index().oldest_needed().map_or(last, |needed| needed.min(last));
        if needed == first {
            return Ok(0);
        }
        // What makes the files unneeded must be durable first; and with the floor in the last file its start can't pass for one
        // that was never finished.
        writer.sync().map_err(|error| self.note(AppendError::Fatal(error)))?;
        self.commit.raise(writer.sequence());
        self.raise_floor(&writer).map_err(AppendError::Refused)?;
        for id in first..needed {
            // In the index first: nobody begins to read a file that is about to go.
            let removed = self.index().files.pop_front();
            let path = file::path(&self.dir, id);
            if let Err(error) = self.disk.remove(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                self.index().files.extend(removed);
                self.index().files.rotate_right(1);
                return Err(AppendError::Refused(error));
            }
            // A crash must not keep this file and lose the next: that would be a gap.
            self.disk.sync_dir(&self.dir).map_err(|error| self.note(AppendError::Fatal(error)))?;
        }
        Ok((needed - first) as usize)
    }

    /// No code panics while it holds a lock, so what a poisoned one guards is whole.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn source(error: AppendError) -> io::Error {
    match error {
        AppendError::Refused(error) | AppendError::Fatal(error) => error,
        invalid @ AppendError::Invalid { .. } => io::Error::other(invalid),
    }
}
