//! What is appended is there again when the log is opened.

use std::sync::Arc;

use sutra_disk::RealDisk;
use sutra_protocol::command::LogIndex;
use sutra_wal::{AppendError, Durability, GroupId, LogConfig, LogPoint, LoggedEntry, Need, Record};

use crate::fixture::*;

fn point(index: u64, term: u64) -> Option<LogPoint> {
    Some(LogPoint { index: LogIndex(index), term })
}

#[test]
fn entries_read_back_over_several_files_and_openings() {
    let dir = tempfile::tempdir().unwrap();
    let small = || LogConfig { file_bytes: 300, ..config(dir.path()) };
    let (log, _) = open_with(Arc::new(RealDisk), small()).unwrap();
    write(&log, &[entry(1, "aspirin treats fever"), entry(2, "warfarin interacts with aspirin"), entry(3, "INR was 2.4")]);
    assert!(log.file_count() > 1, "the log rotated");
    drop(log);
    let (log, handed) = open_with(Arc::new(RealDisk), small()).unwrap();
    assert_eq!(handed[&WARD].len(), 3);
    write(&log, &[entry(4, "warfarin was stopped")]);
    let read = log.read(WARD, LogIndex(2)..LogIndex(9), usize::MAX).unwrap();
    assert_eq!(read.iter().map(|entry| entry.index.0).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(read[2], LoggedEntry { index: LogIndex(4), term: 1, payload: b"warfarin was stopped".to_vec() });
    log.close().unwrap();
    assert_eq!(payloads(dir.path()).unwrap().last().unwrap(), "warfarin was stopped");
}

#[test]
fn truncation_purge_vote_and_committed_stand_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path()).unwrap();
    let pharmacy = |index: u64, term: u64| Record::Entry { group: PHARMACY, index: LogIndex(index), term, payload: b"stock" };
    log.append(&[entry(1, "first"), entry(2, "second"), entry(3, "third"), pharmacy(0, 1), pharmacy(1, 1), pharmacy(2, 1)])
        .unwrap();
    log.append(&[
        purge(1),
        Record::Truncate { group: PHARMACY, from: LogIndex(1) },
        pharmacy(1, 4),
        Record::Vote { group: PHARMACY, vote: b"term 4 for node 2" },
        Record::Committed { group: PHARMACY, index: LogIndex(1) },
    ])
    .unwrap();
    let before = log.groups();
    drop(log);
    let (log, handed) = open(dir.path()).unwrap();
    assert_eq!(log.groups(), before);
    assert_eq!(handed[&WARD].iter().map(|(index, _)| *index).collect::<Vec<_>>(), [2, 3], "what is purged is not handed over");
    assert_eq!(handed[&PHARMACY].iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 1], "nor what is truncated");
    let ward = log.group(WARD).unwrap();
    assert_eq!((ward.purged, ward.first, ward.last), (point(1, 1), point(2, 1), point(3, 1)));
    let stock = log.group(PHARMACY).unwrap();
    assert_eq!((stock.purged, stock.first, stock.last), (None, point(0, 1), point(1, 4)));
    assert_eq!(stock.vote.as_deref(), Some(b"term 4 for node 2".as_slice()));
    assert_eq!(stock.committed, Some(LogIndex(1)));
    log.append(&[Record::Forget { group: PHARMACY }]).unwrap();
    drop(log);
    let (log, handed) = open(dir.path()).unwrap();
    assert_eq!((log.group(PHARMACY), handed.get(&PHARMACY)), (None, None));
}

#[test]
fn what_a_file_begins_with_stands_for_the_files_that_were_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path()).unwrap();
    write(&log, &[entry(1, "first"), entry(2, "second"), Record::Vote { group: PHARMACY, vote: b"for node 3" }]);
    log.rotate().unwrap();
    write(&log, &[entry(3, "third")]);
    log.rotate().unwrap();
    log.rotate().unwrap();
    assert_eq!(log.file_count(), 3, "a file without a record is new enough");
    assert_eq!(log.oldest_file_needs(), [Need { group: WARD, upto: LogIndex(2) }]);
    assert_eq!(log.drop_unneeded().unwrap(), 0);
    log.append(&[purge(2)]).unwrap();
    assert_eq!(log.oldest_file_needs(), []);
    let before = log.bytes();
    assert_eq!(log.drop_unneeded().unwrap(), 1);
    assert!(log.bytes() < before);
    let groups = log.groups();
    drop(log);
    assert!(!file(dir.path(), 1).exists());
    let (log, handed) = open(dir.path()).unwrap();
    assert_eq!((log.groups(), handed[&WARD].len()), (groups, 1));
    write(&log, &[purge(3)]);
    assert_eq!(log.drop_unneeded().unwrap(), 1, "the last file always stays");
    drop(log);
    let (log, handed) = open(dir.path()).unwrap();
    assert_eq!((log.file_count(), handed.len()), (1, 0));
    assert_eq!(log.group(WARD).unwrap().last, point(3, 1));
    write(&log, &[entry(4, "fourth")]);
    drop(log);
    assert_eq!(payloads(dir.path()).unwrap(), ["fourth"]);
}

