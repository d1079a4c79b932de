//! A directory that holds replicas of several shards, each the only one of its group: what is proposed is committed at once.

mod checkpoints;
mod closing;
mod deliveries;

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use sutra_disk::{Disk, SimulatedDisk};
use sutra_protocol::command::{Command, LogIndex, Operation};
use sutra_protocol::{KeyRange, Knowledge, PlacementKey};
use sutra_storage::offline::{self, Holds, OfflineError};
use sutra_storage::{
    Checkpoint, CheckpointFile, Committed, Consensus, Cut, Directory, Fate, HeldSegments, Incoming, IncomingFile, OpenError,
    Placement, Proposal, Quarantined, Store, StoreConfig, StoreStats,
};
use sutra_wal::{GroupId, Log, LogPoint, Record};

use crate::{command, id, learn, view};

const GRID: &str = "grid-of-the-test";
const DIR: &str = "/node";

/// The log of one replica, which decides alone.
struct Alone {
    log: Log,
    group: GroupId,
    proposed: Mutex<Sender<(Vec<u8>, Proposal)>>,
}

impl Alone {
    fn append(&self, record: Record<'_>) {
        let position = self.log.append(&[record]).unwrap();
        self.log.sync(position).unwrap();
    }

    fn purge(&self, upto: LogIndex) {
        self.append(Record::Purge { group: self.group, upto, term: 1 });
        self.log.drop_unneeded().unwrap();
    }
}

impl Consensus for Alone {
    fn propose(&self, payload: Vec<u8>, proposal: Proposal) {
        // The receiver is dropped with its replica.
        let _ = self.proposed.lock().unwrap().send((payload, proposal));
    }

    fn checkpointed(&self, _: LogIndex) {}

    fn cut(&self, upto: LogIndex, cut: Cut) {
        self.purge(upto);
        cut.resolve(Ok(()));
    }
}

/// A replica that leads.
struct Replica {
    store: Store,
    consensus: Arc<Alone>,
    proposed: Receiver<(Vec<u8>, Proposal)>,
}

impl Replica {
    fn open(directory: &Directory, placement: &Placement, config: &StoreConfig) -> Result<Self, OpenError> {
        let (asks, proposed) = channel();
        let (log, group) = (directory.log().clone(), GroupId(placement.shard));
        let consensus = Arc::new(Alone { log, group, proposed: Mutex::new(asks) });
        let store = Store::replica(directory, placement, config.clone(), Arc::clone(&consensus) as _)?;
        store.lead(true);
        Ok(Self { store, consensus, proposed })
    }

    async fn write(&self, operation: Operation) -> LogIndex {
        self.entry(operation).await.point.index
    }

    /// The same, for others to apply it, too.
    async fn entry(&self, operation: Operation) -> Committed {
        self.submit(command(operation)).await
    }

    async fn submit(&self, command: Command) -> Committed {
        let written = self.store.admit(command).unwrap();
        let (payload, proposal) = self.proposed.recv().unwrap();
        let point = LogPoint { index: LogIndex(self.store.applied().0 + 1), term: 1 };
        let group = self.consensus.group;
        self.consensus.append(Record::Entry { group, index: point.index, term: point.term, payload: &payload });
        let entry = Committed { point, payload };
        self.store.apply(vec![entry.clone()]).await.unwrap();
        proposal.resolve(Fate::Applied);
        assert_eq!(written.await.unwrap().index, point.index);
        entry
    }

    /// A content like this that the shard keeps.
    fn like(&self, content: &str) -> String {
        let mut all = (0..).map(|number| format!("{content} {number}"));
        all.find(|content| self.store.range().keeps(id(content))).unwrap()
    }

    async fn teach(&self, content: &str) {
        let operation = learn(&self.like(content)).operations.remove(0);
        self.write(operation).await;
    }

    fn knows(&self, content: &str) -> bool {
        view(&self.store).concept(id(&self.like(content))).is_some()
    }

    /// Has all others take what there is for them.
    async fn deliver(&self) {
        let newest = self.store.effects(0, usize::MAX).last().unwrap().number;
        self.write(Operation::Delivered(newest)).await;
    }
}

fn disk() -> SimulatedDisk {
    let disk = SimulatedDisk::new(11);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    disk
}

fn config(disk: &SimulatedDisk) -> StoreConfig {
    StoreConfig { disk: Arc::new(disk.clone()), log_file_bytes: 128 << 10, log_bytes: 1 << 20, ..StoreConfig::at(DIR) }
}

