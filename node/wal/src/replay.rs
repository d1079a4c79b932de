//! Reading a log back.
//!
//! A bad frame in the last file is either damage or the torn tail of a write that no fsync confirmed. The frames behind it tell:
//! if one says `durable_to` beyond the bad place, that place had been fsynced, so it is damage and an error. Otherwise nothing
//! from there on is known to have been acknowledged, and it is cut. What lies below the [`Floor`] is never a torn tail, nor is
//! anything in a file that has a successor. Zeroes up to the end are what preallocation leaves, and a clean end.
//!
//! It is done twice: first every frame is checked, which makes the index, since only the end of the log tells which entries have
//! been truncated or purged; then the entries that are left are handed over, in the order of the files. Nothing on the disk is
//! changed: whoever opens the log cuts the torn tail when all of it has been read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sutra_disk::{Disk, DiskFile, Open};
use sutra_protocol::command::LogIndex;

use crate::error::WalError;
use crate::file;
use crate::floor::Floor;
use crate::frame::{ENTRY_HEAD_BYTES, FrameKind};
use crate::group::Group;
use crate::index::{Index, LogFile};
use crate::record::{GroupId, Record};
use crate::scan::{Bad, Frame, Payloads, Scan, Step};
use crate::start::FileStart;

/// A log that was read.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) index: Index,
    /// `None`: there is no log yet.
    pub(crate) tail: Option<Tail>,
}

/// Where a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) file_id: u64,
    /// In that file.
    pub(crate) offset: u64,
    /// Of the last frame.
    pub(crate) sequence: u64,
    /// Bytes of the file that are known to be durable.
    pub(crate) durable_to: u64,
    /// Why the rest of the file is to be cut; `None`: the rest is zeroes or nothing.
    pub(crate) torn: Option<Bad>,
}

/// Reads and checks all files in `dir`.
pub(crate) fn replay(disk: &dyn Disk, dir: &Path, store: Option<&str>, floor: Floor) -> Result<Replayed, WalError> {
    let ids = file::list(disk, dir).map_err(WalError::io("list", dir))?;
    let last = ids.last().copied().unwrap_or_default();
    let missing = |id: u64, reason: String| WalError::Missing { file: file::path(dir, id), reason };
    if last < floor.file_id {
        return Err(missing(last + 1, format!("the log has reached to file {:016x}", floor.file_id)));
    }
    let mut replay = Replay { dir, store, floor, index: Index::default(), tail: None };
    for (at, &id) in ids.iter().enumerate() {
        let expected = ids[0] + at as u64;
        if id != expected {
            return Err(missing(expected, "there are files before and after it".into()));
        }
        let path = file::path(dir, id);
        let reader = disk.open(&path, Open::Read).map_err(WalError::io("open", &path))?;
        replay.file(&path, id, Arc::from(reader), id == last)?;
    }
    for (group, state) in &replay.index.groups {
        if let (Some((from, to)), Some(first)) = (state.absent(), ids.first()) {
            let reason = format!("entries {from} to {to} of group {group} are not purged, and were before file {first:016x}");
            return Err(missing(first.saturating_sub(1), reason));
        }
    }
    Ok(Replayed { index: replay.index, tail: replay.tail })
}

/// Hands every entry that is left to `entry`, but for those up to their group's index in `after`.
pub(crate) fn hand_over(
    dir: &Path,
    index: &Index,
    after: &BTreeMap<GroupId, LogIndex>,
    mut entry: impl FnMut(GroupId, LogIndex, &[u8]) -> Result<(), String>,
) -> Result<(), WalError> {
    let wanted = |id: &GroupId, group: &Group| {
        let first = group.span().start;
        let first = after.get(id).map_or(first, |after| first.max(after.0.saturating_add(1)));
        group.place(first).map(|(place, _)| place.file)
    };
    let Some(oldest) = index.groups.iter().filter_map(|(id, group)| wanted(id, group)).min() else { return Ok(()) };
    for file in index.files.iter().filter(|file| file.id >= oldest) {
        let path = file::path(dir, file.id);
        let mut scan = Scan::of(&path, file.id, file.reader.as_ref(), None, Payloads::Control)?;
        while scan.offset < file.bytes {
            let at = scan.offset;
            let damaged = |reason: String| WalError::Damaged { file: path.clone(), offset: at, reason };
            let frame = match scan.step()? {
                Step::Frame(frame) => frame,
                Step::End => return Err(damaged("it was longer a moment ago".into())),
                Step::Bad(bad) => return Err(damaged(bad.to_string())),
            };
            let group = frame.header.group;
            let Some(Record::Entry { index: number, .. }) = scan.record(&frame)? else { continue };
            let there = index.place(group, number.0).is_some_and(|(place, _)| (place.file, place.offset) == (file.id, at));
            if !there || after.get(&group).is_some_and(|after| number <= *after) {
                continue;
            }
            let Some(payload) = scan.payload(&frame)? else { return Err(damaged(Bad::Payload.to_string())) };
            entry(group, number, &payload[ENTRY_HEAD_BYTES..]).map_err(damaged)?;
        }
    }
    Ok(())
}

