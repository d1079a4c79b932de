//! What still reads of a log behind a place where it doesn't.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sutra_disk::Disk;
use sutra_protocol::command::LogIndex;

use crate::error::WalError;
use crate::file;
use crate::frame::{FrameHeader, FrameKind, HEADER_BYTES, TRAILER_BYTES};
use crate::record::{GroupId, Record};

/// What [`behind`] has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behind {
    /// Later files, from the oldest on.
    pub files: Vec<PathBuf>,
    /// Entries, by group; those that were purged, too.
    pub groups: BTreeMap<GroupId, EntriesBehind>,
}

/// Entries of one group that read as they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntriesBehind {
    /// How many there are.
    pub entries: u64,
    /// The least index.
    pub first: LogIndex,
    /// The greatest.
    pub last: LogIndex,
}

/// Looks for whole frames in `log_file`, which may be missing, from `offset` on, and in all later files.
///
/// # Errors
/// [`WalError::Io`].
pub fn behind(disk: &dyn Disk, data_dir: &Path, log_file: &Path, offset: u64) -> Result<Behind, WalError> {
    let dir = file::files_dir(data_dir);
    let mut found = Behind::default();
    for id in file::list(disk, &dir).map_err(WalError::io("list", &dir))? {
        let path = file::path(&dir, id);
        // Names sort as their numbers do.
        if path.as_path() < log_file {
            continue;
        }
        let bytes = disk.read(&path).map_err(WalError::io("read", &path))?;
        if path == log_file {
            found.entries(bytes.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default(), id);
        } else {
            found.entries(&bytes, id);
            found.files.push(path);
        }
    }
    Ok(found)
}

impl Behind {
    /// Frames may begin anywhere: what is damaged may have any length.
    fn entries(&mut self, mut bytes: &[u8], file_id: u64) {
        while let Some(first) = bytes.first_chunk::<HEADER_BYTES>() {
            let header = FrameHeader::decode(first).filter(|header| header.file_id == file_id);
            let whole = header.and_then(|header| {
                let len = header.len as usize;
                let (payload, rest) = bytes.get(HEADER_BYTES..)?.split_at_checked(len)?;
                let (crc, rest) = rest.split_first_chunk::<TRAILER_BYTES>()?;
                (crc32c::crc32c(payload) == u32::from_le_bytes(*crc)).then_some((header, payload, rest))
            });
            let Some((header, payload, rest)) = whole else {
                bytes = &bytes[1..];
                continue;
            };
            if header.kind == FrameKind::Entry
                && let Some(Record::Entry { group, index, .. }) = Record::decode(header.kind, header.group, payload)
            {
                let known = self.groups.entry(group).or_insert(EntriesBehind { entries: 0, first: index, last: index });
                known.entries += 1;
                known.first = known.first.min(index);
                known.last = known.last.max(index);
            }
            bytes = rest;
        }
    }
}
