//! The map of the grid on the disk of a node: the file `GRID` of its data directory, as JSON.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sutra_disk::Disk;
use sutra_protocol::command::LogIndex;
use sutra_storage::{Configuration, GRID_FILE};
use sutra_wal::LogPoint;

use crate::map::GridMap;

/// The newest format that this release reads, and the one that it writes.
const FORMAT: u32 = 1;

/// What a node keeps of meta: the map, and how much of meta's log is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MetaFile {
    format: u32,
    /// This node's name.
    pub(crate) node: String,
    /// Index and term of the last entry that is in the map.
    #[serde(default)]
    applied: Option<(u64, u64)>,
    #[serde(default)]
    pub(crate) configuration: Option<Configuration>,
    pub(crate) map: GridMap,
}

/// Why the map on the disk can't be used.
#[derive(Debug, thiserror::Error)]
pub enum MetaFileError {
    /// The disk's.
    #[error("{step} {file}")]
    Io {
        /// What was tried.
        step: &'static str,
        /// With what.
        file: PathBuf,
        /// Its answer.
        #[source]
        source: io::Error,
    },
    /// It is no map.
    #[error("grid file {file} can't be used: {reason}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A newer release wrote it.
    #[error("grid file {file} has format {found}; this release reads up to {FORMAT}")]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its format.
        found: u64,
    },
}

impl MetaFileError {
    /// Whether there was no room on the disk, and may be some later.
    pub(crate) fn is_for_want_of_room(&self) -> bool {
        matches!(self, Self::Io { source, .. } if sutra_disk::is_full(source))
    }
}

/// Where it is.
pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join(GRID_FILE)
}

impl MetaFile {
    /// What a node knows that has just been told of its grid.
    pub(crate) fn new(node: String, map: GridMap) -> Self {
        Self { format: FORMAT, node, applied: None, configuration: None, map }
    }

    /// The same, on another node.
    pub(crate) fn of_node(self, node: String) -> Self {
        Self { node, ..self }
    }

    pub(crate) fn applied(&self) -> Option<LogPoint> {
        self.applied.map(|(index, term)| LogPoint { index: LogIndex(index), term })
    }

    pub(crate) fn set_applied(&mut self, at: LogPoint) {
        self.applied = Some((at.index.0, at.term));
    }

    /// The file of a data directory; `None`: its node belongs to no grid yet.
    pub(crate) fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<Self>, MetaFileError> {
        let file = path(dir);
        match disk.read(&file) {
            Ok(bytes) => Self::decode(&file, &bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(MetaFileError::Io { step: "read", file, source }),
        }
    }

    /// Reads one back; `file` is for the error.
    pub(crate) fn decode(file: &Path, bytes: &[u8]) -> Result<Self, MetaFileError> {
        let unreadable = |error: serde_json::Error| MetaFileError::Unreadable { file: file.into(), reason: error.to_string() };
        // The format is read first: a newer file may hold anything else.
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(unreadable)?;
        match value.get("format").and_then(serde_json::Value::as_u64) {
            Some(found) if found > u64::from(FORMAT) => Err(MetaFileError::Newer { file: file.into(), found }),
            _ => serde_json::from_value(value).map_err(unreadable),
        }
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec_pretty(self)
    }

    /// Puts it durably in place of the one before.
    pub(crate) fn write(&self, disk: &dyn Disk, dir: &Path) -> Result<(), MetaFileError> {
        let file = path(dir);
        let written = self.encode().map_err(io::Error::from).and_then(|text| sutra_disk::replace(disk, &file, &text));
        written.map_err(|source| MetaFileError::Io { step: "write", file, source })
    }
}
