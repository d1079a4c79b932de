//! A data directory that a tool looks at.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use sutra_disk::{Disk as _, DiskLock, RealDisk};

/// A data directory, kept from every node until this is dropped.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) path: PathBuf,
    /// Which store it is; `None` if its identity can't be read, which is then part of what a tool tells.
    pub(super) store_id: Option<String>,
    _lock: Box<dyn DiskLock>,
}

/// What the tools need of the file `IDENTITY`.
#[derive(Deserialize)]
struct Identity {
    store_id: String,
}

impl Directory {
    /// Locks the directory.
    pub(super) fn lock(path: &Path) -> anyhow::Result<Self> {
        check(path)?;
        let file = path.join("LOCK");
        let lock = RealDisk.lock(&file).with_context(|| format!("lock {}", file.display()))?;
        let Some(lock) = lock else {
            bail!("data directory {} is in use by another process; stop the node that serves it first", path.display());
        };
        let identity = std::fs::read(path.join("IDENTITY")).ok();
        let store_id = identity.and_then(|bytes| serde_json::from_slice::<Identity>(&bytes).ok()).map(|found| found.store_id);
        Ok(Self { path: path.into(), store_id, _lock: lock })
    }
}

/// A tool must not make a data directory of what is none: a mistyped path would look like an empty, whole store.
pub(super) fn check(path: &Path) -> anyhow::Result<()> {
    match std::fs::metadata(path) {
        Ok(found) if !found.is_dir() => bail!("{} is not a directory", path.display()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => bail!("there is no directory {}", path.display()),
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    }
    let is_there = |name: &str| path.join(name).try_exists().unwrap_or(true);
    if is_there("IDENTITY") || is_there("wal") {
        return Ok(());
    }
    bail!("{} is not a data directory: it has neither a file IDENTITY nor a directory wal", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_data_directory_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let message = |path: &Path| Directory::lock(path).unwrap_err().to_string();
        assert!(message(dir.path()).contains("not a data directory"));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(message(&dir.path().join("mistyped")).starts_with("there is no directory"));
        std::fs::write(dir.path().join("file"), "").unwrap();
        assert!(message(&dir.path().join("file")).ends_with("is not a directory"));
    }

    #[test]
    fn a_directory_in_use_is_refused_and_a_lost_identity_is_not() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("IDENTITY"), r#"{"layout": 1, "grid_id": "g", "store_id": "s"}"#).unwrap();
        let first = Directory::lock(dir.path()).unwrap();
        assert_eq!(first.store_id.as_deref(), Some("s"));
        assert!(Directory::lock(dir.path()).unwrap_err().to_string().contains("stop the node"));
        drop(first);
        std::fs::write(dir.path().join("IDENTITY"), "garbled").unwrap();
        assert_eq!(Directory::lock(dir.path()).unwrap().store_id, None);
    }
}
