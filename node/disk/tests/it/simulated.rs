//! What only a simulated disk can show: crashes, faults, full disks, damage.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::Path;

use sutra_disk::{Disk, DiskCall, DiskFile, Failure, Fault, Open, PoweredOff, SimulatedDisk, When, replace};

const LOG: &str = "/store/0001.log";

/// A disk with an empty, durable directory `/store`.
fn disk(seed: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::new(seed);
    disk.create_dir_all(Path::new("/store")).unwrap();
    disk.sync_all();
    disk
}

fn log(disk: &SimulatedDisk) -> Box<dyn DiskFile> {
    disk.open(Path::new(LOG), Open::Write).unwrap()
}

fn read(disk: &SimulatedDisk, path: &str) -> Option<Vec<u8>> {
    disk.read(Path::new(path)).ok()
}

fn durable_log(disk: &SimulatedDisk, content: &[u8]) -> Box<dyn DiskFile> {
    let mut file = log(disk);
    file.write_at(0, content).unwrap();
    file.sync().unwrap();
    disk.sync_dir(Path::new("/store")).unwrap();
    file
}

#[test]
fn what_was_synced_survives_every_crash_and_the_rest_any_way() {
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let disk = disk(seed);
        let mut file = durable_log(&disk, &[1; 8192]);
        file.write_at(0, &[2; 8192]).unwrap();
        file.write_at(8192, &[3; 100]).unwrap();
        let left = read(&disk.crash(), LOG).unwrap();
        assert!(left.len() == 8192 || left.len() == 8292, "{}", left.len());
        assert!(left.chunks(512).take(16).all(|sector| sector == [1; 512] || sector == [2; 512]), "a sector is torn");
        assert!(left[8192..].iter().all(|byte| *byte == 3) || left[8192..].iter().all(|byte| *byte == 0));
        let pages = left.chunks(4096).take(2);
        seen.insert((
            pages.map(|page| page.iter().map(|byte| u64::from(*byte)).sum::<u64>() / 512).collect::<Vec<_>>(),
            left.len(),
        ));
    }
    // Neither, the first only, the second only, both, and torn ones; longer or not.
    for pages in [[8, 8], [16, 8], [8, 16], [16, 16]] {
        assert!(seen.iter().any(|(state, _)| *state == pages), "{pages:?} never happened");
    }
    assert!(seen.iter().any(|(state, _)| state[0] != 8 && state[0] != 16) && seen.len() > 20, "{seen:?}");
}

#[test]
fn names_need_the_directorys_sync() {
    let outcomes = |sync: bool| -> BTreeSet<Vec<String>> {
        let crashed = (0..100).map(|seed| {
            let disk = disk(seed);
            log(&disk).sync().unwrap();
            disk.rename(Path::new(LOG), Path::new("/store/0002.log")).unwrap();
            disk.open(Path::new("/store/a"), Open::Create).unwrap();
            if sync {
                disk.sync_dir(Path::new("/store")).unwrap();
            }
            disk.crash().list(Path::new("/store")).unwrap()
        });
        crashed.collect()
    };
    assert_eq!(outcomes(true), BTreeSet::from([vec!["0002.log".into(), "a".into()]]));
    let unsynced = outcomes(false);
    for names in [vec![], vec!["0001.log"], vec!["0002.log"], vec!["a"], vec!["0002.log", "a"]] {
        assert!(unsynced.contains(&names.iter().map(ToString::to_string).collect::<Vec<_>>()), "{names:?} never happened");
    }
}

#[test]
fn a_removed_file_may_come_back_until_the_directory_is_synced() {
    let back = |sync: bool| {
        (0..50)
            .filter(|seed| {
                let disk = disk(*seed);
                durable_log(&disk, b"aspirin");
                disk.remove(Path::new(LOG)).unwrap();
                if sync {
                    disk.sync_dir(Path::new("/store")).unwrap();
                }
                read(&disk.crash(), LOG).is_some_and(|content| content == b"aspirin")
            })
            .count()
    };
    assert_eq!(back(true), 0);
    assert!((5..45).contains(&back(false)));
}

#[test]
fn a_file_moved_between_directories_is_never_lost() {
    let mut both = 0;
    for seed in 0..200 {
        for synced in ["", "/store", "/store/incoming"] {
            let disk = disk(seed);
            disk.create_dir_all(Path::new("/store/incoming")).unwrap();
            durable_log(&disk, b"aspirin");
            let moved = "/store/incoming/0001.log";
            disk.rename(Path::new(LOG), Path::new(moved)).unwrap();
            if !synced.is_empty() {
                disk.sync_dir(Path::new(synced)).unwrap();
            }
            let left = disk.crash();
            let (here, there) = (read(&left, LOG), read(&left, moved));
            assert!(here.is_some() || there.is_some(), "seed {seed}, {synced:?} synced");
            assert!(synced.is_empty() || there.is_some(), "seed {seed}, {synced:?} synced");
            assert!(synced != "/store" || here.is_none(), "seed {seed}: the old name came back");
            both += usize::from(here.is_some() && there.is_some());
        }
    }
    assert!(both > 10, "{both}");
}

