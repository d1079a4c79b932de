//! Where a log stops making sense, and cutting it there.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sutra_disk::Disk;
use sutra_protocol::command::LogIndex;
use sutra_wal::offline::{Reach, behind};
use sutra_wal::{GroupId, GroupState, Log, LogConfig, LogPoint, Record, WalError};

use super::change::Change;
use super::cut_disk::CutDisk;
use super::directory::Directory;
use super::error::{OfflineError, told};
use crate::entry::{self, Entry};
use crate::reconciler::TERM;

/// The group of the one shard: a directory of several is not repaired.
const GROUP: GroupId = GroupId::FIRST_SHARD;

/// A log as a repair finds it.
#[derive(Debug, Default)]
pub(super) struct DamagedLog {
    /// Why the file that says how far it must reach can't be believed.
    pub(super) reach: Option<String>,
    /// Where it is to be cut.
    pub(super) cut: Option<Cut>,
    /// Last entry that it has given up, where it reads.
    pub(super) purged: LogIndex,
    /// Last entry of it, where it reads.
    pub(super) last: LogIndex,
}

/// Where a log is cut, and what goes.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) file: PathBuf,
    pub(super) offset: u64,
    pub(super) reason: String,
}

impl DamagedLog {
    /// Reads all of it; every entry from behind `applied` on must be one that can be applied.
    pub(super) fn survey(dir: &Directory, store_id: &str, applied: LogIndex) -> Result<Self, OfflineError> {
        let mut survey = Self::find(dir, store_id, applied)?;
        if let Some(cut) = survey.cut.take() {
            let (file, offset) = (cut.file.clone(), cut.offset);
            let left = CutDisk { disk: Arc::clone(&dir.disk), file, offset };
            match read(&left, &dir.path, store_id, Reach::AsFound, applied) {
                Ok(_) => survey.cut = Some(cut),
                Err(error @ WalError::Io { .. }) => return Err(error.into()),
                Err(_) => {
                    // What says that the entries of earlier files are not needed stands behind the damage.
                    let reason = format!(
                        "what is before {} at offset {} can't stand alone: {}",
                        cut.file.display(),
                        cut.offset,
                        cut.reason
                    );
                    survey.cut_whole(dir, reason)?;
                }
            }
        }
        Ok(survey)
    }

