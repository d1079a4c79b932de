//! The log under torn, flipped, stale and missing bytes.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use sutra_disk::{Disk, Open, RealDisk};
use sutra_protocol::command::LogIndex;
use sutra_wal::{LogConfig, Record, WalError};

use crate::fixture::*;

/// One file with these entries; those before `unsynced` are synced, and the process ends.
fn written(entries: &[&str], unsynced: usize) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path()).unwrap();
    for (at, payload) in entries.iter().enumerate() {
        let position = log.append(&[entry(at as u64 + 1, payload)]).unwrap();
        if at < unsynced {
            log.sync(position).unwrap();
        }
    }
    dir
}

/// The same, opened and closed again, so that all of it is marked as durable.
fn closed(entries: &[&str]) -> tempfile::TempDir {
    let dir = written(entries, entries.len());
    open(dir.path()).unwrap().0.close().unwrap();
    dir
}

fn append_to(path: &Path, bytes: &[u8]) {
    let mut content = fs::read(path).unwrap();
    content.extend_from_slice(bytes);
    fs::write(path, content).unwrap();
}

fn forget_floor(dir: &Path) {
    fs::remove_file(dir.join("DURABLE")).unwrap();
}

#[test]
fn torn_tail_is_cut_at_last_whole_frame() {
    let whole = written(&["acknowledged", "never synced"], 1);
    let bytes = fs::read(file(whole.path(), 1)).unwrap();
    let last_frame = bytes.len() - frame_len("never synced");
    for cut in last_frame..bytes.len() {
        let dir = copy(whole.path());
        fs::write(file(dir.path(), 1), &bytes[..cut]).unwrap();
        let (log, handed) = open(dir.path()).unwrap();
        assert_eq!(handed[&WARD], [(1, b"acknowledged".to_vec())], "cut at {cut}");
        write(&log, &[entry(2, "after")]);
        drop(log);
        assert_eq!(payloads(dir.path()).unwrap(), ["acknowledged", "after"], "cut at {cut}");
    }
}

#[test]
fn garbage_and_zeroes_behind_the_last_frame_are_cut() {
    for tail in [vec![0; 4096], vec![0xa5; 4096], [vec![0; 4096], vec![1]].concat()] {
        let dir = written(&["acknowledged"], 1);
        append_to(&file(dir.path(), 1), &tail);
        assert_eq!(payloads(dir.path()).unwrap(), ["acknowledged"]);
        assert_eq!(payloads(dir.path()).unwrap(), ["acknowledged"]);
    }
}

#[test]
fn a_preallocated_zero_tail_is_a_clean_end() {
    let dir = tempfile::tempdir().unwrap();
    let preallocated = || LogConfig { preallocate: true, ..config(dir.path()) };
    let (log, _) = open_with(Arc::new(RealDisk), preallocated()).unwrap();
    write(&log, &[entry(1, "first")]);
    drop(log);
    let size = fs::metadata(file(dir.path(), 1)).unwrap().len();
    assert!(size > 1 << 20, "the file was preallocated: {size} bytes");
    let (log, handed) = open_with(Arc::new(RealDisk), preallocated()).unwrap();
    assert_eq!(handed[&WARD].len(), 1);
    write(&log, &[entry(2, "second")]);
    assert!(log.bytes() < 1_000, "what is preallocated is not counted");
    log.rotate().unwrap();
    assert!(fs::metadata(file(dir.path(), 1)).unwrap().len() < 1_000, "a full file gives back what it did not use");
    write(&log, &[entry(3, "third")]);
    drop(log);
    assert_eq!(payloads(dir.path()).unwrap(), ["first", "second", "third"]);
}

#[test]
fn a_file_that_was_never_cut_when_it_was_full_ends_with_zeroes() {
    let dir = written(&["first"], 1);
    let (log, _) = open(dir.path()).unwrap();
    log.rotate().unwrap();
    write(&log, &[entry(2, "second")]);
    drop(log);
    RealDisk.open(&file(dir.path(), 1), Open::Write).unwrap().set_len(1 << 16).unwrap();
    assert_eq!(payloads(dir.path()).unwrap(), ["first", "second"]);
}