/// Of three shards, one third of the placement space each.
fn placement(shard: u64) -> Placement {
    let bound = |at: u64| PlacementKey::from(u128::MAX / 3 * u128::from(at));
    let range = KeyRange { start: bound(shard - 1), end: (shard < 3).then(|| bound(shard)) };
    Placement { shard, replica: 10 + shard, range, epoch: 1 }
}

/// The replicas of these shards, in one directory.
fn open(disk: &SimulatedDisk, shards: &[u64]) -> (Directory, Vec<Replica>) {
    let config = config(disk);
    let directory = Directory::open(&config, GRID).unwrap();
    let replicas = shards.iter().map(|shard| Replica::open(&directory, &placement(*shard), &config).unwrap());
    let replicas = replicas.collect();
    (directory, replicas)
}

async fn close(directory: Directory, replicas: Vec<Replica>) {
    for replica in &replicas {
        replica.store.close().await;
    }
    drop(replicas);
    directory.close().unwrap();
}

/// A checkpoint as it has come to another disk, with this done to each of its files.
fn received(disk: &SimulatedDisk, checkpoint: &Checkpoint, damage: impl Fn(&mut [u8])) -> Incoming {
    let file = |(at, file): (usize, &CheckpointFile)| {
        let mut content = vec![0; file.bytes as usize];
        assert_eq!(file.content.read_at(0, &mut content).unwrap(), content.len());
        damage(&mut content);
        let path = Path::new(DIR).join(format!("{at}.part"));
        sutra_disk::replace(disk, &path, &content).unwrap();
        IncomingFile { signature: file.signature, received: Some(path) }
    };
    let files = checkpoint.files.iter().enumerate().map(file).collect();
    Incoming { manifest: checkpoint.manifest.clone(), files, held: HeldSegments::default() }
}

async fn until(otherwise: &str, is_so: impl Fn() -> bool) {
    for _ in 0..6_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("{otherwise}");
}

#[tokio::test]
async fn the_first_shard_s_files_are_where_they_always_were_and_the_others_beside_them() {
    let disk = disk();
    let (directory, replicas) = open(&disk, &[1, 2, 3]);
    for (replica, content) in replicas.iter().zip(["aspirin", "warfarin", "heparin"]) {
        replica.teach(content).await;
        replica.store.checkpoint().await.unwrap();
    }
    for (shard, replica) in (1..).zip(&replicas) {
        assert_eq!((replica.store.shard(), replica.store.range()), (shard, placement(shard).range));
    }
    close(directory, replicas).await;
    for file in ["MANIFEST", "shards/2/MANIFEST", "shards/3/MANIFEST"] {
        assert!(disk.read(&Path::new(DIR).join(file)).is_ok(), "{file}");
    }
    for folder in ["segments", "shards/2/segments", "shards/3/segments"] {
        assert_eq!(disk.list(&Path::new(DIR).join(folder)).unwrap().len(), 1, "{folder}");
    }
    let (directory, replicas) = open(&disk, &[3, 1, 2]);
    for (replica, content) in replicas.iter().zip(["heparin", "aspirin", "warfarin"]) {
        for other in ["aspirin", "warfarin", "heparin"] {
            assert_eq!(replica.knows(other), other == content, "{other} in shard {}", replica.store.shard());
        }
    }
    close(directory, replicas).await;
}

#[tokio::test]
async fn a_directory_need_not_hold_the_first_shard() {
    let disk = disk();
    let (directory, replicas) = open(&disk, &[3]);
    replicas[0].teach("heparin").await;
    close(directory, replicas).await;
    assert!(disk.read(&Path::new(DIR).join("MANIFEST")).is_err());
    let (directory, replicas) = open(&disk, &[3]);
    assert!(replicas[0].knows("heparin"));
    close(directory, replicas).await;
}

#[tokio::test]
async fn a_manifest_in_the_place_of_another_shard_s_is_refused_and_a_lost_one_is_not_made_up() {
    let disk = disk();
    let (directory, replicas) = open(&disk, &[2, 3]);
    replicas[0].teach("warfarin").await;
    replicas[1].teach("heparin").await;
    close(directory, replicas).await;
    let of = |shard: u64| Path::new(DIR).join(format!("shards/{shard}/MANIFEST"));
    let other = disk.read(&of(3)).unwrap();
    sutra_disk::replace(&disk, &of(2), &other).unwrap();
    let config = config(&disk);
    let directory = Directory::open(&config, GRID).unwrap();
    let refused = Replica::open(&directory, &placement(2), &config).err().expect("it is shard 3's").to_string();
    assert_eq!(refused, "manifest /node/shards/2/MANIFEST is that of shard 3, in the place of shard 2");
    disk.remove(&of(2)).unwrap();
    let lost = Replica::open(&directory, &placement(2), &config).err().expect("there is a log").to_string();
    assert_eq!(lost, "manifest /node/shards/2/MANIFEST is missing, but there is a log");
    assert!(Replica::open(&directory, &placement(3), &config).is_ok(), "the others open");
}

