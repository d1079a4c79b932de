//! Raft's log: one group of the node's write-ahead log.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use openraft::storage::{LogFlushed, LogState, RaftLogStorage};
use openraft::{AnyError, EntryPayload, OptionalSend, RaftLogReader, StorageIOError};
use sutra_protocol::command::LogIndex;
use sutra_wal::{AppendError, GroupId, GroupState, Log, LogPoint, Record};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::calm::Calm;
use crate::group::GroupSetup;
use crate::held::Held;
use crate::syncer::Syncer;
use crate::types::{Entry, LogId, ReplicaId, StorageError, TypeConfig, Vote, log_id, point};
use crate::words;

/// Most bytes of entries that are read at once, unless the first is larger: what one message to a follower carries.
const READ_BYTES: usize = 4 << 20;
/// How long the disk is given to make room before a refused write is tried again.
const REFUSED_PAUSE: Duration = Duration::from_millis(250);

/// Raft's log.
#[derive(Debug)]
pub(crate) struct LogStore {
    entries: Entries,
    replica: ReplicaId,
    held: Held,
    /// A purge that waits for the checkpoint that makes its entries unneeded; nothing is appended before it is done.
    owed: Option<JoinHandle<io::Result<()>>>,
}

/// The entries of a group. Cheap to clone; all clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Entries {
    log: Log,
    group: GroupId,
    syncer: Syncer,
    /// Set when the group is closed: nothing is tried again then.
    closing: Arc<AtomicBool>,
    /// Told before something is written.
    calm: Calm,
}

impl LogStore {
    /// The log of a replica whose machine's checkpoints `held` tells of.
    pub(crate) fn new(log: Log, setup: GroupSetup, syncer: Syncer, closing: Arc<AtomicBool>, held: Held, calm: Calm) -> Self {
        let entries = Entries { log, group: setup.group, syncer, closing, calm };
        Self { entries, replica: setup.replica, held, owed: None }
    }

    /// Takes out of the log what lies before a checkpoint that it does not reach: the process ended after the checkpoint of another
    /// replica was put in place and before the log was cut, or had applied what its own log had not made durable.
    pub(crate) async fn follow(&self, applied: Option<LogPoint>) -> io::Result<()> {
        let Some(applied) = applied else { return Ok(()) };
        let Some(state) = self.entries.state() else { return self.entries.purge(applied).await };
        let is_held = state.last.is_some_and(|last| last.index >= applied.index);
        if is_held && state.purged.is_some_and(|purged| purged.index >= applied.index) {
            return Ok(());
        }
        if is_held {
            let entries = self.entries.read(applied.index.0, applied.index.0 + 1).map_err(io::Error::other)?;
            if entries.first().is_some_and(|entry| entry.log_id.leader_id.term == applied.term) {
                return Ok(());
            }
            // Where the checkpoint came in the place of a replica that was behind: what follows an entry that was never committed was not
            // committed either, and must not seem to follow what was.
            self.entries.append_durably(Record::Truncate { group: self.entries.group, from: applied.index }).await?;
        }
        self.entries.purge(applied).await
    }

