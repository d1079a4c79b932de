//! A group's entries by the record.

use super::*;

const WARD: GroupId = GroupId(3);

fn entry(index: u64, term: u64) -> Record<'static> {
    Record::Entry { group: WARD, index: LogIndex(index), term, payload: b"aspirin" }
}

/// Every record in file `file`, at the offset that is its index.
fn take(group: &mut Group, file: u64, records: &[Record<'_>]) {
    for record in records {
        let offset = if let Record::Entry { index, .. } = record { index.0 } else { 0 };
        let outline = group.outline().step(record).unwrap();
        group.apply(record, outline, file, offset, 23);
    }
}

fn point(index: u64, term: u64) -> Option<LogPoint> {
    Some(LogPoint { index: LogIndex(index), term })
}

#[test]
fn entries_are_found_by_file_and_term_through_truncation_and_purge() {
    let mut group = Group::default();
    take(&mut group, 1, &[entry(1, 1), entry(2, 1), entry(3, 2)]);
    take(&mut group, 2, &[entry(4, 2), entry(5, 2)]);
    assert_eq!(group.place(2), Some((Place { file: 1, offset: 2, len: 23 }, 1)));
    assert_eq!(group.place(4), Some((Place { file: 2, offset: 4, len: 23 }, 2)));
    assert_eq!(group.oldest(), Some((1, LogIndex(3))));
    take(&mut group, 3, &[Record::Truncate { group: WARD, from: LogIndex(5) }, entry(5, 3)]);
    assert_eq!(group.place(5), Some((Place { file: 3, offset: 5, len: 23 }, 3)));
    take(&mut group, 3, &[Record::Purge { group: WARD, upto: LogIndex(3), term: 2 }]);
    assert_eq!(group.oldest(), Some((2, LogIndex(4))));
    let state = group.state(WARD);
    assert_eq!((state.purged, state.first, state.last), (point(3, 2), point(4, 2), point(5, 3)));
    assert_eq!(group.place(3), None);
    assert_eq!(group.place(6), None);
}

#[test]
fn a_purge_beyond_the_end_moves_the_beginning() {
    let mut group = Group::default();
    take(&mut group, 1, &[entry(0, 1), entry(1, 1), Record::Purge { group: WARD, upto: LogIndex(40), term: 6 }]);
    let state = group.state(WARD);
    assert_eq!((state.purged, state.first, state.last), (point(40, 6), None, point(40, 6)));
    assert_eq!(group.oldest(), None);
    assert!(group.outline().step(&entry(2, 1)).is_err());
    take(&mut group, 2, &[entry(41, 6)]);
    assert_eq!(group.state(WARD).first, point(41, 6));
}

#[test]
fn what_cannot_follow_is_refused_with_the_index() {
    let mut group = Group::default();
    take(&mut group, 1, &[entry(5, 1), entry(6, 1), Record::Purge { group: WARD, upto: LogIndex(5), term: 1 }]);
    for (record, names) in [
        (entry(8, 1), "entry 7 must be"),
        (entry(6, 1), "entry 7 must be"),
        (Record::Truncate { group: WARD, from: LogIndex(5) }, "up to 5 are purged"),
        (Record::Purge { group: WARD, upto: LogIndex(u64::MAX), term: 1 }, "not below"),
    ] {
        let refused = group.outline().step(&record).unwrap_err();
        assert!(refused.contains(names), "{refused}");
    }
}

#[test]
fn truncating_the_first_entry_keeps_its_index_for_the_next() {
    let mut group = Group::default();
    take(&mut group, 1, &[entry(0, 1), entry(1, 1), Record::Truncate { group: WARD, from: LogIndex(0) }]);
    assert_eq!(group.state(WARD).last, None);
    assert!(group.outline().step(&entry(1, 2)).is_err());
    take(&mut group, 1, &[entry(0, 2)]);
    assert_eq!(group.state(WARD).last, point(0, 2));
}

#[test]
fn a_group_of_a_start_has_absent_entries_until_they_are_purged_or_truncated() {
    let mut whole = Group::default();
    take(&mut whole, 1, &[entry(1, 1), entry(2, 1), entry(3, 1)]);
    let start = whole.start(WARD);
    let mut purged = Group::of_start(&start);
    assert_eq!(purged.start(WARD), start);
    assert_eq!(purged.absent(), Some((1, 3)));
    take(&mut purged, 2, &[entry(4, 1), Record::Purge { group: WARD, upto: LogIndex(2), term: 1 }]);
    assert_eq!(purged.absent(), Some((3, 3)));
    take(&mut purged, 2, &[Record::Purge { group: WARD, upto: LogIndex(3), term: 1 }]);
    assert_eq!(purged.absent(), None);
    let mut truncated = Group::of_start(&start);
    take(&mut truncated, 2, &[Record::Truncate { group: WARD, from: LogIndex(2) }]);
    assert_eq!(truncated.absent(), Some((1, 1)));
    take(&mut truncated, 2, &[Record::Truncate { group: WARD, from: LogIndex(1) }, entry(1, 2)]);
    assert_eq!(truncated.absent(), None);
    assert_eq!(truncated.state(WARD).last, point(1, 2));
}