#[test]
fn a_stale_frame_after_truncation_is_not_read_behind_the_next_frame() {
    // The torn frame is as long as the one that takes its place; behind it a whole frame stands where the next one is expected.
    let dir = written(&["acknowledged"], 1);
    let path = file(dir.path(), 1);
    let end = fs::metadata(&path).unwrap().len();
    let mut torn = raw_frame((2, WARD.0, 1, 3, 0), &raw_entry(2, "torn!"));
    *torn.last_mut().unwrap() ^= 1;
    append_to(&path, &torn);
    // The opening writes a mark first, then the entry comes: frame 5 is behind both.
    let mark = 44 + 1 + 4;
    let after = raw_frame((2, WARD.0, 1, 5, 0), &raw_entry(3, "stale"));
    let mut content = fs::read(&path).unwrap();
    content.resize(end as usize + mark + torn.len(), 0xff);
    content.extend(after);
    fs::write(&path, content).unwrap();
    let (log, _) = open(dir.path()).unwrap();
    write(&log, &[entry(2, "taken")]);
    assert_eq!(log.bytes() as usize, end as usize + mark + torn.len());
    drop(log);
    assert_eq!(payloads(dir.path()).unwrap(), ["acknowledged", "taken"]);
}

#[test]
fn a_stale_frame_is_not_replayed_though_it_is_whole() {
    // Behind two entries (sequence 2 and 3): one of another file in the right sequence, two of this file out of sequence.
    for (file_id, sequence) in [(7, 4), (1, 9), (1, 3)] {
        let dir = written(&["first", "second"], 2);
        append_to(&file(dir.path(), 1), &raw_frame((2, WARD.0, file_id, sequence, 0), &raw_entry(3, "stale")));
        assert_eq!(payloads(dir.path()).unwrap(), ["first", "second"], "{file_id}, {sequence}");
    }
    let dir = written(&["first", "second"], 2);
    append_to(&file(dir.path(), 1), &raw_frame((2, WARD.0, 1, 4, 0), &raw_entry(3, "third")));
    assert_eq!(payloads(dir.path()).unwrap(), ["first", "second", "third"], "the same frame in its place is read");
}

#[test]
fn a_flipped_length_is_never_believed() {
    let whole = written(&["first", "second"], 2);
    forget_floor(whole.path());
    let bytes = fs::read(file(whole.path(), 1)).unwrap();
    let second = bytes.len() - frame_len("second");
    for bit in 0..32 {
        let dir = copy(whole.path());
        let mut damaged = bytes.clone();
        damaged[second + bit / 8] ^= 1 << (bit % 8);
        fs::write(file(dir.path(), 1), damaged).unwrap();
        assert_eq!(payloads(dir.path()).unwrap(), ["first"], "bit {bit}");
    }
    // A length that its checksum confirms, and that the file can't hold.
    let dir = copy(whole.path());
    let mut frame = raw_frame((2, WARD.0, 1, 4, 0), &raw_entry(3, "third"));
    frame[..4].copy_from_slice(&(200_u32 << 20).to_le_bytes());
    let crc = crc32c::crc32c(&frame[..40]).to_le_bytes();
    frame[40..44].copy_from_slice(&crc);
    append_to(&file(dir.path(), 1), &frame);
    assert_eq!(payloads(dir.path()).unwrap(), ["first", "second"]);
}

#[test]
fn every_flipped_byte_of_several_files_is_named() {
    let whole = tempfile::tempdir().unwrap();
    let small = || LogConfig { file_bytes: 400, ..config(whole.path()) };
    let (log, _) = open_with(Arc::new(RealDisk), small()).unwrap();
    write(&log, &[entry(1, "gone"), entry(2, "aspirin treats fever"), Record::Vote { group: PHARMACY, vote: b"for node 2" }]);
    write(&log, &[entry(3, "warfarin interacts with aspirin"), entry(4, "wrong dose"), purge(1)]);
    write(&log, &[Record::Truncate { group: WARD, from: LogIndex(4) }, entry(4, "INR was 2.4")]);
    log.close().unwrap();
    open(whole.path()).unwrap().0.close().unwrap();
    let right = ["aspirin treats fever", "warfarin interacts with aspirin", "INR was 2.4"];
    assert_eq!(payloads(copy(whole.path()).path()).unwrap(), right);
    assert!(files(whole.path()).len() >= 3);
    for path in files(whole.path()) {
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let dir = copy(whole.path());
            let here = sutra_wal::files_dir(dir.path()).join(path.file_name().unwrap());
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            fs::write(&here, &damaged).unwrap();
            match payloads(dir.path()) {
                Err(WalError::Damaged { file, offset, .. }) => {
                    assert_eq!(file, here, "flipped at {at}");
                    assert!(offset <= at as u64, "flipped at {at}, named {offset}");
                    assert_eq!(fs::read(&here).unwrap(), damaged, "a damaged file is left as it is");
                }
                other => panic!("{} flipped at {at}: {other:?}", path.display()),
            }
        }
    }
}