#[test]
fn a_file_renamed_before_its_sync_may_be_torn_and_one_replaced_rightly_never() {
    let (mut torn, mut new) = (0, 0);
    for seed in 0..100 {
        let disk = disk(seed);
        replace(&disk, Path::new("/store/MANIFEST"), &[1; 6000]).unwrap();
        let mut hasty = disk.open(Path::new("/store/hasty.new"), Open::Create).unwrap();
        hasty.write_at(0, &[2; 6000]).unwrap();
        disk.rename(Path::new("/store/hasty.new"), Path::new("/store/hasty")).unwrap();
        disk.crash_after(1 + seed % 5);
        let replaced = replace(&disk, Path::new("/store/MANIFEST"), &[2; 6000]);
        assert!(replaced.is_err_and(|error| PoweredOff::is(&error)));
        let left = disk.crash();
        let manifest = read(&left, "/store/MANIFEST").unwrap();
        assert!(manifest == [1; 6000] || manifest == [2; 6000], "seed {seed}");
        new += usize::from(manifest == [2; 6000]);
        torn += usize::from(read(&left, "/store/hasty").is_some_and(|content| content != [2; 6000]));
    }
    assert!(torn > 10 && new > 5, "{torn} {new}");
}

#[test]
fn the_same_seed_leaves_the_same() {
    let left = |seed| {
        let disk = disk(seed);
        let mut file = durable_log(&disk, &[1; 20_000]);
        (0..20_u64).for_each(|at| file.write_at(at * 1000, &[2; 700]).unwrap());
        let left = disk.crash();
        (read(&left, LOG), read(&left.crash(), LOG))
    };
    assert_eq!(left(5), left(5));
    assert_ne!(left(5), left(6));
    let (once, twice) = left(5);
    assert_eq!(once, twice, "what a crash left is durable");
}

#[test]
fn without_power_nothing_goes_and_after_it_no_old_handle() {
    let disk = disk(1);
    let mut file = durable_log(&disk, b"aspirin");
    let lock = disk.lock(Path::new("/store/LOCK")).unwrap().unwrap();
    let before = disk.mutations();
    disk.crash_after(2);
    file.write_at(0, b"iron").unwrap();
    assert!(PoweredOff::is(&file.sync().unwrap_err()));
    assert!(disk.is_off());
    assert_eq!(disk.mutations(), before + 2);
    let errors = [
        file.write_at(0, b"x").unwrap_err(),
        file.read_at(0, &mut [0]).unwrap_err(),
        disk.list(Path::new("/store")).unwrap_err(),
        disk.create_dir_all(Path::new("/store")).unwrap_err(),
        disk.open(Path::new(LOG), Open::Create).unwrap_err(),
    ];
    assert!(errors.iter().all(PoweredOff::is), "{errors:?}");
    let next = disk.crash();
    assert!(next.lock(Path::new("/store/LOCK")).unwrap().is_some(), "locks end with the power");
    next.open(Path::new(LOG), Open::Write).unwrap().write_at(0, b"ibuprofen").unwrap();
    assert!(file.sync().is_err());
    assert_eq!(read(&next, LOG).unwrap(), b"ibuprofen");
    drop(lock);
}

#[test]
fn each_call_fails_as_it_is_told() {
    let disk = disk(1);
    let mut file = durable_log(&disk, &[1; 100]);
    let store = Path::new("/store");
    let errno = |error: io::Error| error.raw_os_error().unwrap();
    let set = |call, failure| {
        disk.heal();
        disk.fault(Fault::new(call, failure, When::Nth(1)));
    };
    for failure in [Failure::Io, Failure::Late, Failure::Torn, Failure::Lost, Failure::Full] {
        let expected = if failure == Failure::Full { libc::ENOSPC } else { libc::EIO };
        for call in DiskCall::ALL {
            set(call, failure);
            let (a, b) = (Path::new("/store/a"), Path::new("/store/b"));
            let result = match call {
                DiskCall::Open => disk.open(Path::new(LOG), Open::Read).map(drop),
                DiskCall::Create => disk.open(a, Open::Create).map(drop),
                DiskCall::CreateDir => disk.create_dir_all(&store.join(format!("{failure:?}/deep"))),
                DiskCall::List => disk.list(store).map(drop),
                DiskCall::Size => file.size().map(drop),
                DiskCall::Read => disk.read(Path::new(LOG)).map(drop),
                DiskCall::Map => disk.map(Path::new(LOG)).map(drop),
                DiskCall::Write => file.write_at(0, &[2; 100]),
                DiskCall::SetLen => file.set_len(100),
                DiskCall::Allocate => file.allocate(100),
                DiskCall::Sync => file.sync(),
                DiskCall::Rename => {
                    disk.open(a, Open::Create).unwrap();
                    disk.rename(a, b)
                }
                DiskCall::Remove => {
                    disk.open(b, Open::Create).unwrap();
                    disk.remove(b)
                }
                DiskCall::SyncDir => disk.sync_dir(store),
                DiskCall::Lock => disk.lock(Path::new("/store/LOCK")).map(drop),
            };
            assert_eq!(errno(result.expect_err("it failed")), expected, "{call:?} {failure:?}");
            match (call, failure) {
                (DiskCall::Rename, _) => assert_eq!(read(&disk, "/store/b").is_some(), failure == Failure::Late),
                (DiskCall::Remove, _) => assert_eq!(read(&disk, "/store/b").is_none(), failure == Failure::Late),
                (DiskCall::CreateDir, _) => {
                    assert_eq!(disk.list(&store.join(format!("{failure:?}/deep"))).is_ok(), failure == Failure::Late)
                }
                _ => {}
            }
            let _ = (disk.remove(a), disk.remove(b));
        }
    }
}