#[test]
fn entries_in_a_checkpoint_are_not_handed_over_but_stay_readable() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path()).unwrap();
    write(&log, &[entry(1, "first"), entry(2, "second"), entry(3, "third")]);
    drop(log);
    let held = LogConfig { replay_after: [(WARD, LogIndex(2))].into(), ..config(dir.path()) };
    let (log, handed) = open_with(Arc::new(RealDisk), held).unwrap();
    assert_eq!(handed[&WARD], [(3, b"third".to_vec())]);
    assert_eq!(log.read(WARD, LogIndex(0)..LogIndex(3), 0).unwrap()[0].payload, b"first");
}

#[test]
fn a_read_is_bounded_by_bytes_but_for_its_first_entry() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path()).unwrap();
    write(&log, &[entry(1, "0123456789"), entry(2, "01234"), entry(3, "01234"), entry(4, "")]);
    let indices = |range: std::ops::Range<u64>, bytes: usize| {
        let read = log.read(WARD, LogIndex(range.start)..LogIndex(range.end), bytes).unwrap();
        read.into_iter().map(|entry| entry.index.0).collect::<Vec<_>>()
    };
    assert_eq!(indices(1..9, 0), [1]);
    assert_eq!(indices(1..9, 15), [1, 2]);
    assert_eq!(indices(1..3, usize::MAX), [1, 2]);
    assert_eq!(indices(2..9, 10), [2, 3, 4]);
    assert_eq!(indices(5..9, 10), [0; 0]);
    assert_eq!(log.read(PHARMACY, LogIndex(0)..LogIndex(9), 10).unwrap(), []);
}

#[test]
fn records_that_cannot_follow_leave_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path()).unwrap();
    write(&log, &[entry(1, "first")]);
    let before = (log.bytes(), log.groups());
    let vote = vec![0; sutra_wal::VOTE_BYTES + 1];
    for records in [
        vec![entry(2, "second"), entry(2, "again")],
        vec![entry(7, "beyond")],
        vec![purge(1), Record::Truncate { group: WARD, from: LogIndex(1) }],
        vec![Record::Vote { group: PHARMACY, vote: &vote }],
        vec![Record::Vote { group: PHARMACY, vote: b"" }],
    ] {
        let refused = log.append(&records);
        assert!(matches!(refused, Err(AppendError::Invalid { .. })), "{records:?}: {refused:?}");
    }
    assert_eq!((log.bytes(), log.groups()), before);
    write(&log, &[entry(2, "second")]);
    drop(log);
    assert_eq!(payloads(dir.path()).unwrap(), ["first", "second"]);
}

#[test]
fn a_buffered_log_is_there_after_the_end_of_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let buffered = LogConfig { durability: Durability::Buffered, ..config(dir.path()) };
    let (log, _) = open_with(Arc::new(RealDisk), buffered).unwrap();
    let syncs = log.stats().syncs;
    write(&log, &[entry(1, "first"), entry(2, "second")]);
    assert_eq!(log.stats().syncs, syncs);
    drop(log);
    assert_eq!(payloads(dir.path()).unwrap(), ["first", "second"]);
}

#[test]
fn the_largest_group_id_and_an_empty_payload_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path()).unwrap();
    let group = GroupId(u64::MAX);
    write(&log, &[Record::Entry { group, index: LogIndex(0), term: u64::MAX, payload: b"" }]);
    drop(log);
    let (log, handed) = open(dir.path()).unwrap();
    assert_eq!(handed[&group], [(0, Vec::new())]);
    assert_eq!(log.group(group).unwrap().last, point(0, u64::MAX));
}
