//! A data directory, kept from every other process.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sutra_disk::{Disk, DiskLock};
use sutra_wal::GroupId;

use super::error::OfflineError;
use crate::datadir::{self, Identity};
use crate::error::OpenError;
use crate::home;
use crate::keeper::segment_path;

/// What the directories are called in which a repair keeps what it takes away, before their number.
const KEPT: &str = "damaged-";

/// A locked directory.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) path: PathBuf,
    pub(super) lock: Box<dyn DiskLock>,
}

impl Directory {
    /// Locks a directory that has something of a store in it.
    pub(super) fn lock(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, OfflineError> {
        let names = match disk.list(path) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(OfflineError::io("list", path)(error)),
        };
        // Looked at first: locking what is no data directory would leave a file there.
        if !names.iter().any(|name| matches!(name.as_str(), "IDENTITY" | "MANIFEST" | "wal")) {
            return Err(OfflineError::NoStore { dir: path.into() });
        }
        match datadir::lock(&*disk, path) {
            Ok(lock) => Ok(Self { disk, path: path.into(), lock }),
            Err(OpenError::InUse { dir }) => Err(OfflineError::InUse { dir }),
            Err(error) => Err(error.into()),
        }
    }

    /// Which store it is; an error that tells what is wrong with the file.
    pub(super) fn identity(&self) -> Result<Identity, OpenError> {
        let lost = || OpenError::Identity { file: datadir::identity_file(&self.path), reason: "it is missing".into() };
        Identity::read(&*self.disk, &self.path)?.ok_or_else(lost)
    }

    /// Where segments and graphs of the first shard are.
    pub(super) fn segments(&self) -> PathBuf {
        home::segments(&self.path)
    }

    /// The shards that it has files of.
    pub(super) fn shards(&self) -> Result<Vec<GroupId>, OfflineError> {
        home::shards(&*self.disk, &self.path).map_err(OfflineError::io("list the shards of", &self.path))
    }

    /// Names in one of the directory's folders; none if it is not there.
    pub(super) fn names(&self, folder: &Path) -> Result<Vec<String>, OfflineError> {
        match self.disk.list(folder) {
            Ok(names) => Ok(names),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(OfflineError::io("list", folder)(error)),
        }
    }

    /// The numbers of the folders in which repairs have kept what they took away, ascending.
    pub(super) fn kept(&self) -> Result<Vec<u64>, OfflineError> {
        let names = self.names(&self.path)?;
        let mut numbers: Vec<u64> = names.iter().filter_map(|name| name.strip_prefix(KEPT)?.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The folder of this number.
    pub(super) fn kept_dir(&self, number: u64) -> PathBuf {
        self.path.join(format!("{KEPT}{number}"))
    }

    /// Where a segment is: in its place, or where a repair that did not come to its end has put it.
    pub(super) fn find_segment(&self, id: u64) -> Result<PathBuf, OfflineError> {
        let place = segment_path(&self.segments(), id);
        let folders = self.kept()?.into_iter().rev().map(|number| self.kept_dir(number));
        let places = std::iter::once(place.clone()).chain(folders.map(|folder| segment_path(&folder, id)));
        for candidate in places {
            match self.disk.size(&candidate) {
                Ok(_) => return Ok(candidate),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(OfflineError::io("look for", candidate)(error)),
            }
        }
        Ok(place)
    }
}
