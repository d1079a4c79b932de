//! A file of each version of the format opens for ever.

use std::path::Path;

use sutra_disk::{Disk, RealDisk, SimulatedDisk};
use sutra_segment::Segment;

use crate::answers::assert_answers;
use crate::fixture::{FILE, Knowledge, STORE};

const V3: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v3.sutradat");

#[test]
fn the_file_of_version_3_gives_every_answer_that_it_gave_when_it_was_written() {
    let segment = Segment::open(&RealDisk, Path::new(V3), STORE).unwrap();
    assert_answers(&segment.parts()[0], &Knowledge::ward());
    segment.verify().unwrap();
}

#[test]
fn what_is_written_today_is_the_file_of_version_3() {
    // A change of the writer that old readers understand replaces the file by one of its own; a change that they don't is version 4.
    let disk = SimulatedDisk::new(1);
    Knowledge::ward().write(&disk);
    let written = disk.read(Path::new(FILE)).unwrap();
    let kept = RealDisk.read(Path::new(V3)).unwrap();
    assert_eq!(written.len(), kept.len());
    let differs = written.iter().zip(&kept).position(|(a, b)| a != b);
    assert_eq!(differs, None, "the first byte that differs");
}

#[test]
#[ignore = "writes the file that the others read"]
fn write_the_file_of_the_current_version() {
    let disk = SimulatedDisk::new(1);
    Knowledge::ward().write(&disk);
    std::fs::write(V3, disk.read(Path::new(FILE)).unwrap()).unwrap();
}
