//! What is written reads back.

use std::path::Path;

use sutra_disk::{Disk, RealDisk, SimulatedDisk};
use sutra_segment::{Pace, Segment, SegmentId, write};

use crate::answers::assert_answers;
use crate::fixture::{FILE, Knowledge, STORE, minute};

#[test]
fn a_ward_reads_back_through_every_way_of_asking() {
    let ward = Knowledge::ward();
    let segment = ward.segment();
    assert_eq!(segment.id(), SegmentId(7));
    assert_answers(&segment.parts()[0], &ward);
    segment.verify().unwrap();
}

#[test]
fn namespaces_of_one_file_do_not_mix() {
    let (ward, mut court) = (Knowledge::ward(), Knowledge::new("contract_law"));
    court.record(court.plain("An offer lapses when it is rejected.", minute(0)));
    let empty = Knowledge::new("treasury");
    let disk = SimulatedDisk::new(1);
    let written = write(&disk, Path::new(FILE), SegmentId(9), STORE, &[&ward, &court, &empty], &Pace::default()).unwrap();
    let segment = Segment::open(&disk, Path::new(FILE), STORE).unwrap();
    assert_eq!((segment.bytes(), segment.root()), (written.bytes, written.root));
    for (part, knowledge) in segment.parts().iter().zip([&ward, &court, &empty]) {
        assert_answers(part, knowledge);
    }
    segment.verify().unwrap();
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let bytes = || {
        let disk = SimulatedDisk::new(1);
        Knowledge::ward().write(&disk);
        disk.read(Path::new(FILE)).unwrap()
    };
    assert_eq!(bytes(), bytes());
}

#[test]
fn a_segment_without_parts_is_one() {
    let disk = SimulatedDisk::new(1);
    write(&disk, Path::new(FILE), SegmentId(1), STORE, &[], &Pace::default()).unwrap();
    let segment = Segment::open(&disk, Path::new(FILE), STORE).unwrap();
    assert!(segment.parts().is_empty());
    segment.verify().unwrap();
}

#[test]
fn a_mapped_file_answers_as_one_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    let ward = Knowledge::ward();
    write(&RealDisk, &path, SegmentId(7), STORE, &[&ward], &Pace::default()).unwrap();
    assert_eq!(RealDisk.list(dir.path()).unwrap(), [FILE]);
    let segment = Segment::open(&RealDisk, &path, STORE).unwrap();
    // A file that is mapped may be removed.
    RealDisk.remove(&path).unwrap();
    assert_answers(&segment.parts()[0], &ward);
}
