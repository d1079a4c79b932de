//! The log under torn, flipped, stale and missing bytes.

use std::fs;
use std::path::Path;

use super::frame::{self, FrameHeader, FrameKind};
use super::*;

const STORE: &str = "store-of-the-ward";

/// Writes `entries` to the log in `dir`, each synced unless `unsynced` says from where on not.
fn write(dir: &Path, entries: &[&[u8]], unsynced_from: usize, rotate_at: u64) {
    let mut last = LogIndex(0);
    let floor = FloorFile::in_dir(dir);
    let tail = replay(dir, STORE, floor.read().unwrap(), |_, _| {
        last.0 += 1;
        Ok(())
    })
    .unwrap();
    let mut writer = Writer::open(dir.into(), STORE.into(), floor, tail, last, rotate_at).unwrap();
    for (at, entry) in entries.iter().enumerate() {
        last.0 += 1;
        writer.append(last, entry).unwrap();
        if at < unsynced_from {
            writer.sync().unwrap();
        }
    }
}

fn read(dir: &Path) -> Result<Vec<Vec<u8>>, WalError> {
    let mut entries = Vec::new();
    replay(dir, STORE, FloorFile::in_dir(dir).read()?, |_, payload| {
        entries.push(payload.to_vec());
        Ok(())
    })?;
    Ok(entries)
}

fn only_file(dir: &Path) -> std::path::PathBuf {
    file::path(dir, 1)
}

#[test]
fn entries_read_back_over_several_files_and_openings() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[b"first", b"second", b"third"], 3, 150);
    write(dir.path(), &[b"fourth"], 1, 150);
    assert!(file::list(dir.path()).unwrap().len() > 1, "the log rotated");
    assert_eq!(read(dir.path()).unwrap(), [b"first".to_vec(), b"second".to_vec(), b"third".to_vec(), b"fourth".to_vec()]);
}

#[test]
fn torn_tail_is_cut_at_last_whole_frame() {
    let whole = tempfile::tempdir().unwrap();
    write(whole.path(), &[b"acknowledged", b"never synced"], 1, u64::MAX);
    let bytes = fs::read(only_file(whole.path())).unwrap();
    let last_frame = bytes.len() - (44 + b"never synced".len() + 4);
    for cut in last_frame..bytes.len() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(only_file(dir.path()), &bytes[..cut]).unwrap();
        assert_eq!(read(dir.path()).unwrap(), [b"acknowledged".to_vec()], "cut at {cut}");
        assert_eq!(fs::metadata(only_file(dir.path())).unwrap().len(), last_frame as u64);
        write(dir.path(), &[b"after"], 1, u64::MAX);
        assert_eq!(read(dir.path()).unwrap(), [b"acknowledged".to_vec(), b"after".to_vec()], "cut at {cut}");
    }
}

#[test]
fn garbage_and_zeroes_behind_the_last_frame_are_cut() {
    for tail in [vec![0; 4096], vec![0xa5; 4096]] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &[b"acknowledged"], 1, u64::MAX);
        let mut bytes = fs::read(only_file(dir.path())).unwrap();
        bytes.extend_from_slice(&tail);
        fs::write(only_file(dir.path()), bytes).unwrap();
        assert_eq!(read(dir.path()).unwrap(), [b"acknowledged".to_vec()]);
    }
}

#[test]
fn every_flipped_byte_below_the_durable_mark_is_named() {
    let whole = tempfile::tempdir().unwrap();
    write(whole.path(), &[b"first", b"second"], 2, u64::MAX);
    write(whole.path(), &[], 0, u64::MAX); // opening marks all of it as durable
    let bytes = fs::read(only_file(whole.path())).unwrap();
    let mark = bytes.len() - (44 + 1 + 4);
    for at in 0..mark {
        let dir = tempfile::tempdir().unwrap();
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x40;
        fs::write(only_file(dir.path()), &damaged).unwrap();
        match read(dir.path()) {
            Err(WalError::Damaged { file, offset, .. }) => {
                assert_eq!(file, only_file(dir.path()));
                assert!(offset <= at as u64, "flipped {at}, named {offset}");
            }
            other => panic!("flipped {at}: {other:?}"),
        }
        assert_eq!(fs::read(only_file(dir.path())).unwrap(), damaged, "a damaged file is left as it is");
    }
}