/// What a directory's log holds of a text.
fn is_logged(disk: &SimulatedDisk, text: &str) -> bool {
    let folder = Path::new("/node/wal");
    let files = disk.list(folder).unwrap();
    files.iter().any(|name| disk.read(&folder.join(name)).unwrap().windows(text.len()).any(|part| part == text.as_bytes()))
}

#[tokio::test]
async fn what_was_erased_during_a_quarantine_leaves_the_log_of_the_healed_replica() {
    const SECRET: &str = "patient 4711";
    let (mine, theirs) = (disk(), disk());
    let (directory, replicas) = open(&mine, &[2]);
    let (others, others_replicas) = open(&theirs, &[2]);
    for replica in replicas.iter().chain(&others_replicas) {
        replica.teach(SECRET).await;
    }
    let one = &others_replicas[0];
    let erased = one.write(Operation::Erase(id(&one.like(SECRET)))).await;
    one.deliver().await;
    let scrubbed = tokio::time::timeout(std::time::Duration::from_secs(30), one.store.scrub(erased));
    scrubbed.await.expect("what was erased is not scrubbed");
    assert!(!is_logged(&theirs, SECRET) && is_logged(&mine, SECRET));

    replicas[0].store.close().await;
    drop(replicas);
    directory.quarantine(2, Quarantined { replica: 12, reason: "most know something else".into() }).unwrap();
    let checkpoint = one.store.newest_checkpoint().await.unwrap().unwrap();
    let incoming = received(&mine, &checkpoint, |_| {});
    assert_eq!(directory.heal(&placement(2), &incoming).unwrap().index, one.store.applied());
    assert_eq!(directory.quarantined(2).unwrap(), None);

    let healed = Replica::open(&directory, &placement(2), &config(&mine)).unwrap();
    let scrubbed = tokio::time::timeout(std::time::Duration::from_secs(30), healed.store.scrub(erased));
    scrubbed.await.expect("nobody is told that it is scrubbed");
    assert!(!is_logged(&mine, SECRET), "who is told that it is nowhere is told what is not so");
    close(directory, vec![healed]).await;
    close(others, others_replicas).await;
}

#[tokio::test]
async fn the_numbers_of_all_shards_are_added_up_and_the_log_is_told_once() {
    let disk = disk();
    let (directory, replicas) = open(&disk, &[1, 2, 3]);
    for replica in &replicas {
        replica.teach("aspirin").await;
        replica.teach("warfarin").await;
    }
    replicas[2].store.checkpoint().await.unwrap();
    let all = StoreStats::of_all(replicas.iter().map(|replica| replica.store.stats()));
    assert_eq!((all.concepts, all.entries, all.checkpoints, all.segments), (6, 6, 1, 1));
    assert_eq!((all.wal_bytes, all.wal_files), (directory.log().bytes(), 1));
    assert_eq!(StoreStats::of_all([]), StoreStats::default());
    close(directory, replicas).await;
}

#[test]
fn the_stores_of_a_directory_share_the_memory_that_is_meant_for_it() {
    let config = StoreConfig { delta_bytes: 48 << 20, ..StoreConfig::at(DIR) };
    let shares = [1, 4, 12, 200].map(|stores| config.clone().shared_by(stores).delta_bytes >> 20);
    assert_eq!(shares, [48, 12, 4, 4]);
    // Who asks for less than that gets it.
    assert_eq!(StoreConfig { delta_bytes: 1 << 20, ..config }.shared_by(1).delta_bytes, 1 << 20);
}