struct Replay<'a> {
    dir: &'a Path,
    /// `None`: any.
    store: Option<&'a str>,
    floor: Floor,
    index: Index,
    /// Of the files that have been read.
    tail: Option<Tail>,
}

impl Replay<'_> {
    fn file(&mut self, path: &Path, id: u64, reader: Arc<dyn DiskFile>, is_last: bool) -> Result<(), WalError> {
        let damaged = |offset, reason: String| WalError::Damaged { file: path.into(), offset, reason };
        let durable_to = if id == self.floor.file_id { self.floor.offset } else { 0 };
        let previous = self.tail.map(|tail| tail.sequence);
        let mut scan = Scan::of(path, id, reader.as_ref(), previous, Payloads::All)?;
        let mut told = durable_to;
        let torn = loop {
            match scan.step()? {
                Step::Frame(frame) => {
                    told = told.max(frame.header.durable_to);
                    self.take(path, &mut scan, &frame)?;
                }
                Step::End => break None,
                Step::Bad(Bad::OutOfSequence) if scan.offset == 0 => return Err(self.ends_early(path)),
                Step::Bad(bad) if !is_last || scan.offset < durable_to || scan.durable_beyond(scan.offset)? => {
                    return Err(damaged(scan.offset, bad.to_string()));
                }
                Step::Bad(bad) => break Some(bad),
            }
        };
        let offset = scan.offset;
        if offset < durable_to {
            return Err(damaged(offset, format!("it ends here, and reached to {durable_to} when it was last durable")));
        }
        // The files before the first one were dropped when its start was durable, or there were none.
        if offset == 0 && (!is_last || (self.tail.is_none() && id != 1)) {
            return Err(damaged(0, "its start is missing".into()));
        }
        let sequence = scan.sequence.unwrap_or_default();
        self.tail = Some(Tail { file_id: id, offset, sequence, durable_to: told, torn });
        self.index.files.push_back(LogFile { id, bytes: offset, reader });
        Ok(())
    }

    fn take(&mut self, path: &Path, scan: &mut Scan<'_>, frame: &Frame) -> Result<(), WalError> {
        let (id, offset) = (frame.header.file_id, frame.offset);
        let damaged = |reason: String| WalError::Damaged { file: path.into(), offset, reason };
        match frame.header.kind {
            FrameKind::Mark => Ok(()),
            FrameKind::FileStart => {
                let Some(payload) = scan.payload(frame)? else { return Err(damaged(Bad::Payload.to_string())) };
                self.start(path, &FileStart::decode(path, payload)?)
            }
            _ => {
                let Some(record) = scan.record(frame)? else {
                    return Err(damaged("the frame's payload is not one of its kind".into()));
                };
                self.index.take(&record, id, offset, frame.header.len).map_err(damaged)
            }
        }
    }

    /// The first file's start says what the groups were; every other one's says it again.
    fn start(&mut self, path: &Path, start: &FileStart) -> Result<(), WalError> {
        if let Some(store) = self.store {
            start.check_store(path, store)?;
        }
        if self.tail.is_none() {
            let groups = start.groups.iter().map(|group| (GroupId(group.group), Group::of_start(group)));
            self.index.groups = groups.collect();
            return Ok(());
        }
        if start.groups != self.index.starts() {
            let reason = "its start does not say of the groups what the files before it say".into();
            return Err(WalError::Damaged { file: path.into(), offset: 0, reason });
        }
        Ok(())
    }

    /// The file at `path` does not go on where the one before it ends, which therefore has lost its end, unless this one is stale.
    fn ends_early(&self, path: &Path) -> WalError {
        let (file, offset) = self.tail.map_or((PathBuf::from(path), 0), |tail| (file::path(self.dir, tail.file_id), tail.offset));
        let reason = format!("it ends here, and {} does not go on from there", path.display());
        WalError::Damaged { file, offset, reason }
    }
}
