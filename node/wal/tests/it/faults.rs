//! The log on disks that are full or fail.

use std::path::Path;
use std::sync::Arc;

use sutra_disk::{Disk, DiskCall, Failure, Fault, SimulatedDisk, When};
use sutra_protocol::command::LogIndex;
use sutra_wal::{AppendError, Log, LogConfig, Record};

use crate::fixture::*;

fn disk() -> SimulatedDisk {
    let disk = SimulatedDisk::new(7);
    disk.create_dir_all(Path::new("/data")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk
}

fn at(file_bytes: u64, preallocate: bool) -> LogConfig {
    LogConfig { file_bytes, preallocate, ..LogConfig::at("/data", STORE) }
}

fn on(disk: &SimulatedDisk, config: LogConfig) -> (Log, Handed) {
    open_with(Arc::new(disk.clone()), config).unwrap()
}

fn indices(handed: &Handed) -> Vec<u64> {
    handed.get(&WARD).into_iter().flatten().map(|(index, _)| *index).collect()
}

#[test]
fn a_full_disk_refuses_and_space_that_is_freed_is_written_again() {
    // Where the file's blocks are taken beforehand it is the next file that there is no space for.
    for (preallocate, bytes) in [(false, 4 << 20), (true, 1 << 20)] {
        let disk = disk();
        let (log, _) = on(&disk, at(bytes, preallocate));
        write(&log, &[entry(1, "first")]);
        let state = log.groups();
        disk.set_capacity(Some(disk.used() + 4096));
        // Several frames at once: a part of the write reaches the disk, with whole frames in it.
        let large = "x".repeat(1 << 20);
        for _ in 0..3 {
            let refused = log.append(&[entry(2, "second"), entry(3, "third"), entry(4, &large)]);
            assert!(matches!(refused, Err(AppendError::Refused(_))), "{refused:?}");
            assert_eq!(log.groups(), state);
        }
        assert_eq!(log.read(WARD, LogIndex(0)..LogIndex(9), 100).unwrap().len(), 1, "reading goes on");
        disk.set_capacity(None);
        write(&log, &[entry(2, "another second")]);
        drop(log);
        let (_, handed) = on(&disk.crash(), at(bytes, preallocate));
        assert_eq!(handed[&WARD], [(1, b"first".to_vec()), (2, b"another second".to_vec())]);
    }
}

#[test]
fn a_part_of_a_refused_write_never_stands_behind_what_is_written_next() {
    // "second" fails half-way, with "third" behind it; "SECOND" is as long, so that "third" would be the next frame.
    for seed in 0..40 {
        let disk = SimulatedDisk::new(seed);
        disk.create_dir_all(Path::new("/data")).unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        let (log, _) = on(&disk, at(1 << 20, true));
        write(&log, &[entry(1, "first")]);
        disk.fault(Fault::new(DiskCall::Write, Failure::Late, When::Nth(1)));
        let refused = log.append(&[entry(2, "second"), entry(3, "third")]);
        assert!(matches!(refused, Err(AppendError::Refused(_))), "{refused:?}");
        log.append(&[entry(2, "SECOND")]).unwrap();
        drop(log);
        let (_, handed) = on(&disk.crash(), at(1 << 20, true));
        let read = &handed[&WARD];
        assert!(read[0].1 == b"first" && read.len() <= 2, "seed {seed}: {read:?}");
        assert!(read.get(1).is_none_or(|(_, payload)| payload == b"SECOND"), "seed {seed}: {read:?}");
    }
}

#[test]
fn on_a_full_disk_what_frees_space_can_still_be_written() {
    let disk = disk();
    let (log, _) = on(&disk, at(16 << 10, true));
    let payload = "x".repeat(1_000);
    let mut index = 0;
    while log.file_count() < 4 {
        index += 1;
        write(&log, &[entry(index, &payload)]);
    }
    disk.set_capacity(Some(disk.used()));
    let refused = loop {
        match log.append(&[entry(index + 1, &payload)]) {
            Ok(_) => index += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AppendError::Refused(_)), "{refused}");
    let files = log.file_count();
    let needs = log.oldest_file_needs();
    log.append(&[Record::Purge { group: WARD, upto: needs[0].upto, term: 1 }]).unwrap();
    // The floor is a small file of its own, for which there must be some space.
    disk.set_capacity(Some(disk.used() + 8192));
    assert_eq!(log.drop_unneeded().unwrap(), 1);
    assert_eq!(log.file_count(), files - 1);
    disk.set_capacity(None);
    write(&log, &[entry(index + 1, &payload)]);
    drop(log);
    let (log, handed) = on(&disk.crash(), at(16 << 10, true));
    assert_eq!(indices(&handed), (needs[0].upto.0 + 1..=index + 1).collect::<Vec<_>>());
    drop(log);
}

#[test]
fn a_log_on_a_full_disk_opens() {
    let disk = disk();
    let (log, _) = on(&disk, at(1 << 20, false));
    write(&log, &[entry(1, &"x".repeat(3_700))]);
    log.close().unwrap();
    disk.set_capacity(Some(0));
    for _ in 0..50 {
        let (log, handed) = on(&disk, at(1 << 20, false));
        assert_eq!(indices(&handed), [1]);
        assert_eq!(log.read(WARD, LogIndex(1)..LogIndex(2), 0).unwrap().len(), 1);
    }
    let (log, _) = on(&disk, at(1 << 20, false));
    assert!(matches!(log.append(&[entry(2, &"x".repeat(5_000))]), Err(AppendError::Refused(_))));
    disk.set_capacity(None);
    write(&log, &[entry(2, "second")]);
}

#[test]
fn a_file_goes_only_when_what_made_it_unneeded_is_durable() {
    for seed in 0..40 {
        let disk = SimulatedDisk::new(seed);
        disk.create_dir_all(Path::new("/data")).unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        let (log, _) = on(&disk, at(1 << 20, false));
        for index in 1..4 {
            write(&log, &[entry(index, "first")]);
            log.rotate().unwrap();
        }
        // Nobody syncs the purge but the dropping.
        log.append(&[purge(3)]).unwrap();
        disk.crash_after(1 + seed % 12);
        let _ = log.drop_unneeded();
        let (log, _) = on(&disk.crash(), at(1 << 20, false));
        assert_eq!(log.group(WARD).unwrap().last.unwrap().index, LogIndex(3), "seed {seed}");
    }
}

#[test]
fn a_failed_fsync_is_final() {
    let disk = disk();
    let (log, _) = on(&disk, at(1 << 20, true));
    write(&log, &[entry(1, "first")]);
    let position = log.append(&[entry(2, "second")]).unwrap();
    disk.fault(Fault::new(DiskCall::Sync, Failure::Lost, When::Nth(1)));
    assert!(matches!(log.sync(position), Err(AppendError::Fatal(_))));
    disk.heal();
    // The disk is well again, and would answer success for what it has dropped.
    assert!(matches!(log.sync(position), Err(AppendError::Fatal(_))));
    assert!(matches!(log.append(&[entry(3, "third")]), Err(AppendError::Fatal(_))));
    assert!(matches!(log.rotate(), Err(AppendError::Fatal(_))));
    assert!(matches!(log.drop_unneeded(), Err(AppendError::Fatal(_))));
    assert!(matches!(log.close(), Err(AppendError::Fatal(_))));
}

#[test]
fn what_is_read_back_after_a_failed_fsync_is_written_again() {
    for seed in 0..40 {
        let disk = SimulatedDisk::new(seed);
        disk.create_dir_all(Path::new("/data")).unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        let (log, _) = on(&disk, at(1 << 20, true));
        write(&log, &[entry(1, "first")]);
        let position = log.append(&[entry(2, &"second".repeat(2_000))]).unwrap();
        disk.fault(Fault::new(DiskCall::Sync, Failure::Lost, When::Nth(1)));
        log.sync(position).unwrap_err();
        disk.heal();
        drop(log);
        // The next process reads it from the page cache, and may answer with it: then it must survive.
        let (log, handed) = on(&disk, at(1 << 20, true));
        assert_eq!(indices(&handed), [1, 2]);
        drop(log);
        let (_, handed) = on(&disk.crash(), at(1 << 20, true));
        assert_eq!(indices(&handed), [1, 2], "seed {seed}");
    }
}

#[test]
fn a_write_error_that_cannot_be_undone_is_final() {
    let disk = disk();
    let (log, _) = on(&disk, at(1 << 20, false));
    write(&log, &[entry(1, "first")]);
    disk.fault(Fault::new(DiskCall::Write, Failure::Torn, When::From(1)).on(".log"));
    disk.fault(Fault::new(DiskCall::SetLen, Failure::Io, When::From(1)).on(".log"));
    assert!(matches!(log.append(&[entry(2, "second")]), Err(AppendError::Fatal(_))));
    disk.heal();
    assert!(matches!(log.append(&[entry(2, "second")]), Err(AppendError::Fatal(_))));
    drop(log);
    let (_, handed) = on(&disk.crash(), at(1 << 20, false));
    assert_eq!(indices(&handed)[0], 1);
}

#[test]
fn a_write_error_that_can_be_undone_is_not() {
    let disk = disk();
    let (log, _) = on(&disk, at(1 << 20, true));
    disk.fault(Fault::new(DiskCall::Write, Failure::Torn, When::Nth(1)).on(".log"));
    assert!(matches!(log.append(&[entry(1, "first")]), Err(AppendError::Refused(_))));
    write(&log, &[entry(1, "first again")]);
    drop(log);
    let (_, handed) = on(&disk.crash(), at(1 << 20, true));
    assert_eq!(handed[&WARD], [(1, b"first again".to_vec())]);
}

#[test]
fn many_writers_share_fsyncs_and_each_is_durable_when_it_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path()).unwrap();
    let before = log.stats().syncs;
    std::thread::scope(|scope| {
        for group in 1..=16 {
            let log = &log;
            scope.spawn(move || {
                for index in 1..=25 {
                    let group = sutra_wal::GroupId(group);
                    let record = Record::Entry { group, index: LogIndex(index), term: 1, payload: b"INR was 2.4" };
                    log.sync(log.append(&[record]).unwrap()).unwrap();
                }
            });
        }
    });
    let syncs = log.stats().syncs - before;
    assert!((25..16 * 25).contains(&syncs), "{syncs} fsyncs for 16 writers with 25 writes each");
    drop(log);
    let (_, handed) = open(dir.path()).unwrap();
    assert!(handed.len() == 16 && handed.values().all(|entries| entries.len() == 25));
}
