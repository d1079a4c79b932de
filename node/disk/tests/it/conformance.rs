//! What every disk does alike.

use std::io::ErrorKind;
use std::path::Path;

use sutra_disk::{Disk, Open, RealDisk, SimulatedDisk, create_whole, replace};

/// A suite of tests, each run on every kind of disk in a new directory.
macro_rules! on_every_disk {
    ($($name:ident),* $(,)?) => {
        mod real {
            $(#[test] fn $name() {
                let dir = tempfile::tempdir().unwrap();
                super::$name(&super::RealDisk, dir.path());
            })*
        }
        mod simulated {
            $(#[test] fn $name() {
                let disk = super::SimulatedDisk::new(1);
                let dir = std::path::Path::new("/ward");
                super::Disk::create_dir_all(&disk, dir).unwrap();
                super::$name(&disk, dir);
            })*
        }
    };
}

on_every_disk!(
    a_file_is_opened_as_asked,
    what_is_written_is_read_at_every_offset,
    holes_read_as_zeroes,
    a_cut_file_has_lost_its_end_for_good,
    allocated_space_reads_as_zeroes_and_changes_nothing_below,
    names_are_listed_sorted,
    a_rename_takes_the_place_of_what_was_there,
    an_open_file_outlives_its_name,
    a_lock_has_one_holder,
    what_is_not_there_is_not_found,
    a_file_opened_to_read_is_not_written,
    a_map_is_the_whole_file,
    small_files_are_replaced_whole,
    directories_are_made_with_their_parents,
);

fn a_file_is_opened_as_asked(disk: &dyn Disk, dir: &Path) {
    let path = dir.join("0001.log");
    assert_eq!(disk.open(&path, Open::Read).unwrap_err().kind(), ErrorKind::NotFound);
    disk.open(&path, Open::Write).unwrap().write_at(0, b"aspirin").unwrap();
    let mut buffer = [0; 16];
    assert_eq!(disk.open(&path, Open::Write).unwrap().read_at(0, &mut buffer).unwrap(), 7);
    assert_eq!(disk.open(&path, Open::Read).unwrap().read_at(0, &mut buffer).unwrap(), 7);
    assert_eq!(&buffer[..7], b"aspirin");
    let mut emptied = disk.open(&path, Open::Create).unwrap();
    assert_eq!((emptied.size().unwrap(), disk.size(&path).unwrap()), (0, 0));
    emptied.write_at(0, b"iron").unwrap();
    assert_eq!(disk.read(&path).unwrap(), b"iron");
}

fn what_is_written_is_read_at_every_offset(disk: &dyn Disk, dir: &Path) {
    let path = dir.join("a");
    let mut file = disk.open(&path, Open::Create).unwrap();
    let mut expected = vec![0; 3 * 4096];
    for (at, len) in [(0, 4096), (4090, 12), (100, 8192), (8191, 2), (12_287, 1)] {
        let bytes: Vec<u8> = (0..len).map(|byte| (byte + at) as u8 | 1).collect();
        file.write_at(at as u64, &bytes).unwrap();
        expected[at..at + len].copy_from_slice(&bytes);
    }
    file.write_at(5, b"").unwrap();
    assert_eq!(disk.read(&path).unwrap(), expected);
    for offset in [0, 1, 4095, 4096, 12_280, 12_288, 1 << 40] {
        let mut buffer = [0xee; 20];
        let there = file.read_at(offset as u64, &mut buffer).unwrap();
        let rest = expected.get(offset..).unwrap_or_default();
        assert_eq!(there, rest.len().min(20), "at {offset}");
        assert_eq!(buffer[..there], rest[..there], "at {offset}");
        assert!(buffer[there..].iter().all(|byte| *byte == 0xee), "at {offset}");
    }
}

fn holes_read_as_zeroes(disk: &dyn Disk, dir: &Path) {
    let path = dir.join("a");
    let mut file = disk.open(&path, Open::Create).unwrap();
    file.write_at(10_000, b"end").unwrap();
    let bytes = disk.read(&path).unwrap();
    assert_eq!((bytes.len(), &bytes[10_000..]), (10_003, &b"end"[..]));
    assert!(bytes[..10_000].iter().all(|byte| *byte == 0));
}

fn a_cut_file_has_lost_its_end_for_good(disk: &dyn Disk, dir: &Path) {
    let path = dir.join("a");
    let mut file = disk.open(&path, Open::Create).unwrap();
    file.write_at(0, &[7; 9_000]).unwrap();
    file.set_len(5_000).unwrap();
    assert_eq!(file.size().unwrap(), 5_000);
    file.set_len(9_000).unwrap();
    let bytes = disk.read(&path).unwrap();
    assert!(bytes[..5_000].iter().all(|byte| *byte == 7) && bytes[5_000..].iter().all(|byte| *byte == 0));
    assert_eq!(bytes.len(), 9_000);
}

fn allocated_space_reads_as_zeroes_and_changes_nothing_below(disk: &dyn Disk, dir: &Path) {
    let path = dir.join("0001.log");
    let mut file = disk.open(&path, Open::Create).unwrap();
    file.allocate(0).unwrap();
    assert_eq!(file.size().unwrap(), 0);
    file.write_at(0, b"frame").unwrap();
    file.allocate(20_000).unwrap();
    assert_eq!(file.size().unwrap(), 20_000);
    file.allocate(10).unwrap();
    assert_eq!(file.size().unwrap(), 20_000);
    let bytes = disk.read(&path).unwrap();
    assert!(bytes.starts_with(b"frame") && bytes[5..].iter().all(|byte| *byte == 0));
}