    /// Ends when nothing is owed any more.
    async fn settle(&mut self) -> io::Result<()> {
        self.entries.calm.writes();
        let Some(owed) = self.owed.take() else { return Ok(()) };
        owed.await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

impl Entries {
    fn state(&self) -> Option<GroupState> {
        self.log.group(self.group)
    }

    /// Appends, and tries again while the disk refuses: a full disk must not end the replica, which is behind as long as it lasts, and
    /// goes on when there is room. It answers nobody meanwhile.
    async fn append_records(&self, records: &[Record<'_>]) -> Result<sutra_wal::Position, AppendError> {
        self.calm.writes();
        let mut told = false;
        loop {
            match self.log.append(records) {
                Err(AppendError::Refused(error)) if !self.closing.load(Ordering::Acquire) => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::error!(group = %self.group, %error, "the log refuses an entry; the replica waits until it takes it");
                    }
                    tokio::time::sleep(REFUSED_PAUSE).await;
                }
                other => return other,
            }
        }
    }

    /// Appends one record and waits until it is durable.
    async fn append_durably(&self, record: Record<'_>) -> io::Result<()> {
        let position = self.append_records(&[record]).await.map_err(io::Error::other)?;
        let (done, durable) = oneshot::channel();
        self.syncer.sync(position, |synced| {
            // Whoever waited has gone away.
            let _ = done.send(synced);
        });
        durable.await.unwrap_or_else(|_| Err(io::Error::other("the log is closed")))
    }

    fn read(&self, from: u64, to: u64) -> Result<Vec<Entry>, AnyError> {
        let read = self.log.read(self.group, LogIndex(from)..LogIndex(to), READ_BYTES);
        let logged = read.map_err(|error| AnyError::new(&error))?;
        logged.into_iter().map(|logged| words::entry(logged).map_err(AnyError::error)).collect()
    }

    async fn purge(&self, at: LogPoint) -> io::Result<()> {
        self.append_durably(Record::Purge { group: self.group, upto: at.index, term: at.term }).await?;
        let log = self.log.clone();
        match tokio::task::spawn_blocking(move || log.drop_unneeded()).await {
            Ok(Err(error @ AppendError::Fatal(_))) => Err(io::Error::other(error)),
            Ok(Err(error)) => {
                tracing::warn!(group = %self.group, %error, "files of the log that nobody needs are still there");
                Ok(())
            }
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    }

    /// The same, once a checkpoint of another replica holds it all.
    async fn purge_once(self, held: Held, at: LogPoint) -> io::Result<()> {
        if !held.wait(at.index).await {
            return Err(io::Error::other("the checkpoint that holds it could not be put in place"));
        }
        // The replica may be given up, and then its log must not come to be again.
        if self.closing.load(Ordering::Acquire) {
            return Err(io::Error::other("the replica is stopped"));
        }
        // What is purged may hold what was erased elsewhere meanwhile: its file must not stay because it is the last.
        let log = self.log.clone();
        match tokio::task::spawn_blocking(move || log.rotate()).await {
            Ok(Err(error @ AppendError::Fatal(_))) => return Err(io::Error::other(error)),
            Ok(Err(error)) => tracing::warn!(group = %self.group, %error, "the log could not go on in a new file"),
            Ok(Ok(())) | Err(_) => {}
        }
        self.purge(at).await
    }
}

fn span(range: impl RangeBounds<u64>) -> (u64, u64) {
    let from = match range.start_bound() {
        Bound::Included(at) => *at,
        Bound::Excluded(at) => at.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let to = match range.end_bound() {
        Bound::Included(at) => at.saturating_add(1),
        Bound::Excluded(at) => *at,
        Bound::Unbounded => u64::MAX,
    };
    (from, to)
}

impl RaftLogReader<TypeConfig> for Entries {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, StorageError> {
        let (mut from, to) = span(range);
        let mut entries = Vec::new();
        // One read is bounded; whoever asks here wants all.
        while from < to {
            let read = self.read(from, to).map_err(StorageIOError::read_logs)?;
            let Some(last) = read.last() else { break };
            from = last.log_id.index + 1;
            entries.extend(read);
        }
        Ok(entries)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, StorageError> {
        let read = self.read(start, end).map_err(StorageIOError::read_logs)?;
        // What begins later, since the log was cut, must not be sent as if it followed what is before `start`.
        Ok(if read.first().is_some_and(|first| first.log_id.index == start) { read } else { Vec::new() })
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, StorageError> {
        self.entries.try_get_log_entries(range).await
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, StorageError> {
        self.entries.limited_get_log_entries(start, end).await
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Entries;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, StorageError> {
        let state = self.entries.state();
        let last_purged_log_id = state.as_ref().and_then(|state| state.purged).map(log_id);
        let last_log_id = state.and_then(|state| state.last).map(log_id);
        Ok(LogState { last_purged_log_id, last_log_id })
    }

    async fn get_log_reader(&mut self) -> Entries {
        self.entries.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        let failed = |error: io::Error| StorageIOError::write_vote(AnyError::new(&error)).into();
        let vote = words::encode(vote).map_err(|reason| failed(io::Error::other(reason)))?;
        self.entries.append_durably(Record::Vote { group: self.entries.group, vote: &vote }).await.map_err(failed)
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        let vote = self.entries.state().and_then(|state| state.vote);
        let vote = vote.map(|vote| words::decode::<Vote>(&vote)).transpose();
        let mut vote = vote.map_err(|reason| StorageIOError::read_vote(AnyError::error(reason)))?;
        // Openraft would go on leading in the same term, without an entry that says what was committed before: until the next is, reads
        // would miss what the process acknowledged last before it ended.
        if let Some(vote) = &mut vote
            && vote.leader_id.voted_for() == Some(self.replica.0)
        {
            vote.committed = false;
        }
        Ok(vote)
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), StorageError> {
        let Some(committed) = committed else { return Ok(()) };
        // Not waited for: it only says how much may be applied early after a start. A full disk loses it.
        match self.entries.log.append(&[Record::Committed { group: self.entries.group, index: LogIndex(committed.index) }]) {
            Ok(_) | Err(AppendError::Refused(_)) => Ok(()),
            Err(error) => Err(StorageIOError::write(AnyError::new(&error)).into()),
        }
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, StorageError> {
        let Some(state) = self.entries.state() else { return Ok(None) };
        let Some(committed) = state.committed else { return Ok(None) };
        if let Some(purged) = state.purged.filter(|purged| committed <= purged.index) {
            return Ok(Some(log_id(purged)));
        }
        // The record may have outlived the entries that it is about, which were not synced.
        let last = state.last.map_or(LogIndex(0), |last| last.index);
        let index = committed.min(last).0;
        let read = self.entries.read(index, index + 1).map_err(StorageIOError::read_logs)?;
        Ok(read.first().map(|entry| entry.log_id))
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<TypeConfig>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let failed = |reason: String| StorageError::from(StorageIOError::write_logs(AnyError::error(reason)));
        self.settle().await.map_err(|error| failed(error.to_string()))?;
        let entries: Vec<Entry> = entries.into_iter().collect();
        let payloads = entries.iter().map(words::payload).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let records: Vec<_> = entries
            .iter()
            .zip(&payloads)
            .map(|(entry, payload)| {
                let at = point(&entry.log_id);
                Record::Entry { group: self.entries.group, index: at.index, term: at.term, payload }
            })
            .collect();
        // From here on nobody can say that it is in no log.
        for entry in &entries {
            if let EntryPayload::Normal(words) = &entry.payload {
                words.logged.set();
            }
        }
        let position = self.entries.append_records(&records).await.map_err(|error| failed(error.to_string()))?;
        self.entries.syncer.sync(position, |synced| callback.log_io_completed(synced));
        Ok(())
    }

    async fn truncate(&mut self, id: LogId) -> Result<(), StorageError> {
        let failed = |error: io::Error| StorageError::from(StorageIOError::write_logs(AnyError::new(&error)));
        self.settle().await.map_err(failed)?;
        self.entries
            .append_durably(Record::Truncate { group: self.entries.group, from: LogIndex(id.index) })
            .await
            .map_err(failed)
    }

    async fn purge(&mut self, id: LogId) -> Result<(), StorageError> {
        let failed = |error: io::Error| StorageError::from(StorageIOError::write_logs(AnyError::new(&error)));
        self.settle().await.map_err(failed)?;
        let at = point(&id);
        if self.held.reaches(at.index) {
            return self.entries.purge(at).await.map_err(failed);
        }
        // Openraft purges at once what a snapshot covers that is still being put in place. A crash before it is would leave neither.
        self.owed = Some(tokio::spawn(self.entries.clone().purge_once(self.held.clone(), at)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use openraft::raft::AppendEntriesRequest;
    use openraft::storage::{RaftLogStorage, RaftLogStorageExt as _};
    use sutra_disk::{Disk, SimulatedDisk};
    use sutra_wal::LogConfig;

    use super::*;

    const GROUP: GroupId = GroupId(7);
    const SETUP: GroupSetup = GroupSetup { group: GROUP, replica: ReplicaId(4) };

    fn open(disk: &SimulatedDisk) -> (Log, LogStore) {
        let config = LogConfig { hand_over: false, ..LogConfig::at("/node", "a-store") };
        disk.create_dir_all(std::path::Path::new("/node")).unwrap();
        disk.sync_dir(std::path::Path::new("/")).unwrap();
        let log = Log::open(Arc::new(disk.clone()), config, |_, _, _| Ok(())).unwrap();
        let (syncer, _) = Syncer::start(log.clone(), |_| {}).unwrap();
        (log.clone(), LogStore::new(log, SETUP, syncer, Arc::default(), Held::new(None), Calm::default()))
    }

    fn entry(index: u64) -> Record<'static> {
        Record::Entry { group: GROUP, index: LogIndex(index), term: 1, payload: &[0x80] }
    }

    fn id(index: u64) -> LogId {
        log_id(LogPoint { index: LogIndex(index), term: 1 })
    }

    #[tokio::test]
    async fn a_vote_and_a_truncation_are_durable_when_they_are_answered() {
        for seed in 0..20 {
            let disk = SimulatedDisk::new(seed);
            let (log, mut store) = open(&disk);
            log.append(&[entry(1), entry(2), entry(3)]).unwrap();
            log.make_durable().unwrap();
            store.truncate(id(2)).await.unwrap();
            let disk = disk.crash();
            let (_, mut store) = open(&disk);
            assert_eq!(store.get_log_state().await.unwrap().last_log_id, Some(id(1)), "seed {seed}");
            store.save_vote(&Vote::new(9, 4)).await.unwrap();
            let (_, mut store) = open(&disk.crash());
            assert_eq!(store.read_vote().await.unwrap(), Some(Vote::new(9, 4)), "seed {seed}");
        }
    }

    #[tokio::test]
    async fn whoever_asks_whether_the_consensus_goes_on_knows_of_every_write() {
        let (_, mut store) = open(&SimulatedDisk::new(5));
        let calm = store.entries.calm.clone();
        let assert_known = |what: &str| {
            assert!(calm.has_written(), "{what}");
            calm.answered(calm.asks());
        };
        assert!(!calm.has_written());
        store.save_vote(&Vote::new(1, 4)).await.unwrap();
        assert_known("a vote");
        let entries = [1, 2, 3].map(|index| Entry { log_id: id(index), payload: EntryPayload::Blank });
        store.blocking_append(entries).await.unwrap();
        assert_known("entries");
        store.truncate(id(3)).await.unwrap();
        assert_known("a truncation");
        store.purge(id(2)).await.unwrap();
        assert_known("a purge");
    }

    #[tokio::test]
    async fn a_log_follows_a_checkpoint_and_keeps_nothing_that_was_never_committed() {
        let at = |index, term| Some(LogPoint { index: LogIndex(index), term });
        // Entries 1 to 5 of term 1, with checkpoints of other replicas: what is left of the log.
        let cases = [
            (at(3, 1), None, at(5, 1), "the log has it"),
            (at(5, 1), None, at(5, 1), "to the last entry"),
            (at(9, 4), at(9, 4), at(9, 4), "it is beyond the log"),
            (at(3, 2), at(3, 2), at(3, 2), "another entry was committed there: this one, and what follows it, were not"),
            (at(5, 2), at(5, 2), at(5, 2), "the last one was not"),
        ];
        for (applied, purged, last, why) in cases {
            let disk = SimulatedDisk::new(3);
            let (log, store) = open(&disk);
            log.append(&[entry(1), entry(2), entry(3), entry(4), entry(5)]).unwrap();
            log.make_durable().unwrap();
            store.follow(applied).await.unwrap();
            let (log, store) = open(&disk.crash());
            let group = log.group(GROUP).unwrap();
            assert_eq!((group.purged, group.last), (purged, last), "{why}");
            store.follow(applied).await.unwrap();
            assert_eq!(log.group(GROUP).unwrap().last, last, "{why}: once is enough");
        }
    }

    #[tokio::test]
    async fn what_a_checkpoint_does_not_hold_yet_is_purged_when_it_does_and_nothing_is_appended_before() {
        let disk = SimulatedDisk::new(1);
        let (log, mut store) = open(&disk);
        log.append(&[entry(1), entry(2)]).unwrap();
        store.purge(id(9)).await.unwrap();
        let purged = || log.group(GROUP).and_then(|group| group.purged).map(|purged| purged.index);
        assert_eq!(purged(), None, "a crash now would leave neither the entries nor the checkpoint");
        store.held.raise(LogIndex(9));
        store.truncate(id(10)).await.unwrap();
        assert_eq!(purged(), Some(LogIndex(9)));
        store.purge(id(12)).await.unwrap();
        store.held.fail();
        assert!(store.truncate(id(13)).await.is_err(), "nothing true can be said of a log whose checkpoint failed");
        assert_eq!(purged(), Some(LogIndex(9)));
    }

    #[tokio::test]
    async fn what_is_read_to_be_sent_begins_where_it_was_asked_for() {
        let (log, mut store) = open(&SimulatedDisk::new(1));
        log.append(&[entry(1), entry(2), entry(3)]).unwrap();
        store.held.raise(LogIndex(1));
        store.purge(id(1)).await.unwrap();
        assert!(store.limited_get_log_entries(1, 4).await.unwrap().is_empty(), "entry 2 does not follow what is before entry 1");
        let read = store.limited_get_log_entries(2, 4).await.unwrap();
        assert_eq!(read.iter().map(|entry| entry.log_id.index).collect::<Vec<_>>(), [2, 3]);
    }

    #[tokio::test]
    async fn what_is_read_to_be_sent_is_one_large_entry_or_several_that_fit_together() {
        let (log, mut store) = open(&SimulatedDisk::new(1));
        let payload = |bytes: usize| {
            let words = rmp_serde::to_vec_named(&std::collections::BTreeMap::from([("proposal", "x".repeat(bytes))]));
            words.unwrap()
        };
        let payloads =
            [payload(READ_BYTES / 2), payload(READ_BYTES / 4), payload(sutra_storage::REPLICA_ENTRY_BYTES - 64), payload(8)];
        for (index, payload) in (1..).map(LogIndex).zip(&payloads) {
            log.append(&[Record::Entry { group: GROUP, index, term: 1, payload }]).unwrap();
        }
        let mut sent = Vec::new();
        let mut from = 1;
        while from < 5 {
            let read = store.limited_get_log_entries(from, 5).await.unwrap();
            sent.push(read.iter().map(|entry| entry.log_id.index).collect::<Vec<_>>());
            from += read.len() as u64;
            let message = AppendEntriesRequest::<TypeConfig> {
                vote: Vote::new_committed(u64::MAX, u64::MAX),
                prev_log_id: Some(id(u64::MAX)),
                entries: read,
                leader_commit: Some(id(u64::MAX)),
            };
            assert!(words::request(u64::MAX, &message).unwrap().len() <= sutra_peer::PAYLOAD_BYTES);
        }
        assert_eq!(sent, [vec![1, 2], vec![3], vec![4]]);
    }

    #[tokio::test]
    async fn who_led_begins_again_without_leading() {
        let (_, mut store) = open(&SimulatedDisk::new(1));
        for (led, begins) in
            [(Vote::new_committed(9, 4), Vote::new(9, 4)), (Vote::new_committed(9, 5), Vote::new_committed(9, 5))]
        {
            store.save_vote(&led).await.unwrap();
            assert_eq!(store.read_vote().await.unwrap(), Some(begins));
        }
    }

    #[tokio::test]
    async fn a_log_that_ends_before_the_checkpoint_begins_behind_it() {
        let disk = SimulatedDisk::new(1);
        let (log, store) = open(&disk);
        log.append(&[entry(1), entry(2)]).unwrap();
        store.follow(Some(LogPoint { index: LogIndex(2), term: 1 })).await.unwrap();
        assert_eq!(log.group(GROUP).unwrap().purged, None, "it has all that it needs");
        store.follow(Some(LogPoint { index: LogIndex(5), term: 1 })).await.unwrap();
        assert_eq!(log.group(GROUP).unwrap().last, Some(LogPoint { index: LogIndex(5), term: 1 }));
    }
}