#[tokio::test]
async fn the_tools_look_at_all_shards_and_change_and_export_none_of_them() {
    let disk = disk();
    let (directory, replicas) = open(&disk, &[1, 2, 3]);
    for (replica, content) in replicas.iter().zip(["aspirin", "warfarin", "heparin"]) {
        replica.teach(content).await;
        replica.store.checkpoint().await.unwrap();
        replica.teach("in the log alone").await;
    }
    close(directory, replicas).await;
    let shared = |disk: &SimulatedDisk| -> Arc<dyn Disk> { Arc::new(disk.clone()) };
    let report = offline::verify(shared(&disk), Path::new(DIR)).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.applied, [(1, LogIndex(2)), (2, LogIndex(2)), (3, LogIndex(2))].into());
    let segments = report.files.iter().filter(|file| matches!(file.holds, Holds::Segment { .. }));
    let segments: Vec<_> = segments.map(|file| file.file.clone()).collect();
    assert!(segments.len() >= 3 && segments.iter().any(|file| file.starts_with("/node/shards/3/segments")), "{segments:?}");
    let repaired = offline::repair(shared(&disk), Path::new(DIR), true);
    assert!(matches!(repaired, Err(OfflineError::Replica { .. })), "{repaired:?}");
    let exported = offline::open_read_only(shared(&disk), Path::new(DIR)).err().map(|error| error.to_string());
    let sentence = "data directory /node holds shards 1, 2, 3, each a part of what its grid knows: ask the grid's nodes";
    assert_eq!(exported.as_deref(), Some(sentence));
    let alone = Store::open(config(&disk)).err().map(|error| error.to_string()).unwrap();
    assert!(alone.contains("holds a replica of a grid of several nodes"), "{alone}");
    let damaged = disk.snapshot().disk(1);
    damaged.flip(&segments[segments.len() - 1], 100, 1).unwrap();
    assert!(!offline::verify(shared(&damaged), Path::new(DIR)).unwrap().is_whole());
}

#[tokio::test]
async fn a_log_over_its_budget_is_given_up_by_whoever_keeps_its_oldest_file() {
    let disk = disk();
    let (directory, replicas) = open(&disk, &[1, 2, 3]);
    let [idle, busy, never] = &replicas[..] else { panic!("there are three") };
    idle.teach("aspirin").await;
    for number in 0..40 {
        busy.teach(&format!("{number} {}", "x".repeat(60 << 10))).await;
    }
    let budget = config(&disk).log_bytes;
    until("the log does not come back to its budget", || directory.log().bytes() <= budget).await;
    assert_eq!(idle.store.stats().checkpoints, 1);
    assert_eq!(never.store.stats().checkpoints, 0, "it keeps nothing");
    close(directory, replicas).await;
}

#[tokio::test]
async fn what_one_shard_erases_leaves_the_files_that_the_others_entries_are_in() {
    let disk = disk();
    let (directory, replicas) = open(&disk, &[1, 2, 3]);
    let holders = || {
        let disk = disk.snapshot().disk(0);
        let holds = |path: &std::path::PathBuf| disk.read(path).unwrap().windows(7).any(|window| window == b"Kossuth");
        disk.paths().into_iter().filter(holds).collect::<Vec<_>>()
    };
    for replica in &replicas {
        replica.teach("a note before").await;
        replica.teach("a note before, too").await;
    }
    replicas[1].teach("patient Kossuth").await;
    replicas[2].teach("a note behind").await;
    assert!(!holders().is_empty(), "nothing would be shown");
    let erased = replicas[1].write(Operation::Erase(id(&replicas[1].like("patient Kossuth")))).await;
    replicas[1].deliver().await;
    tokio::time::timeout(std::time::Duration::from_secs(30), replicas[1].store.scrub(erased)).await.expect("it is not scrubbed");
    assert_eq!(holders(), Vec::<std::path::PathBuf>::new());
    close(directory, replicas).await;
    let (directory, replicas) = open(&disk, &[1, 2, 3]);
    assert!(replicas.iter().all(|replica| replica.knows("a note before")) && replicas[2].knows("a note behind"));
    assert!(!replicas[1].knows("patient Kossuth"));
    close(directory, replicas).await;
}

/// What a directory has: shards and replicas.
fn kept(directory: &Directory, wanted: &[u64]) -> Vec<(u64, u64)> {
    let replicas = directory.replicas(|shard, replica| wanted.contains(&shard) && replica == Some(10 + shard)).unwrap();
    replicas.iter().map(|one| (one.shard, one.replica)).collect()
}