fn names_are_listed_sorted(disk: &dyn Disk, dir: &Path) {
    assert!(disk.list(dir).unwrap().is_empty());
    for name in ["b", "a", "c"] {
        disk.open(&dir.join(name), Open::Create).unwrap();
    }
    disk.create_dir_all(&dir.join("aa")).unwrap();
    disk.remove(&dir.join("b")).unwrap();
    assert_eq!(disk.list(dir).unwrap(), ["a", "aa", "c"]);
    disk.sync_dir(dir).unwrap();
    assert_eq!(disk.list(dir).unwrap(), ["a", "aa", "c"]);
}

fn a_rename_takes_the_place_of_what_was_there(disk: &dyn Disk, dir: &Path) {
    for name in ["new", "old"] {
        disk.open(&dir.join(name), Open::Create).unwrap().write_at(0, name.as_bytes()).unwrap();
    }
    disk.create_dir_all(&dir.join("sub")).unwrap();
    disk.rename(&dir.join("new"), &dir.join("old")).unwrap();
    assert_eq!(
        (disk.list(dir).unwrap(), disk.read(&dir.join("old")).unwrap()),
        (vec!["old".into(), "sub".into()], b"new".into())
    );
    disk.rename(&dir.join("old"), &dir.join("old")).unwrap();
    disk.rename(&dir.join("old"), &dir.join("sub/moved")).unwrap();
    assert_eq!((disk.list(dir).unwrap(), disk.read(&dir.join("sub/moved")).unwrap()), (vec!["sub".into()], b"new".into()));
}

fn an_open_file_outlives_its_name(disk: &dyn Disk, dir: &Path) {
    let path = dir.join("a");
    let mut file = disk.open(&path, Open::Create).unwrap();
    file.write_at(0, b"aspirin").unwrap();
    let map = disk.map(&path).unwrap();
    disk.remove(&path).unwrap();
    disk.sync_dir(dir).unwrap();
    disk.open(&path, Open::Create).unwrap().write_at(0, b"iron").unwrap();
    let mut buffer = [0; 7];
    assert_eq!(file.read_at(0, &mut buffer).unwrap(), 7);
    assert_eq!((&buffer, &*map), (b"aspirin", &b"aspirin"[..]));
    file.sync().unwrap();
    assert_eq!(disk.read(&path).unwrap(), b"iron");
}

fn a_lock_has_one_holder(disk: &dyn Disk, dir: &Path) {
    let path = dir.join("LOCK");
    let lock = disk.lock(&path).unwrap().expect("nobody has it");
    assert!(disk.lock(&path).unwrap().is_none());
    assert!(disk.lock(&dir.join("other")).unwrap().is_some());
    drop(lock);
    assert!(disk.lock(&path).unwrap().is_some());
    assert!(disk.list(dir).unwrap().contains(&"LOCK".into()));
}

fn what_is_not_there_is_not_found(disk: &dyn Disk, dir: &Path) {
    let path = dir.join("absent");
    let deep = path.join("0001.log");
    let errors = [
        disk.list(&path).unwrap_err(),
        disk.size(&path).unwrap_err(),
        disk.read(&path).unwrap_err(),
        disk.map(&path).unwrap_err(),
        disk.rename(&path, &dir.join("a")).unwrap_err(),
        disk.remove(&path).unwrap_err(),
        disk.sync_dir(&path).unwrap_err(),
        disk.open(&deep, Open::Create).unwrap_err(),
        disk.lock(&deep).unwrap_err(),
    ];
    assert!(errors.iter().all(|error| error.kind() == ErrorKind::NotFound), "{errors:?}");
}

fn a_file_opened_to_read_is_not_written(disk: &dyn Disk, dir: &Path) {
    let path = dir.join("a");
    disk.open(&path, Open::Create).unwrap().write_at(0, b"aspirin").unwrap();
    let mut file = disk.open(&path, Open::Read).unwrap();
    assert!(file.write_at(0, b"iron").is_err() && file.set_len(0).is_err() && file.allocate(9_000).is_err());
    assert_eq!(disk.read(&path).unwrap(), b"aspirin");
}

fn a_map_is_the_whole_file(disk: &dyn Disk, dir: &Path) {
    let path = dir.join("a");
    let mut file = disk.open(&path, Open::Create).unwrap();
    assert!(disk.map(&path).unwrap().is_empty());
    file.write_at(4_090, b"aspirin").unwrap();
    file.sync().unwrap();
    let map = disk.map(&path).unwrap();
    assert_eq!((map.len(), &map[4_090..]), (4_097, &b"aspirin"[..]));
    map.advise_random();
    map.advise_sequential();
    map.release();
    assert_eq!(map.clone()[4_090..], b"aspirin"[..]);
}

fn small_files_are_replaced_whole(disk: &dyn Disk, dir: &Path) {
    let path = dir.join("MANIFEST");
    replace(disk, &path, b"one").unwrap();
    replace(disk, &path, b"two and more").unwrap();
    assert_eq!(disk.read(&path).unwrap(), b"two and more");
    create_whole(disk, &path, b"3").unwrap();
    assert_eq!((disk.read(&path).unwrap(), disk.list(dir).unwrap()), (b"3".into(), vec!["MANIFEST".into()]));
}

fn directories_are_made_with_their_parents(disk: &dyn Disk, dir: &Path) {
    let deep = dir.join("shards/1/segments");
    disk.create_dir_all(&deep).unwrap();
    disk.create_dir_all(&deep).unwrap();
    assert_eq!(disk.list(&dir.join("shards")).unwrap(), ["1"]);
    disk.open(&deep.join("a"), Open::Create).unwrap();
    assert!(disk.create_dir_all(&deep.join("a")).is_err() && disk.create_dir_all(&deep.join("a/b")).is_err());
    assert_eq!(disk.list(&deep.join("../segments")).unwrap(), ["a"]);
}
