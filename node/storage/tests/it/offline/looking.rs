//! Verifying and reading, which change nothing.

use std::path::Path;
use std::sync::Arc;

use sutra_disk::{Disk, SimulatedDisk};
use sutra_storage::offline::{self, Holds, OfflineError};
use sutra_storage::{OpenError, SHARD};

use super::archive::{Archive, DIR, archive, namespaces, open, read, runtime};

#[test]
fn a_sound_store_is_whole_and_every_file_is_told() {
    let archive = archive(3);
    let before = archive.bytes();
    let report = archive.verify();
    assert!(report.is_whole(), "{:?}", report.faults().collect::<Vec<_>>());
    assert_eq!(report.unreferenced, Vec::<std::path::PathBuf>::new());
    assert_eq!(report.applied[&SHARD].0, 52);
    let told: Vec<_> = report.files.iter().map(|file| file.file.clone()).collect();
    let there = archive.disk.paths().into_iter().filter(|path| !path.ends_with("LOCK"));
    for path in there {
        assert!(told.contains(&path), "{path:?} is not in {told:?}");
    }
    let parts = report.files.iter().filter_map(|file| match &file.holds {
        Holds::Segment { parts } => Some(parts.iter().map(|part| (part.namespace.to_string(), part.concepts)).collect()),
        _ => None,
    });
    let parts: Vec<Vec<_>> = parts.collect();
    let ward = |rows| ("ward-7".to_owned(), rows);
    let legal = |rows| ("legal".to_owned(), rows);
    assert_eq!(parts, [vec![legal(2), ward(46)], vec![legal(4), ward(3)], vec![ward(2)]]);
    assert_eq!(archive.bytes(), before, "looking changes nothing");
}

/// Damages a copy, and asks whether the report names the file.
fn names(archive: &Archive, file: &Path, damage: impl Fn(&Archive)) {
    let copy = archive.copy();
    damage(&copy);
    let before = copy.bytes();
    let report = copy.verify();
    let faults: Vec<_> = report.faults().collect();
    // Of a folder that ends too early the next name is told.
    assert!(faults.iter().any(|fault| fault.contains(&*file.to_string_lossy())), "{}: {faults:?}", file.display());
    assert_eq!(copy.bytes(), before);
    assert!(
        offline::open_read_only(copy.disk(), Path::new(DIR)).is_err() || file.extension().is_some_and(|kind| kind == "sutradat")
    );
}

#[test]
fn damage_of_every_kind_of_file_is_told_with_its_name() {
    let archive = archive(3);
    for file in archive.files("") {
        if file.ends_with("LOCK") {
            continue;
        }
        let (first, last) = (0, archive.size(&file) - 1);
        let is_log = file.extension().is_some_and(|kind| kind == "log");
        // Behind the last frame a log has room.
        let places = if is_log { vec![first, 60] } else { vec![first, last / 2, last] };
        for place in places {
            names(&archive, &file, |copy| copy.flip(&file, place));
        }
        if !file.ends_with("DURABLE") && !is_log {
            names(&archive, &file, |copy| copy.remove(&file));
        }
    }
    let archive = super::archive::archive(0);
    let logs = archive.files("wal");
    assert!(logs.len() > 2, "{logs:?}");
    names(&archive, &logs[1], |copy| copy.remove(&logs[1]));
}

#[test]
fn files_that_do_not_fit_each_other_are_told() {
    let (older, newer) = (archive(2), archive(3));
    let manifest = Path::new(DIR).join("MANIFEST");
    sutra_disk::replace(&newer.disk, &manifest, &older.disk.read(&manifest).unwrap()).unwrap();
    let report = newer.verify();
    let told: Vec<_> = report.faults().collect();
    assert!(told.iter().any(|fault| fault.contains("is not the one that the manifest names")), "{told:?}");

    // Closing left a gap: the log's purge went beyond what this manifest has.
    let archive = super::archive::archive(2);
    let before = archive.disk.read(&manifest).unwrap();
    let store = open(&archive.disk);
    runtime().block_on(async {
        store.checkpoint().await.unwrap();
        store.close().await;
    });
    sutra_disk::replace(&archive.disk, &manifest, &before).unwrap();
    archive.disk.sync_all();
    let report = archive.verify();
    let told: Vec<_> = report.faults().collect();
    assert!(told.iter().any(|fault| fault.contains("they do not meet")), "{told:?}");
}

#[test]
fn what_no_manifest_names_is_listed_and_is_no_damage() {
    let archive = archive(3);
    let left = Path::new(DIR).join("segments/0000000000000099.sutradat");
    sutra_disk::create_whole(&archive.disk, &left, b"a checkpoint that was cut short").unwrap();
    let report = archive.verify();
    assert!(report.is_whole());
    assert_eq!(report.unreferenced, [left]);
}

#[test]
fn a_closed_store_reads_as_the_open_one_did_and_no_byte_changes() {
    for checkpoints in 0..4 {
        let archive = archive(checkpoints);
        let before = (archive.bytes(), archive.disk.mutations());
        let snapshot = offline::open_read_only(archive.disk(), Path::new(DIR)).unwrap();
        assert_eq!(read(&snapshot), archive.contents, "{checkpoints} checkpoints");
        assert_eq!(snapshot.applied().0, 52);
        let refused = sutra_storage::Store::open(super::archive::config(&archive.disk));
        assert!(matches!(refused.err(), Some(OpenError::InUse { .. })));
        drop(snapshot);
        assert_eq!((archive.bytes(), archive.disk.mutations()), before, "{checkpoints} checkpoints");
    }
}

#[test]
fn a_directory_in_use_or_of_another_kind_is_refused() {
    let archive = archive(1);
    let store = open(&archive.disk);
    let dir = Path::new(DIR);
    let error = offline::verify(archive.disk(), dir).unwrap_err();
    assert!(matches!(error, OfflineError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("in use by another process"), "{error}");
    assert!(matches!(offline::open_read_only(archive.disk(), dir), Err(OpenError::InUse { .. })));
    runtime().block_on(store.close());

    let empty = SimulatedDisk::new(1);
    empty.create_dir_all(dir).unwrap();
    let disk: Arc<dyn Disk> = Arc::new(empty.clone());
    assert!(matches!(offline::verify(Arc::clone(&disk), dir), Err(OfflineError::NoStore { .. })));
    assert!(matches!(offline::verify(Arc::clone(&disk), Path::new("/mistyped")), Err(OfflineError::NoStore { .. })));
    assert!(matches!(offline::open_read_only(disk, dir), Err(OpenError::Identity { .. })));
    assert!(empty.paths().is_empty(), "no lock is left behind");
    assert_eq!(namespaces().len(), archive.contents.len());
}
