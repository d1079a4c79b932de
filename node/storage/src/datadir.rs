//! The data directory: who owns it, and which store it is.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::crashsafe;
use crate::error::OpenError;
use crate::wal::FloorFile;

/// Newest layout of a data directory that this release reads, and the one that it writes.
const LAYOUT: u32 = 1;

/// An open data directory. It is locked until this value is dropped, or the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    identity: Identity,
    _lock: File,
}

/// Content of the file `IDENTITY`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Identity {
    layout: u32,
    /// The grid that the node belongs to.
    grid_id: String,
    /// This directory, whichever node serves it.
    store_id: String,
}

impl DataDir {
    /// Opens the directory, creating it, with a new identity, if it is not there or empty.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        fs::create_dir_all(path.join("wal")).map_err(OpenError::io("create", path))?;
        let lock_path = path.join("LOCK");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(OpenError::io("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { dir: path.into() }),
            Err(TryLockError::Error(error)) => return Err(OpenError::io("lock", &lock_path)(error)),
        }
        let identity = Self::identity(path)?;
        Ok(Self { path: path.into(), identity, _lock: lock })
    }

    /// Where the log's files are.
    pub(crate) fn wal(&self) -> PathBuf {
        self.path.join("wal")
    }

    /// Where it is kept how far the log was durable.
    pub(crate) fn floor(&self) -> FloorFile {
        FloorFile::in_dir(&self.path)
    }

    pub(crate) fn grid_id(&self) -> &str {
        &self.identity.grid_id
    }

    pub(crate) fn store_id(&self) -> &str {
        &self.identity.store_id
    }

    fn identity(path: &Path) -> Result<Identity, OpenError> {
        let file = path.join("IDENTITY");
        match fs::read(&file) {
            Ok(bytes) => {
                let unreadable = |reason: String| OpenError::Identity { file: file.clone(), reason };
                // The layout is read first: a newer identity may hold anything else.
                let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
                match value.get("layout").and_then(serde_json::Value::as_u64) {
                    Some(found) if found > u64::from(LAYOUT) => {
                        Err(OpenError::Newer { dir: path.into(), found, supported: LAYOUT })
                    }
                    _ => serde_json::from_value(value).map_err(|error| unreadable(error.to_string())),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::found(path, &file),
            Err(error) => Err(OpenError::io("read", &file)(error)),
        }
    }

    /// Gives a new directory its identity. A log without one means that the identity was lost: a new one would orphan the log.
    fn found(path: &Path, file: &Path) -> Result<Identity, OpenError> {
        let wal = path.join("wal");
        if !crate::wal::file::list(&wal).map_err(OpenError::io("list", &wal))?.is_empty() {
            return Err(OpenError::Identity { file: file.into(), reason: "it is missing, but there is a log".into() });
        }
        let identity = Identity { layout: LAYOUT, grid_id: Uuid::new_v4().to_string(), store_id: Uuid::new_v4().to_string() };
        let text = serde_json::to_vec_pretty(&identity).map_err(|error| OpenError::io("write", file)(error.into()))?;
        crashsafe::replace(file, &text).map_err(OpenError::io("write", file))?;
        Ok(identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_keeps_its_identity_and_has_one_owner() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::open(dir.path()).unwrap();
        assert!(matches!(DataDir::open(dir.path()), Err(OpenError::InUse { .. })));
        let store = first.store_id().to_owned();
        drop(first);
        assert_eq!(DataDir::open(dir.path()).unwrap().store_id(), store);
    }

    #[test]
    fn a_newer_layout_is_refused_with_a_sentence() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("IDENTITY"), r#"{"layout": 2, "cells": []}"#).unwrap();
        let message = DataDir::open(dir.path()).unwrap_err().to_string();
        assert!(message.contains("layout 2") && message.contains("up to 1"), "{message}");
    }

    #[test]
    fn a_lost_or_garbled_identity_is_not_made_up() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("wal")).unwrap();
        fs::write(dir.path().join("wal/0000000000000001.log"), b"").unwrap();
        assert!(matches!(DataDir::open(dir.path()), Err(OpenError::Identity { .. })));
        fs::write(dir.path().join("IDENTITY"), b"{}").unwrap();
        assert!(matches!(DataDir::open(dir.path()), Err(OpenError::Identity { .. })));
    }
}
