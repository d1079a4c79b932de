//! The floor: how far the log was durable when it was last opened, begun anew or closed.
//!
//! Frames tell that those before them are durable, but nothing in a log tells that its own end, or all of it, is gone. The floor
//! stands beside the log, in the file `DURABLE` of the data directory.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sutra_disk::Disk;

use crate::error::WalError;

/// Where a floor is kept.
#[derive(Clone, Debug)]
pub(crate) struct FloorFile(PathBuf);

/// A log that ends before this place has lost something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Floor {
    pub(crate) file_id: u64,
    /// In that file.
    pub(crate) offset: u64,
}

/// The file's content.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    file_id: u64,
    offset: u64,
    /// Of both numbers: a flipped digit would otherwise be believed, and name the log as damaged. Beside a log of format 1 there
    /// is none; that log is refused by its own words.
    #[serde(default)]
    crc32c: Option<u32>,
}

impl FloorFile {
    pub(crate) fn in_dir(data_dir: &Path) -> Self {
        Self(data_dir.join("DURABLE"))
    }

    /// The floor; one that was never set lies below everything.
    pub(crate) fn read(&self, disk: &dyn Disk) -> Result<Floor, WalError> {
        let damaged = |reason: String| WalError::Damaged { file: self.0.clone(), offset: 0, reason };
        let bytes = match disk.read(&self.0) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Floor::default()),
            Err(error) => return Err(WalError::io("read", &self.0)(error)),
        };
        let stored: Stored = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        let floor = Floor { file_id: stored.file_id, offset: stored.offset };
        if stored.crc32c.is_some_and(|crc| crc != floor.crc32c()) {
            return Err(damaged("it does not match its checksum".into()));
        }
        Ok(floor)
    }

    /// Removes it, if it is there.
    pub(crate) fn remove(&self, disk: &dyn Disk) -> io::Result<()> {
        match disk.remove(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    pub(crate) fn write(&self, disk: &dyn Disk, floor: Floor) -> io::Result<()> {
        let stored = Stored { file_id: floor.file_id, offset: floor.offset, crc32c: Some(floor.crc32c()) };
        sutra_disk::replace(disk, &self.0, &serde_json::to_vec(&stored)?)
    }
}

impl Floor {
    fn crc32c(self) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c(&self.file_id.to_le_bytes()), &self.offset.to_le_bytes())
    }
}