#[test]
fn damage_in_a_file_that_is_not_the_last_is_never_a_torn_tail() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[b"first", b"second", b"third"], 3, 100);
    let bytes = fs::read(only_file(dir.path())).unwrap();
    fs::write(only_file(dir.path()), &bytes[..bytes.len() - 1]).unwrap();
    assert!(matches!(read(dir.path()), Err(WalError::Damaged { .. })));
}

#[test]
fn a_missing_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[b"first", b"second", b"third", b"fourth"], 4, 100);
    assert!(file::list(dir.path()).unwrap().len() >= 3);
    fs::remove_file(file::path(dir.path(), 2)).unwrap();
    assert!(matches!(read(dir.path()), Err(WalError::Missing { file }) if file == file::path(dir.path(), 2)));
}

#[test]
fn a_stale_frame_is_not_replayed_though_it_is_whole() {
    // Behind two entries (sequence 2 and 3): one of another file in the right sequence, one of this file out of sequence.
    for (file_id, sequence) in [(7, 4), (1, 9), (1, 3)] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &[b"first", b"second"], 2, u64::MAX);
        let mut bytes = fs::read(only_file(dir.path())).unwrap();
        let stale = FrameHeader { len: 0, kind: FrameKind::Entry, group: GroupId::FIRST_SHARD, file_id, sequence, durable_to: 0 };
        frame::encode(stale, b"stale", &mut bytes);
        fs::write(only_file(dir.path()), bytes).unwrap();
        assert_eq!(read(dir.path()).unwrap(), [b"first".to_vec(), b"second".to_vec()], "{file_id}, {sequence}");
    }
}

#[test]
fn a_file_whose_creation_was_cut_short_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[b"first"], 1, u64::MAX);
    fs::write(file::path(dir.path(), 2), b"").unwrap();
    write(dir.path(), &[b"second"], 1, u64::MAX);
    assert_eq!(read(dir.path()).unwrap(), [b"first".to_vec(), b"second".to_vec()]);
    let half_started = fs::read(file::path(dir.path(), 2)).unwrap()[..20].to_vec();
    let other = tempfile::tempdir().unwrap();
    fs::write(only_file(other.path()), half_started).unwrap();
    write(other.path(), &[b"first"], 1, u64::MAX);
    assert_eq!(read(other.path()).unwrap(), [b"first".to_vec()]);
}

#[test]
fn a_log_that_is_gone_or_has_lost_its_end_is_named() {
    let whole = tempfile::tempdir().unwrap();
    write(whole.path(), &[b"first", b"second"], 2, u64::MAX);
    write(whole.path(), &[], 0, u64::MAX);
    let bytes = fs::read(only_file(whole.path())).unwrap();
    for cut in 0..bytes.len() {
        let dir = tempfile::tempdir().unwrap();
        fs::copy(whole.path().join("DURABLE"), dir.path().join("DURABLE")).unwrap();
        fs::write(only_file(dir.path()), &bytes[..cut]).unwrap();
        let error = read(dir.path()).unwrap_err();
        assert!(
            matches!(&error, WalError::Damaged { file, offset, .. } if *file == only_file(dir.path()) && *offset <= cut as u64)
        );
        assert_eq!(fs::read(only_file(dir.path())).unwrap(), bytes[..cut], "what is left is left as it is");
    }
    fs::remove_file(only_file(whole.path())).unwrap();
    assert!(matches!(read(whole.path()), Err(WalError::Missing { file }) if file == only_file(whole.path())));
}

#[test]
fn a_last_file_that_is_gone_is_named() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[b"first", b"second", b"third"], 3, 100);
    let last = *file::list(dir.path()).unwrap().last().unwrap();
    fs::remove_file(file::path(dir.path(), last)).unwrap();
    assert!(matches!(read(dir.path()), Err(WalError::Missing { file }) if file == file::path(dir.path(), last)));
}

#[test]
fn the_log_of_another_store_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[b"first"], 1, u64::MAX);
    assert!(matches!(replay(dir.path(), "another-store", Floor::default(), |_, _| Ok(())), Err(WalError::Foreign { .. })));
}
