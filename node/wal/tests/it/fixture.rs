//! A hospital's log: opened, written and read back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sutra_disk::{Disk, RealDisk};
use sutra_protocol::command::LogIndex;
use sutra_wal::{GroupId, Log, LogConfig, Record, WalError};

pub(crate) const STORE: &str = "store-of-the-ward";
pub(crate) const WARD: GroupId = GroupId::FIRST_SHARD;
pub(crate) const PHARMACY: GroupId = GroupId(2);

/// What an opening handed over, by group.
pub(crate) type Handed = BTreeMap<GroupId, Vec<(u64, Vec<u8>)>>;

/// Small files, so that a few entries fill several.
pub(crate) fn config(dir: &Path) -> LogConfig {
    LogConfig { file_bytes: 1 << 20, preallocate: false, ..LogConfig::at(dir, STORE) }
}

pub(crate) fn open(dir: &Path) -> Result<(Log, Handed), WalError> {
    open_with(Arc::new(RealDisk), config(dir))
}

pub(crate) fn open_with(disk: Arc<dyn Disk>, config: LogConfig) -> Result<(Log, Handed), WalError> {
    let mut handed = Handed::new();
    let log = Log::open(disk, config, |group, index, payload| {
        handed.entry(group).or_default().push((index.0, payload.to_vec()));
        Ok(())
    })?;
    Ok((log, handed))
}

pub(crate) fn entry(index: u64, payload: &str) -> Record<'_> {
    Record::Entry { group: WARD, index: LogIndex(index), term: 1, payload: payload.as_bytes() }
}

pub(crate) fn purge(upto: u64) -> Record<'static> {
    Record::Purge { group: WARD, upto: LogIndex(upto), term: 1 }
}

/// Appends and syncs each record by itself.
pub(crate) fn write(log: &Log, records: &[Record<'_>]) {
    for record in records {
        log.sync(log.append(&[*record]).unwrap()).unwrap();
    }
}

/// The payloads of the ward's entries as an opening hands them over; the log is then as the end of a process leaves it.
pub(crate) fn payloads(dir: &Path) -> Result<Vec<String>, WalError> {
    let (_, mut handed) = open(dir)?;
    let ward = handed.remove(&WARD).unwrap_or_default();
    Ok(ward.into_iter().map(|(_, payload)| String::from_utf8(payload).unwrap()).collect())
}

pub(crate) fn file(dir: &Path, id: u64) -> PathBuf {
    sutra_wal::files_dir(dir).join(format!("{id:016x}.log"))
}

/// Paths of the log's files, from the oldest on.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let names = RealDisk.list(&sutra_wal::files_dir(dir)).unwrap();
    names.into_iter().map(|name| sutra_wal::files_dir(dir).join(name)).collect()
}

/// A copy of the data directory.
pub(crate) fn copy(dir: &Path) -> tempfile::TempDir {
    let other = tempfile::tempdir().unwrap();
    std::fs::create_dir(sutra_wal::files_dir(other.path())).unwrap();
    for file in files(dir) {
        std::fs::copy(&file, sutra_wal::files_dir(other.path()).join(file.file_name().unwrap())).unwrap();
    }
    if dir.join("DURABLE").exists() {
        std::fs::copy(dir.join("DURABLE"), other.path().join("DURABLE")).unwrap();
    }
    other
}

/// A frame by the format's description, not by the crate's code. Header fields: kind, group, file id, sequence, `durable_to`.
pub(crate) fn raw_frame((kind, group, file_id, sequence, durable_to): (u8, u64, u64, u64, u64), payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_le_bytes().to_vec();
    frame.extend([kind, 0, 0, 0]);
    for number in [group, file_id, sequence, durable_to] {
        frame.extend(number.to_le_bytes());
    }
    frame.extend(crc32c::crc32c(&frame).to_le_bytes());
    frame.extend(payload);
    frame.extend(crc32c::crc32c(payload).to_le_bytes());
    frame
}

/// Payload of an entry's frame.
pub(crate) fn raw_entry(index: u64, payload: &str) -> Vec<u8> {
    [&index.to_le_bytes(), &1_u64.to_le_bytes(), payload.as_bytes()].concat()
}

/// Length of the frame of an entry with this payload.
pub(crate) fn frame_len(payload: &str) -> usize {
    44 + 16 + payload.len() + 4
}
