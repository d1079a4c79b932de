//! A store that is read and not opened.

use std::path::Path;
use std::sync::Arc;

use sutra_disk::Disk;
use sutra_protocol::command::LogIndex;
use sutra_protocol::http::NamespaceView;
use sutra_protocol::{AsOf, Namespace};
use sutra_wal::GroupId;

use crate::clock::wall_clock;
use crate::datadir::DataDir;
use crate::error::{OpenError, ViewError};
use crate::memory::{State, View};
use crate::opening;

/// Everything that a data directory holds, as a start of the store would find it. The directory is locked until this is dropped.
pub struct Snapshot {
    dir: Arc<DataDir>,
    state: State,
}

/// Reads a directory: its manifest, the heads of its segments, and the log behind them. No byte of it is changed, not even a torn
/// tail is cut, and no thread is started. One that holds other shards than the first is refused: it has only a part of what its grid
/// knows. Graphs over vectors are not used: a search by vector scans.
///
/// # Errors
/// As [`crate::Store::open`]; a directory without an identity is no data directory.
pub fn open_read_only(disk: Arc<dyn Disk>, dir: &Path) -> Result<Snapshot, OpenError> {
    let dir = Arc::new(DataDir::existing(disk, dir)?);
    let mut states = opening::read(&dir)?;
    let state = match states.pop_first() {
        None => State::default(),
        Some((GroupId::FIRST_SHARD, state)) if states.is_empty() => state,
        Some((shard, _)) => {
            let shards = std::iter::once(shard.0).chain(states.keys().map(|shard| shard.0)).collect();
            return Err(OpenError::Shards { dir: dir.path().into(), shards });
        }
    };
    Ok(Snapshot { dir, state })
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("dir", &self.dir).field("applied", &self.state.applied).finish_non_exhaustive()
    }
}

impl Snapshot {
    /// The grid that the directory belongs to.
    pub fn grid_id(&self) -> &str {
        self.dir.grid_id()
    }

    /// Last entry that is in it.
    pub fn applied(&self) -> LogIndex {
        self.state.applied
    }

    /// Every namespace, by name.
    pub fn namespaces(&self) -> Vec<NamespaceView> {
        self.state.namespace_views()
    }

    /// A namespace as a view; an unknown one is an empty one. It outlives the snapshot. What it answers is whole only while
    /// [`View::damage`] says nothing.
    ///
    /// # Errors
    /// [`ViewError::BeforeHistory`] if the namespace does not keep its history for so long.
    pub fn view(&self, namespace: &Namespace, as_of: AsOf) -> Result<View, ViewError> {
        self.state.view(namespace, as_of, wall_clock())
    }
}
