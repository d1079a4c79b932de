//! Whether a log would open, and what is in its files.

use std::path::{Path, PathBuf};

use sutra_disk::{Disk, Open};

use crate::error::WalError;
use crate::file;
use crate::floor::FloorFile;
use crate::frame::FrameKind;
use crate::group::GroupState;
use crate::replay;
use crate::scan::{Payloads, Scan, Step};

/// What [`verify`] has found.
#[derive(Debug)]
pub struct Report {
    /// The files, from the oldest on.
    pub files: Vec<FileReport>,
    /// Every group as an opening would find it; none if it would fail.
    pub groups: Vec<GroupState>,
    /// Why the log would not open; `None`: it would.
    pub problem: Option<WalError>,
}

/// What is in one file.
#[derive(Debug)]
pub struct FileReport {
    /// The file.
    pub file: PathBuf,
    /// Its size in bytes, with what is preallocated.
    pub bytes: u64,
    /// Whole frames from its beginning on.
    pub frames: u64,
    /// How many of them are entries.
    pub entries: u64,
    /// How it ends.
    pub end: FileEnd,
}

/// How a file ends behind its last whole frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileEnd {
    /// With it, or with zeroes.
    Clean {
        /// Where that is, in bytes.
        offset: u64,
    },
    /// With something that was never known to be durable; opening cuts it.
    Torn {
        /// Where it begins, in bytes.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// With something that was durable and no longer reads as it was written.
    Damaged {
        /// Where it begins, in bytes.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
}

impl Report {
    /// Whether the log would open with all that was ever durable.
    pub fn is_whole(&self) -> bool {
        self.problem.is_none()
    }
}

/// Reads all frames of the log of this data directory, those of purged entries too.
///
/// # Errors
/// [`WalError::Io`]. What is wrong with the log is in the report.
pub fn verify(disk: &dyn Disk, data_dir: &Path, store_id: Option<&str>) -> Result<Report, WalError> {
    let dir = file::files_dir(data_dir);
    let ids = file::list(disk, &dir).map_err(WalError::io("list", &dir))?;
    let floor = FloorFile::in_dir(data_dir).read(disk);
    let durable_to = |id: u64| floor.as_ref().ok().filter(|floor| floor.file_id == id).map_or(0, |floor| floor.offset);
    let mut files = Vec::new();
    for id in &ids {
        // Nothing in a file with a successor is a torn tail.
        let durable_to = if Some(id) == ids.last() { durable_to(*id) } else { u64::MAX };
        files.push(file_report(disk, file::path(&dir, *id), *id, durable_to)?);
    }
    let opened = floor.and_then(|floor| {
        let replayed = replay::replay(disk, &dir, store_id, floor)?;
        replay::hand_over(&dir, &replayed.index, &Default::default(), |_, _, _| Ok(()))?;
        Ok(replayed.index)
    });
    let (groups, problem) = match opened {
        Ok(index) => (index.groups.iter().map(|(id, group)| group.state(*id)).collect(), None),
        Err(error @ WalError::Io { .. }) => return Err(error),
        Err(problem) => (Vec::new(), Some(problem)),
    };
    Ok(Report { files, groups, problem })
}

fn file_report(disk: &dyn Disk, path: PathBuf, id: u64, durable_to: u64) -> Result<FileReport, WalError> {
    let reader = disk.open(&path, Open::Read).map_err(WalError::io("open", &path))?;
    let mut scan = Scan::of(&path, id, reader.as_ref(), None, Payloads::All)?;
    let (mut frames, mut entries) = (0, 0);
    let end = loop {
        let offset = scan.offset;
        match scan.step()? {
            Step::Frame(frame) => {
                frames += 1;
                entries += u64::from(frame.header.kind == FrameKind::Entry);
            }
            Step::End if durable_to != u64::MAX && offset < durable_to => {
                break FileEnd::Damaged { offset, reason: format!("it ends here, and reached to {durable_to}") };
            }
            Step::End => break FileEnd::Clean { offset },
            Step::Bad(bad) if offset >= durable_to && !scan.durable_beyond(offset)? => {
                break FileEnd::Torn { offset, reason: bad.to_string() };
            }
            Step::Bad(bad) => break FileEnd::Damaged { offset, reason: bad.to_string() },
        }
    };
    let bytes = scan.len();
    Ok(FileReport { file: path, bytes, frames, entries, end })
}
