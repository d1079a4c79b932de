//! A data directory that a grid's node has open: its files, and the log that all its replicas share.

use std::path::Path;
use std::sync::Arc;

use sutra_disk::Disk;
use sutra_wal::{AppendError, Log, LogConfig};

use crate::datadir::{DataDir, Identity};
use crate::error::OpenError;
use crate::opening::log_config;
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

    /// Marks the log as whole. The stores over the directory are closed before.
    ///
    /// # Errors
    /// The log's; nothing acknowledged is lost.
    pub fn close(self) -> Result<(), AppendError> {
        self.log.close()
    }
}
