//! All groups, and the files that hold their entries.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use sutra_disk::DiskFile;

use crate::group::{Group, Place};
use crate::record::{GroupId, Record};
use crate::start::{FileStart, GroupStart, LOG_FORMAT};

/// What is known in memory of a log.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) groups: BTreeMap<GroupId, Group>,
    /// Ascending, without a gap; the last is the one that is written.
    pub(crate) files: VecDeque<LogFile>,
}

/// A file of the log.
#[derive(Clone, Debug)]
pub(crate) struct LogFile {
    pub(crate) id: u64,
    /// Bytes of it that are frames.
    pub(crate) bytes: u64,
    /// To read it; a removed file can be read to the end by who has begun.
    pub(crate) reader: Arc<dyn DiskFile>,
}

/// What the groups would be after some records that are not written yet.
#[derive(Debug, Default)]
pub(crate) struct Ahead(BTreeMap<GroupId, crate::group::Outline>);

impl Index {
    /// Whether the record may follow those that `ahead` has seen; if so, `ahead` has seen it too.
    pub(crate) fn admit(&self, ahead: &mut Ahead, record: &Record<'_>) -> Result<(), String> {
        record.check_size()?;
        let group = record.group();
        let now = ahead.0.get(&group).copied().or_else(|| self.groups.get(&group).map(Group::outline)).unwrap_or_default();
        ahead.0.insert(group, now.step(record)?);
        Ok(())
    }

    /// Takes in a record whose frame is written; `len` is that of the frame's payload.
    pub(crate) fn take(&mut self, record: &Record<'_>, file: u64, offset: u64, len: u32) -> Result<(), String> {
        let id = record.group();
        let outline = self.groups.get(&id).map(Group::outline).unwrap_or_default().step(record)?;
        match record {
            Record::Forget { .. } => drop(self.groups.remove(&id)),
            // Nothing to truncate makes no group.
            Record::Truncate { .. } if !self.groups.contains_key(&id) => {}
            _ => self.groups.entry(id).or_default().apply(record, outline, file, offset, len),
        }
        Ok(())
    }

    /// Where an entry is, and its term.
    pub(crate) fn place(&self, group: GroupId, index: u64) -> Option<(Place, u64)> {
        self.groups.get(&group)?.place(index)
    }

    /// The file of this id; files are without a gap.
    pub(crate) fn file(&self, id: u64) -> Option<&LogFile> {
        let first = self.files.front()?.id;
        self.files.get(usize::try_from(id.checked_sub(first)?).ok()?)
    }

    /// Oldest file that an entry of any group is in.
    pub(crate) fn oldest_needed(&self) -> Option<u64> {
        self.groups.values().filter_map(Group::oldest).map(|(file, _)| file).min()
    }

    /// What the next file begins with.
    pub(crate) fn start(&self, store: &str) -> FileStart {
        FileStart { format: LOG_FORMAT, store: store.into(), groups: self.starts() }
    }

    /// Every group's state.
    pub(crate) fn starts(&self) -> Vec<GroupStart> {
        self.groups.iter().map(|(id, group)| group.start(*id)).collect()
    }
}