    fn find(dir: &Directory, store_id: &str, applied: LogIndex) -> Result<Self, OfflineError> {
        let mut survey = Self::default();
        let mut reach = Reach::Recorded;
        loop {
            match read(&*dir.disk, &dir.path, store_id, reach, applied) {
                Ok(groups) => {
                    let index = |point: Option<LogPoint>| point.map_or(LogIndex(0), |point| point.index);
                    if let Some(group) = groups.iter().find(|group| group.group == GROUP) {
                        (survey.purged, survey.last) = (index(group.purged), index(group.last));
                    }
                    return Ok(survey);
                }
                Err(WalError::Damaged { file, reason, .. }) if reach == Reach::Recorded && file == durable(&dir.path) => {
                    survey.reach = Some(format!("{} is damaged: {reason}", file.display()));
                    reach = Reach::AsFound;
                }
                Err(WalError::Damaged { file, offset, reason }) => {
                    survey.cut = Some(Cut { file, offset, reason });
                    return Ok(survey);
                }
                Err(WalError::Missing { file, reason }) => {
                    survey.cut = Some(Cut { file, offset: 0, reason: format!("the file is missing: {reason}") });
                    return Ok(survey);
                }
                Err(error @ (WalError::Format { .. } | WalError::Foreign { .. })) => {
                    let reason = told(&error);
                    return Err(OfflineError::Hopeless { dir: dir.path.clone(), reason });
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The log reads, and yet nothing of it can follow what is in the segments: it is cut where it begins.
    pub(super) fn cut_whole(&mut self, dir: &Directory, reason: String) -> Result<(), OfflineError> {
        let folder = sutra_wal::files_dir(&dir.path);
        let first = dir.names(&folder)?.into_iter().find(|name| name.ends_with(".log"));
        self.cut = first.map(|name| Cut { file: folder.join(name), offset: 0, reason });
        Ok(())
    }
}

impl Cut {
    /// What goes with it, when the segments have everything up to `applied`.
    pub(super) fn change(&self, dir: &Directory, applied: LogIndex) -> Result<Change, OfflineError> {
        let behind = behind(&*dir.disk, &dir.path, &self.file, self.offset)?;
        let of_group = behind.groups.get(&GROUP);
        // Those that are in a segment are not lost; indexes have no gaps.
        let entries = of_group.map_or(0, |found| found.entries.min(found.last.0.saturating_sub(applied.0)));
        Ok(Change::LogCut {
            file: self.file.clone(),
            offset: self.offset,
            reason: self.reason.clone(),
            entries,
            last: of_group.map(|found| found.last).filter(|last| *last > applied),
            files: behind.files,
        })
    }

    /// Cuts. Until the damaged file itself is replaced, last of all, the damage stays what an opening meets: whatever interrupts
    /// this, nothing is taken for a whole log that isn't.
    pub(super) fn carry_out(&self, dir: &Directory, kept: &Path) -> Result<(), OfflineError> {
        let folder = sutra_wal::files_dir(&dir.path);
        let behind = behind(&*dir.disk, &dir.path, &self.file, self.offset)?;
        forget_reach(dir, kept)?;
        for file in behind.files.iter().rev() {
            move_to(dir, file, kept)?;
            sync(dir, &folder)?;
        }
        if self.offset == 0 {
            move_to(dir, &self.file, kept)?;
            return sync(dir, &folder);
        }
        let bytes = dir.disk.read(&self.file).map_err(OfflineError::io("read", &self.file))?;
        copy_to(dir, &self.file, &bytes, kept)?;
        let left = bytes.get(..usize::try_from(self.offset).unwrap_or(usize::MAX)).unwrap_or(&bytes);
        sutra_disk::replace(&*dir.disk, &self.file, left).map_err(OfflineError::io("cut", &self.file))
    }
}

/// Has the log go on behind what the segments have, if it does not reach so far.
pub(super) fn begin_behind(dir: &Directory, store_id: &str, applied: LogIndex) -> Result<(), OfflineError> {
    let failed = |source| OfflineError::Append { dir: sutra_wal::files_dir(&dir.path), source };
    let config = LogConfig { replay_after: BTreeMap::from([(GROUP, applied)]), ..LogConfig::at(&dir.path, store_id) };
    let log = Log::open(Arc::clone(&dir.disk), config, check)?;
    let last = log.group(GROUP).and_then(|group| group.last).map_or(LogIndex(0), |last| last.index);
    if last < applied {
        let purge = Record::Purge { group: GROUP, upto: applied, term: TERM };
        let position = log.append(&[purge]).map_err(failed)?;
        log.sync(position).map_err(failed)?;
    }
    log.close().map_err(failed)
}

/// Takes away the file that says how far the log must reach.
pub(super) fn forget_reach(dir: &Directory, kept: &Path) -> Result<(), OfflineError> {
    move_to(dir, &durable(&dir.path), kept)?;
    sync(dir, &dir.path)
}

/// Moves a file that is to be kept; one that is not there stays so.
pub(super) fn move_to(dir: &Directory, file: &Path, kept: &Path) -> Result<(), OfflineError> {
    let Some(name) = file.file_name() else { return Ok(()) };
    match dir.disk.rename(file, &kept.join(name)) {
        Ok(()) => sync(dir, kept),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(OfflineError::io("keep", file)(error)),
    }
}

/// Keeps a copy of a file that is about to be replaced.
pub(super) fn copy_to(dir: &Directory, file: &Path, bytes: &[u8], kept: &Path) -> Result<(), OfflineError> {
    let Some(name) = file.file_name() else { return Ok(()) };
    sutra_disk::replace(&*dir.disk, &kept.join(name), bytes).map_err(OfflineError::io("keep a copy of", file))
}

pub(super) fn sync(dir: &Directory, folder: &Path) -> Result<(), OfflineError> {
    dir.disk.sync_dir(folder).map_err(OfflineError::io("sync", folder))
}

pub(super) fn durable(dir: &Path) -> PathBuf {
    dir.join("DURABLE")
}

fn read(disk: &dyn Disk, dir: &Path, store_id: &str, reach: Reach, applied: LogIndex) -> Result<Vec<GroupState>, WalError> {
    let after = BTreeMap::from([(GROUP, applied)]);
    sutra_wal::offline::read(disk, dir, store_id, reach, &after, check)
}

/// That an entry is one.
fn check(group: GroupId, index: LogIndex, payload: &[u8]) -> Result<(), String> {
    if group != GROUP {
        // Meta's words are the grid's.
        return Ok(());
    }
    let entry: Entry = entry::decode(payload).map_err(|error| format!("the entry can't be read: {error}"))?;
    match entry.index.filter(|told| *told != index) {
        Some(told) => Err(format!("it says that it is entry {}, and stands in the place of entry {}", told.0, index.0)),
        None => Ok(()),
    }
}
