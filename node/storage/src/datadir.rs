//! The data directory: who owns it, and which store it is.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sutra_disk::{Disk, DiskLock};
use uuid::Uuid;

use crate::error::OpenError;
use crate::home;

/// Newest layout of a data directory that this release reads, and the one that it writes.
const LAYOUT: u32 = 2;

/// An open data directory. It is locked until this value is dropped, or the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct DataDir {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    identity: Identity,
    _lock: Box<dyn DiskLock>,
}

/// Content of the file `IDENTITY`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Identity {
    layout: u32,
    /// The grid that the node belongs to.
    grid_id: String,
    /// This directory, whichever node serves it.
    store_id: String,
}

impl DataDir {
    /// Opens the directory, creating it, with a new identity, if it is not there or empty. `grid`: the grid that it has to belong
    /// to, or to be founded for; `None`: any, or a new one.
    pub(crate) fn open(disk: Arc<dyn Disk>, path: &Path, grid: Option<&str>) -> Result<Self, OpenError> {
        for dir in [path.join("wal"), home::segments(path)] {
            disk.create_dir_all(&dir).map_err(OpenError::io("create", dir))?;
        }
        let lock = lock(&*disk, path)?;
        let identity = match Identity::read(&*disk, path)? {
            Some(identity) => identity,
            None => {
                // Whoever made the directory, its name, too, has to outlive the power before anything in it is acknowledged.
                sync_name(&*disk, path).map_err(OpenError::io("make durable the name of", path))?;
                Identity::found(&*disk, path, grid)?
            }
        };
        if let Some(expected) = grid.filter(|grid| *grid != identity.grid_id) {
            let (dir, found) = (path.to_owned(), identity.grid_id);
            return Err(OpenError::OtherGrid { dir, found, expected: expected.into() });
        }
        disk.sync_dir(path).map_err(OpenError::io("sync", path))?;
        Ok(Self { disk, path: path.into(), identity, _lock: lock })
    }

    /// Locks a directory that is there, and changes nothing in it.
    pub(crate) fn existing(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, OpenError> {
        let lost = || OpenError::Identity { file: identity_file(path), reason: "it is missing".into() };
        // Looked at before it is locked: locking what is no data directory would leave a file there.
        Identity::read(&*disk, path)?.ok_or_else(lost)?;
        let lock = lock(&*disk, path)?;
        let identity = Identity::read(&*disk, path)?.ok_or_else(lost)?;
        Ok(Self::of(disk, path, identity, lock))
    }

    /// A directory that is locked, and whose identity is known.
    pub(crate) fn of(disk: Arc<dyn Disk>, path: &Path, identity: Identity, lock: Box<dyn DiskLock>) -> Self {
        Self { disk, path: path.into(), identity, _lock: lock }
    }

    /// The disk that it is on.
    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where it is written which store it is.
    pub(crate) fn identity_file(&self) -> PathBuf {
        identity_file(&self.path)
    }

    pub(crate) fn grid_id(&self) -> &str {
        &self.identity.grid_id
    }

    pub(crate) fn store_id(&self) -> &str {
        &self.identity.store_id
    }
}

/// Where it is written which store a directory is.
pub(crate) fn identity_file(path: &Path) -> PathBuf {
    path.join("IDENTITY")
}

/// Makes the names of a directory and of those that it is in durable, as far up as this process may.
fn sync_name(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    for above in path.ancestors().skip(1) {
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        match disk.sync_dir(above) {
            // Where it may write nothing, it has made nothing.
            Err(error) if matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem | InvalidInput | Unsupported) => {
                return Ok(());
            }
            synced => synced?,
        }
    }
    Ok(())
}

/// Keeps every other process from the directory.
pub(crate) fn lock(disk: &dyn Disk, path: &Path) -> Result<Box<dyn DiskLock>, OpenError> {
    let file = path.join("LOCK");
    let lock = disk.lock(&file).map_err(OpenError::io("lock", &file))?;
    lock.ok_or_else(|| OpenError::InUse { dir: path.into() })
}

impl Identity {
    /// The identity of a store of this release.
    pub(crate) fn new(grid_id: String, store_id: String) -> Self {
        Self { layout: LAYOUT, grid_id, store_id }
    }

    pub(crate) fn grid_id(&self) -> &str {
        &self.grid_id
    }

    pub(crate) fn store_id(&self) -> &str {
        &self.store_id
    }

    /// The identity that is written in a directory; `None`: none is.
    pub(crate) fn read(disk: &dyn Disk, path: &Path) -> Result<Option<Self>, OpenError> {
        let file = identity_file(path);
        match disk.read(&file) {
            Ok(bytes) => {
                let unreadable = |reason: String| OpenError::Identity { file: file.clone(), reason };
                // The layout is read first: a newer identity may hold anything else.
                let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
                match value.get("layout").and_then(serde_json::Value::as_u64) {
                    Some(found) if found > u64::from(LAYOUT) => {
                        Err(OpenError::Newer { file: file.clone(), found, supported: LAYOUT })
                    }
                    _ => serde_json::from_value(value).map(Some).map_err(|error| unreadable(error.to_string())),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(OpenError::io("read", &file)(error)),
        }
    }

    /// Gives a new directory its identity. A log without one means that the identity was lost: a new one would orphan the log.
    fn found(disk: &dyn Disk, path: &Path, grid: Option<&str>) -> Result<Self, OpenError> {
        let file = identity_file(path);
        let wal = path.join("wal");
        if !disk.list(&wal).map_err(OpenError::io("list", &wal))?.is_empty() {
            return Err(OpenError::Identity { file, reason: "it is missing, but there is a log".into() });
        }
        let grid = grid.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
        let identity = Self::new(grid, Uuid::new_v4().to_string());
        identity.write(disk, path)?;
        Ok(identity)
    }

    /// Writes it durably into a directory.
    pub(crate) fn write(&self, disk: &dyn Disk, path: &Path) -> Result<(), OpenError> {
        let file = identity_file(path);
        let text = serde_json::to_vec_pretty(self).map_err(|error| OpenError::io("write", &file)(error.into()))?;
        sutra_disk::replace(disk, &file, &text).map_err(OpenError::io("write", &file))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use sutra_disk::RealDisk;

    use super::*;

    fn open(dir: &tempfile::TempDir) -> Result<DataDir, OpenError> {
        DataDir::open(Arc::new(RealDisk), dir.path(), None)
    }

    #[test]
    fn a_directory_keeps_its_identity_and_has_one_owner() {
        let dir = tempfile::tempdir().unwrap();
        let first = open(&dir).unwrap();
        assert!(matches!(open(&dir), Err(OpenError::InUse { .. })));
        let store = first.store_id().to_owned();
        drop(first);
        assert_eq!(open(&dir).unwrap().store_id(), store);
    }

    #[test]
    fn a_newer_layout_is_refused_with_a_sentence() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("IDENTITY"), r#"{"layout": 3, "cells": []}"#).unwrap();
        let message = open(&dir).unwrap_err().to_string();
        assert!(message.contains("layout 3") && message.contains("up to 2"), "{message}");
    }

    #[test]
    fn a_lost_or_garbled_identity_is_not_made_up() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("wal")).unwrap();
        fs::write(dir.path().join("wal/0000000000000001.log"), b"").unwrap();
        assert!(matches!(open(&dir), Err(OpenError::Identity { .. })));
        fs::write(dir.path().join("IDENTITY"), b"{}").unwrap();
        assert!(matches!(open(&dir), Err(OpenError::Identity { .. })));
    }
}
