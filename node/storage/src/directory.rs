//! A data directory that a grid's node has open: its files, and the log that all its replicas share.

use std::io;
use std::path::Path;
use std::sync::Arc;

use sutra_disk::Disk;
use sutra_protocol::command::LogIndex;
use sutra_wal::{AppendError, GroupId, Log, LogConfig, Record};

use crate::datadir::{DataDir, Identity, identity_file, lock};
use crate::error::OpenError;
use crate::home::{self, Home};
use crate::manifest::{Manifest, ManifestError};
use crate::opening::log_config;
use crate::placement::Placement;
use crate::store::StoreConfig;
use crate::tenants::Tenants;

/// The file of a data directory that says which grid of several nodes it belongs to. Where it is, the log is the consensus's: no tool may
/// take anything out of it.
pub const GRID_FILE: &str = "GRID";

/// An open data directory. Cheap to clone; it is free again when the last clone, and every store opened over it, is gone.
#[derive(Clone, Debug)]
pub struct Directory {
    pub(crate) dir: Arc<DataDir>,
    pub(crate) log: Log,
    pub(crate) tenants: Arc<Tenants>,
}

impl Directory {
    /// Opens the directory, or makes it one of the grid `grid_id` if it is empty. Its replicas are opened each by itself; the log's
    /// entries are not applied: the consensus does that. Blocking.
    ///
    /// # Errors
    /// An [`OpenError`] whose text is a sentence for the operator.
    pub fn open(config: &StoreConfig, grid_id: &str) -> Result<Self, OpenError> {
        let dir = DataDir::open(Arc::clone(&config.disk), &config.dir, Some(grid_id))?;
        let log = LogConfig { hand_over: false, ..log_config(config, &dir) };
        let log = Log::open(Arc::clone(dir.disk()), log, |_, _, _| Ok(()))?;
        Ok(Self { dir: Arc::new(dir), log, tenants: Arc::default() })
    }

    /// The grid that a directory belongs to; `None`: it is not there, or never was opened.
    ///
    /// # Errors
    /// An [`OpenError`]: it can't be told.
    pub fn grid_of(disk: &dyn Disk, dir: &Path) -> Result<Option<String>, OpenError> {
        Ok(Identity::read(disk, dir)?.map(|identity| identity.grid_id().to_owned()))
    }

    /// Removes all that a directory holds of its grid's shards, their log first of all, and which directory it was: it is an empty one
    /// then, whose node has none of the numbers that it had. Nobody has it open. It may be tried again after any error, and any crash.
    /// Blocking.
    ///
    /// # Errors
    /// An [`OpenError`]: another process has it, or the disk's.
    pub fn forget_all(disk: &Arc<dyn Disk>, dir: &Path) -> Result<(), OpenError> {
        let _lock = lock(&**disk, dir)?;
        let identity = identity_file(dir);
        // What is in it means nothing without the identity.
        match disk.remove(&identity) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed.map_err(OpenError::io("remove", &identity))?,
        }
        sutra_wal::remove(&**disk, dir).map_err(OpenError::io("remove the log of", dir))?;
        for shard in home::shards(&**disk, dir).map_err(OpenError::io("list the shards of", dir))? {
            let folder = home::folder(dir, shard);
            home::remove(&**disk, &folder).map_err(OpenError::io("clear", folder))?;
        }
        disk.sync_dir(dir).map_err(OpenError::io("sync", dir))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The disk that it is on.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        self.dir.disk()
    }

    /// The grid that it belongs to.
    pub fn grid_id(&self) -> &str {
        self.dir.grid_id()
    }

    /// Which directory it is, whoever serves it.
    pub fn store_id(&self) -> &str {
        self.dir.store_id()
    }

    /// The log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The replicas that the directory has, ascending by shard, whatever any map says. What is left of one that was being given up when the
    /// process ended is removed, and so is one that nothing was ever told. Nothing of the directory is open yet. `is_wanted` says whether a
    /// map gives the directory that replica of a shard, or, where its manifest is damaged and does not tell which one it is, any: then it
    /// is left out here, and its opening says what is wrong. Blocking.
    ///
    /// # Errors
    /// An [`OpenError`] whose text is a sentence for the operator.
    pub fn replicas(&self, is_wanted: impl Fn(u64, Option<u64>) -> bool) -> Result<Vec<Placement>, OpenError> {
        let (disk, dir) = (self.disk(), self.path());
        let shards = home::shards(&**disk, dir).map_err(OpenError::io("list the shards of", dir))?;
        let mut replicas = Vec::new();
        for shard in shards {
            let home = Home::of(Arc::clone(&self.dir), shard);
            let is_logged = self.log.group(shard).is_some();
            let manifest = match Manifest::read(&**disk, home.folder()) {
                Err(ManifestError::Damaged { .. }) if is_wanted(shard.0, None) => continue,
                // Nobody reads it, and no map gives it to this node: the others are not to wait for it.
                Err(error @ ManifestError::Damaged { .. }) if self.quarantined(shard.0)?.is_some() => {
                    tracing::error!(shard = shard.0, %error, "what is left of a replica in quarantine can't be read, and stays where it is");
                    continue;
                }
                read => read?,
            };
            let Some(manifest) = manifest else {
                // Of a group that is in the log its opening says what is missing.
                if !is_logged {
                    home.clear().map_err(OpenError::io("clear", home.folder()))?;
                }
                continue;
            };
            // A replica is in the log from its first vote on, until it is given up.
            if !is_logged && (manifest.applied > LogIndex(0) || !is_wanted(shard.0, Some(manifest.replica))) {
                home.clear().map_err(OpenError::io("clear", home.folder()))?;
                continue;
            }
            let Manifest { replica, epoch, .. } = manifest;
            replicas.push(Placement { shard: shard.0, replica, range: manifest.range(), epoch });
        }
        Ok(replicas)
    }

    /// Gives up the replica of a shard, which is closed: its log first, so that from then on it counts as given up, and then its files.
    /// Blocking.
    ///
    /// # Errors
    /// The disk's; it may be tried again, and the next start goes on with it.
    pub fn give_up(&self, shard: u64) -> Result<(), OpenError> {
        let home = Home::of(Arc::clone(&self.dir), GroupId(shard));
        if self.log.group(home.shard()).is_some() {
            let refused = |error: AppendError| OpenError::io("write to the log of", self.path())(std::io::Error::other(error));
            self.log.append(&[Record::Forget { group: home.shard() }]).map_err(refused)?;
            self.log.make_durable().map_err(refused)?;
            // What is erased from now on is not looked for here: the files that it shares with others go, too.
            self.log.rotate().map_err(refused)?;
            self.tenants.leave_files(&self.log, self.log.last_file());
        }
        home.clear().map_err(OpenError::io("clear", home.folder()))?;
        if let Err(error) = self.log.drop_unneeded() {
            tracing::warn!(shard, %error, "files of the log that nobody needs are still there");
        }
        Ok(())
    }

    /// Marks the log as whole. The stores over the directory are closed before.
    ///
    /// # Errors
    /// The log's; nothing acknowledged is lost.
    pub fn close(self) -> Result<(), AppendError> {
        self.log.close()
    }
}