#[test]
fn without_a_floor_the_frames_tell_damage_below_the_durable_mark() {
    let whole = closed(&["first", "second"]);
    forget_floor(whole.path());
    let bytes = fs::read(file(whole.path(), 1)).unwrap();
    let last_mark = bytes.len() - (44 + 1 + 4);
    for at in 0..last_mark {
        let dir = copy(whole.path());
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x40;
        fs::write(file(dir.path(), 1), damaged).unwrap();
        let error = payloads(dir.path()).unwrap_err();
        assert!(matches!(&error, WalError::Damaged { offset, .. } if *offset <= at as u64), "flipped at {at}: {error}");
    }
}

#[test]
fn every_flipped_byte_of_the_floor_is_named() {
    let whole = closed(&["first"]);
    let floor = fs::read(whole.path().join("DURABLE")).unwrap();
    for at in 0..floor.len() {
        let dir = copy(whole.path());
        let mut damaged = floor.clone();
        damaged[at] ^= 1;
        fs::write(dir.path().join("DURABLE"), &damaged).unwrap();
        match payloads(dir.path()) {
            Err(WalError::Damaged { file, .. }) => assert_eq!(file, dir.path().join("DURABLE")),
            other => panic!("flipped at {at}: {other:?}"),
        }
    }
}