#[test]
fn a_torn_write_leaves_a_part_and_an_error() {
    let mut parts = BTreeSet::new();
    let disk = disk(1);
    let mut file = durable_log(&disk, &[]);
    disk.fault(Fault::new(DiskCall::Write, Failure::Torn, When::OneIn(1)).on("0001"));
    for _ in 0..50 {
        assert_eq!(file.write_at(0, &[2; 1000]).unwrap_err().raw_os_error(), Some(libc::EIO));
        parts.insert(file.size().unwrap());
        file.set_len(0).unwrap();
    }
    assert!(parts.len() > 10 && parts.iter().all(|len| *len < 1000), "{parts:?}");
}

#[test]
fn a_lost_sync_is_not_made_good_by_the_next() {
    let mut kept = BTreeSet::new();
    for seed in 0..50 {
        let disk = disk(seed);
        let mut file = durable_log(&disk, &[1; 4096 * 4]);
        disk.fault(Fault::new(DiskCall::Sync, Failure::Lost, When::Nth(1)));
        file.write_at(0, &[2; 4096 * 4]).unwrap();
        file.sync().unwrap_err();
        assert_eq!(read(&disk, LOG).unwrap(), [2; 4096 * 4], "who reads still finds it");
        file.sync().unwrap();
        let left = read(&disk.crash(), LOG).unwrap();
        kept.insert(left.chunks(4096).filter(|page| page[0] == 2).count());
    }
    assert!(kept.contains(&0) && kept.contains(&2) && kept.contains(&4), "{kept:?}");
}

#[test]
fn a_full_disk_takes_what_fits_and_what_has_space_already() {
    let disk = disk(1);
    let mut allocated = disk.open(Path::new("/store/0002.log"), Open::Create).unwrap();
    allocated.allocate(8192).unwrap();
    let mut file = durable_log(&disk, &[1; 4096]);
    assert_eq!(disk.used(), 3 * 4096);
    disk.set_capacity(Some(4 * 4096 + 100));
    let full = file.write_at(4000, &[2; 10_000]).unwrap_err();
    assert_eq!((full.kind(), file.size().unwrap(), disk.used()), (ErrorKind::StorageFull, 8192, 4 * 4096));
    file.write_at(0, &[3; 8192]).unwrap();
    allocated.write_at(0, &[4; 8192]).unwrap();
    assert_eq!(allocated.allocate(8193).unwrap_err().kind(), ErrorKind::StorageFull);
    disk.remove(Path::new(LOG)).unwrap();
    assert!(allocated.allocate(8193).is_err(), "an open file keeps its space");
    drop(file);
    allocated.allocate(8193).unwrap();
    disk.set_capacity(Some(0));
    allocated.write_at(0, &[5; 8193]).unwrap();
    allocated.set_len(8192).unwrap();
    assert!(allocated.write_at(8192, &[5]).is_err());
    disk.set_capacity(None);
    allocated.write_at(8192, &[5]).unwrap();
}

#[test]
fn copies_are_apart_and_damage_is_durable() {
    let disk = disk(1);
    let mut file = durable_log(&disk, b"aspirin");
    let snapshot = disk.snapshot();
    disk.flip(Path::new(LOG), 0, 0x20).unwrap();
    assert_eq!(read(&disk, LOG).unwrap(), b"Aspirin");
    assert_eq!(read(&disk.crash(), LOG).unwrap(), b"Aspirin");
    assert_eq!(disk.flip(Path::new(LOG), 7, 1).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(disk.flip(Path::new("/store/b"), 7, 1).unwrap_err().kind(), ErrorKind::NotFound);
    let copy = snapshot.disk(2);
    assert_eq!(copy.paths(), [Path::new(LOG)]);
    log(&copy).write_at(0, b"iron").unwrap();
    assert_eq!(read(&snapshot.disk(3), LOG).unwrap(), b"aspirin");
    copy.restore(&snapshot);
    assert_eq!(read(&copy, LOG).unwrap(), b"aspirin");
    assert!(file.write_at(0, b"x").is_err());
    let real = tempfile::tempdir().unwrap();
    copy.to_real(real.path()).unwrap();
    assert_eq!(std::fs::read(real.path().join("store/0001.log")).unwrap(), b"aspirin");
}
