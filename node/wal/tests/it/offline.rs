//! Looking at a log that nobody has open.

use std::fs;

use sutra_disk::RealDisk;
use sutra_protocol::command::LogIndex;
use sutra_wal::offline::{self, FileEnd};
use sutra_wal::{Record, WalError};

use crate::fixture::*;

fn dumped(dir: &std::path::Path) -> String {
    let mut out = Vec::new();
    offline::dump(&RealDisk, dir, Some(STORE), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_dump_has_a_line_for_every_frame_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path()).unwrap();
    write(&log, &[entry(1, "first"), Record::Vote { group: PHARMACY, vote: b"for node 2" }, purge(1)]);
    log.rotate().unwrap();
    write(&log, &[Record::Committed { group: WARD, index: LogIndex(1) }, Record::Truncate { group: WARD, from: LogIndex(2) }]);
    write(&log, &[Record::Forget { group: PHARMACY }]);
    drop(log);
    let path = file(dir.path(), 2);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(b"torn");
    fs::write(&path, &bytes).unwrap();
    let text = dumped(dir.path());
    let kinds: Vec<_> = text.lines().skip(1).map(|line| line.split_whitespace().nth(2).unwrap()).collect();
    let expected = ["file-start", "entry", "vote", "purge", "end,", "file-start", "committed", "truncate", "forget", "torn:"];
    assert_eq!(kinds, expected, "{text}");
    assert!(text.contains("store-of-the-ward, 2 groups"), "{text}");
    let entry: Vec<_> = text.lines().nth(2).unwrap().split_whitespace().collect();
    assert_eq!(entry[3..7], ["1", "1", "1", "21"], "group, index, term, length: {text}");
    assert!(text.lines().last().unwrap().contains("4 bytes are left unread"), "{text}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert!(matches!(offline::dump(&RealDisk, dir.path(), Some("other"), &mut Vec::new()), Err(WalError::Foreign { .. })));
}

#[test]
fn verify_says_of_every_file_what_is_in_it_and_of_the_log_whether_it_opens() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path()).unwrap();
    write(&log, &[entry(1, "first"), entry(2, "second")]);
    log.rotate().unwrap();
    write(&log, &[entry(3, "third")]);
    let groups = log.groups();
    log.close().unwrap();
    let report = offline::verify(&RealDisk, dir.path(), Some(STORE)).unwrap();
    assert!(report.is_whole());
    assert_eq!(report.groups, groups);
    let counts: Vec<_> = report.files.iter().map(|file| (file.frames, file.entries)).collect();
    assert_eq!(counts, [(3, 2), (3, 1)], "start and entries; start, entry and mark");
    let whole = fs::metadata(file(dir.path(), 2)).unwrap().len();

    let torn = copy(dir.path());
    let mut bytes = fs::read(file(dir.path(), 2)).unwrap();
    bytes.extend_from_slice(&[7; 100]);
    fs::write(file(torn.path(), 2), &bytes).unwrap();
    let report = offline::verify(&RealDisk, torn.path(), None).unwrap();
    assert!(report.is_whole(), "{:?}", report.problem);
    assert!(matches!(report.files[1].end, FileEnd::Torn { offset, .. } if offset == whole), "{:?}", report.files[1]);
    assert_eq!(fs::read(file(torn.path(), 2)).unwrap(), bytes, "nothing is cut");

    for (id, at) in [(1, 100), (2, whole as usize - 1)] {
        let damaged = copy(dir.path());
        let mut bytes = fs::read(file(dir.path(), id)).unwrap();
        bytes[at] ^= 4;
        fs::write(file(damaged.path(), id), bytes).unwrap();
        let report = offline::verify(&RealDisk, damaged.path(), None).unwrap();
        let named = file(damaged.path(), id);
        assert!(matches!(&report.problem, Some(WalError::Damaged { file, .. }) if *file == named), "{:?}", report.problem);
        assert!(matches!(report.files[id as usize - 1].end, FileEnd::Damaged { offset, .. } if offset <= at as u64));
    }
}
