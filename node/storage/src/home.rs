//! Where the files of one shard are in a data directory: its manifest, and its segments.
//!
//! ```text
//!   MANIFEST  segments/                       the first shard, as in directories that hold no other
//!   shards/7/MANIFEST  shards/7/segments/     shard 7
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sutra_disk::Disk;
use sutra_wal::GroupId;

use crate::datadir::DataDir;
use crate::error::OpenError;
use crate::manifest;

/// The folder of the shards that are not in the directory itself.
const SHARDS: &str = "shards";

/// The folder in a data directory that has a shard's manifest and segments.
pub(crate) fn folder(dir: &Path, shard: GroupId) -> PathBuf {
    if shard == GroupId::FIRST_SHARD { dir.into() } else { dir.join(SHARDS).join(shard.0.to_string()) }
}

/// The shards that a data directory has files of, ascending. The first is among them where there is no other.
pub(crate) fn shards(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<GroupId>> {
    let others = others(disk, dir)?;
    let is_first_there = others.is_empty()
        || names(disk, dir)?.iter().any(|name| dir.join(name) == manifest::path(dir))
        || !names(disk, &segments(dir))?.is_empty();
    Ok(is_first_there.then_some(GroupId::FIRST_SHARD).into_iter().chain(others).collect())
}

/// The shards that a data directory has folders of, ascending.
pub(crate) fn others(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<GroupId>> {
    let names = names(disk, &dir.join(SHARDS))?;
    let mut shards: Vec<GroupId> = names.iter().filter_map(|name| name.parse().ok()).map(GroupId).collect();
    shards.sort_unstable();
    Ok(shards)
}

fn names(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<String>> {
    match disk.list(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        names => names,
    }
}

/// Where segments and graphs are, in a shard's folder.
pub(crate) fn segments(folder: &Path) -> PathBuf {
    folder.join("segments")
}

/// Removes what a shard's folder has of it, durably: the manifest first.
pub(crate) fn remove(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    for file in [manifest::path(folder), quarantine_file(folder)] {
        match disk.remove(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => {
                removed?;
                disk.sync_dir(folder)?;
            }
        }
    }
    let segments = segments(folder);
    let names = names(disk, &segments)?;
    if names.is_empty() {
        return Ok(());
    }
    names.iter().try_for_each(|name| disk.remove(&segments.join(name)))?;
    disk.sync_dir(&segments)
}

/// What is in a shard's folder while nobody reads its replica.
fn quarantine_file(folder: &Path) -> PathBuf {
    folder.join("QUARANTINE")
}

/// The place of one shard in an open data directory.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    dir: Arc<DataDir>,
    shard: GroupId,
    folder: PathBuf,
}

impl Home {
    /// The place of a shard, whether anything is there or not.
    pub(crate) fn of(dir: Arc<DataDir>, shard: GroupId) -> Self {
        let folder = folder(dir.path(), shard);
        Self { dir, shard, folder }
    }

    /// Makes the folders, durably, where they are not there.
    pub(crate) fn create(&self) -> Result<(), OpenError> {
        let segments = self.segments();
        self.disk().create_dir_all(&segments).map_err(OpenError::io("create", &segments))?;
        let root = self.dir.path();
        for folder in self.folder.ancestors().take_while(|folder| folder.starts_with(root)) {
            self.disk().sync_dir(folder).map_err(OpenError::io("sync", folder))?;
        }
        Ok(())
    }

    /// Removes the shard's files, durably: the manifest first, without which there is no replica. Nobody has them open.
    pub(crate) fn clear(&self) -> io::Result<()> {
        remove(&**self.disk(), &self.folder)
    }

    /// The shard.
    pub(crate) fn shard(&self) -> GroupId {
        self.shard
    }

    /// The disk that it is on.
    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        self.dir.disk()
    }

    /// What is there while nobody reads the replica.
    pub(crate) fn quarantine_file(&self) -> PathBuf {
        quarantine_file(&self.folder)
    }

    /// The folder of its manifest.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where segments and graphs are.
    pub(crate) fn segments(&self) -> PathBuf {
        segments(&self.folder)
    }

    /// The directory that it is in.
    pub(crate) fn dir(&self) -> &DataDir {
        &self.dir
    }

    pub(crate) fn grid_id(&self) -> &str {
        self.dir.grid_id()
    }

    pub(crate) fn store_id(&self) -> &str {
        self.dir.store_id()
    }
}