#[test]
fn damage_in_a_file_that_is_not_the_last_is_never_a_torn_tail() {
    let dir = written(&["first"], 1);
    let (log, _) = open(dir.path()).unwrap();
    log.rotate().unwrap();
    drop(log);
    let bytes = fs::read(file(dir.path(), 1)).unwrap();
    for cut in 1..bytes.len() {
        let dir = copy(dir.path());
        fs::write(file(dir.path(), 1), &bytes[..cut]).unwrap();
        let error = payloads(dir.path()).unwrap_err();
        let named = matches!(&error, WalError::Damaged { file: found, offset, .. } if *found == file(dir.path(), 1) && *offset <= cut as u64);
        assert!(named, "cut at {cut}: {error}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let whole = written(&["first"], 1);
    let (log, _) = open(whole.path()).unwrap();
    for at in 2..5 {
        log.rotate().unwrap();
        write(&log, &[entry(at, "more")]);
    }
    drop(log);
    for missing in 1..=4 {
        let dir = copy(whole.path());
        fs::remove_file(file(dir.path(), missing)).unwrap();
        let error = payloads(dir.path()).unwrap_err();
        assert!(matches!(&error, WalError::Missing { file: found, .. } if *found == file(dir.path(), missing)), "{error}");
    }
}

#[test]
fn a_file_whose_creation_was_cut_short_is_begun_again() {
    let dir = written(&["first"], 1);
    let (log, _) = open(dir.path()).unwrap();
    drop(log);
    fs::write(file(dir.path(), 2), b"").unwrap();
    let (log, _) = open(dir.path()).unwrap();
    write(&log, &[entry(2, "second")]);
    assert_eq!(log.file_count(), 2);
    drop(log);
    assert_eq!(payloads(dir.path()).unwrap(), ["first", "second"]);
    let half_started = fs::read(file(dir.path(), 2)).unwrap()[..20].to_vec();
    let other = tempfile::tempdir().unwrap();
    fs::create_dir(sutra_wal::files_dir(other.path())).unwrap();
    fs::write(file(other.path(), 1), &half_started).unwrap();
    let (log, _) = open(other.path()).unwrap();
    write(&log, &[entry(1, "first")]);
    drop(log);
    assert_eq!(payloads(other.path()).unwrap(), ["first"]);
    // A later file's predecessors were dropped only when its start was durable.
    let third = tempfile::tempdir().unwrap();
    fs::create_dir(sutra_wal::files_dir(third.path())).unwrap();
    fs::write(file(third.path(), 3), &half_started).unwrap();
    assert!(matches!(payloads(third.path()), Err(WalError::Damaged { offset: 0, .. })));
}

#[test]
fn a_log_that_is_gone_or_has_lost_its_end_is_named() {
    let whole = closed(&["first", "second"]);
    let bytes = fs::read(file(whole.path(), 1)).unwrap();
    for cut in 0..bytes.len() {
        let dir = copy(whole.path());
        fs::write(file(dir.path(), 1), &bytes[..cut]).unwrap();
        let error = payloads(dir.path()).unwrap_err();
        assert!(
            matches!(&error, WalError::Damaged { file: found, offset, .. } if *found == file(dir.path(), 1) && *offset <= cut as u64)
        );
        assert_eq!(fs::read(file(dir.path(), 1)).unwrap(), bytes[..cut], "what is left is left as it is");
    }
    fs::remove_file(file(whole.path(), 1)).unwrap();
    assert!(matches!(payloads(whole.path()), Err(WalError::Missing { file: found, .. }) if found == file(whole.path(), 1)));
}

#[test]
fn the_log_of_another_store_or_format_is_refused() {
    let dir = written(&["first"], 1);
    let other = LogConfig { store_id: "another-store".into(), ..config(dir.path()) };
    let refused = open_with(Arc::new(RealDisk), other).map(|_| ()).unwrap_err();
    assert!(matches!(&refused, WalError::Foreign { found, .. } if found == STORE), "{refused}");
    // What format 1 began a file with: {"format": 1, "store": "s", "groups": [{"group": 1, "last_index": 0}]}.
    let start = b"\x83\xa6format\x01\xa5store\xa1s\xa6groups\x91\x82\xa5group\x01\xaalast_index\x00";
    let old = tempfile::tempdir().unwrap();
    fs::create_dir(sutra_wal::files_dir(old.path())).unwrap();
    fs::write(file(old.path(), 1), raw_frame((1, 0, 1, 1, 0), start)).unwrap();
    fs::write(old.path().join("DURABLE"), r#"{"file_id":1,"offset":48}"#).unwrap();
    let refused = payloads(old.path()).unwrap_err();
    assert!(matches!(&refused, WalError::Format { found: 1, supported: 2, .. }), "{refused}");
    assert!(refused.to_string().contains("format 1; this release reads only 2"), "{refused}");
}

#[test]
fn an_entry_that_is_damaged_while_the_log_is_open_is_named_when_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path()).unwrap();
    write(&log, &[entry(1, "aspirin treats fever"), entry(2, "INR was 2.4")]);
    let path = file(dir.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    let second = bytes.len() - frame_len("INR was 2.4");
    bytes[second + 60] ^= 1;
    fs::write(&path, bytes).unwrap();
    let read = log.read(WARD, LogIndex(1)..LogIndex(3), usize::MAX);
    assert!(matches!(read, Err(WalError::Damaged { offset, .. }) if offset == second as u64), "{read:?}");
    assert_eq!(log.read(WARD, LogIndex(1)..LogIndex(2), usize::MAX).unwrap().len(), 1);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_stands_above_the_durable_mark_what_is_below_it_is_read(
        cut in 0_usize..80,
        garbage in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
    ) {
        let dir = written(&["acknowledged", "never synced"], 1);
        let path = file(dir.path(), 1);
        let bytes = fs::read(&path).unwrap();
        let kept = bytes.len() - cut.min(frame_len("never synced"));
        let damaged = [&bytes[..kept], garbage.as_slice()].concat();
        fs::write(&path, &damaged).unwrap();
        let read = payloads(dir.path()).unwrap();
        let whole = ["acknowledged", "never synced"];
        // Garbage may be what was cut.
        assert!(read == whole[..1] || (damaged.starts_with(&bytes) && read == whole), "cut at {kept}: {read:?}");
    }
}