#[tokio::test]
async fn a_replica_that_is_given_up_leaves_the_log_and_the_files_and_the_shard_may_come_back() {
    for given_up in [1, 2] {
        let disk = disk();
        let (directory, mut replicas) = open(&disk, &[1, 2, 3]);
        for replica in &replicas {
            replica.teach("before").await;
            replica.store.checkpoint().await.unwrap();
            replica.teach("after").await;
        }
        replicas.remove(given_up as usize - 1).store.close().await;
        directory.give_up(given_up).unwrap();
        directory.give_up(given_up).unwrap();
        let others: Vec<(u64, u64)> = (1..=3).filter(|shard| *shard != given_up).map(|shard| (shard, 10 + shard)).collect();
        assert_eq!((kept(&directory, &[1, 2, 3]), directory.log().group(GroupId(given_up))), (others.clone(), None));
        close(directory, replicas).await;

        // A new replica of it, under another number, begins with nothing; the others have what they had.
        let config = config(&disk);
        let directory = Directory::open(&config, GRID).unwrap();
        assert_eq!(kept(&directory, &[1, 2, 3]), others);
        let again = Replica::open(&directory, &Placement { replica: 99, ..placement(given_up) }, &config).unwrap();
        assert!(!again.knows("before") && !again.knows("after"));
        again.teach("anew").await;
        let mut replicas: Vec<Replica> =
            others.iter().map(|(shard, _)| Replica::open(&directory, &placement(*shard), &config).unwrap()).collect();
        assert!(replicas.iter().all(|replica| replica.knows("before")));
        replicas.push(again);
        close(directory, replicas).await;
        let directory = Directory::open(&config, GRID).unwrap();
        assert!(kept(&directory, &[]).contains(&(given_up, 99)), "whatever a map says, only its group can say that it goes");
        directory.close().unwrap();
    }
}

#[tokio::test]
async fn what_a_replica_had_that_is_given_up_leaves_the_files_that_it_shared_with_others() {
    let disk = disk();
    let (directory, mut replicas) = open(&disk, &[1, 2, 3]);
    let holders = || {
        let disk = disk.snapshot().disk(0);
        let holds = |path: &std::path::PathBuf| disk.read(path).unwrap().windows(7).any(|window| window == b"Kossuth");
        disk.paths().into_iter().filter(holds).collect::<Vec<_>>()
    };
    for replica in &replicas {
        replica.teach("a note before").await;
    }
    replicas[1].teach("patient Kossuth").await;
    replicas[1].store.checkpoint().await.unwrap();
    replicas[1].teach("patient Kossuth again").await;
    replicas[2].teach("a note behind").await;
    assert!(!holders().is_empty(), "nothing would be shown");
    replicas.remove(1).store.close().await;
    directory.give_up(2).unwrap();
    until("it stays in some file", || holders().is_empty()).await;
    close(directory, replicas).await;
    let (directory, replicas) = open(&disk, &[1, 3]);
    assert!(replicas.iter().all(|replica| replica.knows("a note before")) && replicas[1].knows("a note behind"));
    close(directory, replicas).await;
}

#[tokio::test]
async fn a_replica_that_is_given_up_is_whole_or_gone_wherever_the_power_fails() {
    for given_up in [1, 2] {
        let mut seen = Vec::new();
        for nth in 1.. {
            let disk = SimulatedDisk::new(nth);
            disk.create_dir_all(Path::new(DIR)).unwrap();
            let (directory, mut replicas) = open(&disk, &[1, 2]);
            for replica in &replicas {
                replica.teach("before").await;
                replica.store.checkpoint().await.unwrap();
            }
            for replica in replicas.drain(..) {
                replica.store.close().await;
            }
            disk.crash_after(nth);
            let done = directory.give_up(given_up);
            if !disk.is_off() {
                done.unwrap();
                break;
            }
            let crashed = disk.crash();
            let directory = Directory::open(&config(&crashed), GRID).unwrap();
            let is_there = kept(&directory, &[1, 2]).iter().any(|(shard, _)| *shard == given_up);
            seen.push(is_there);
            let replica = Replica::open(&directory, &placement(3 - given_up), &config(&crashed)).unwrap();
            assert!(replica.knows("before"), "call {nth}");
            let again = Replica::open(&directory, &placement(given_up), &config(&crashed)).unwrap();
            assert_eq!(again.knows("before"), is_there, "call {nth}");
            close(directory, vec![replica, again]).await;
        }
        seen.dedup();
        assert!(seen.contains(&true) && seen.contains(&false), "the power failed before nothing, or behind nothing: {seen:?}");
    }
}

#[tokio::test]
async fn a_replica_that_was_never_told_anything_goes_when_nobody_wants_it() {
    let disk = disk();
    let (directory, replicas) = open(&disk, &[1, 2]);
    close(directory, replicas).await;
    let directory = Directory::open(&config(&disk), GRID).unwrap();
    assert_eq!(kept(&directory, &[2]), [(2, 12)]);
    assert_eq!(kept(&directory, &[1, 2]), [(2, 12)]);
}
