//! What meta's log is applied to: the map, which is on the disk after every entry.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sutra_disk::Disk;
use sutra_replication::{Doing, Machine};
use sutra_storage::{
    Checkpoint, Committed, Configuration, HeldSegments, Incoming, NotTaken, Progress, blank_entry, configuration_of,
};
use sutra_wal::LogPoint;
use tokio::sync::watch;

use super::file::{MetaFile, MetaFileError};
use crate::change::{ChangeRefusal, ProposedChange};
use crate::map::{Epoch, GridMap};
use crate::words;

/// The state machine of meta.
pub(crate) struct MetaMachine {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// As it is on the disk.
    state: Mutex<MetaFile>,
    map: watch::Sender<Arc<GridMap>>,
    /// Whether there was no room for the newest state yet.
    is_hindered: watch::Sender<bool>,
}

/// What a proposed change came to.
pub(crate) type Changed = Result<Epoch, ChangeRefusal>;

impl MetaMachine {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: PathBuf, state: MetaFile) -> Self {
        let map = watch::Sender::new(Arc::new(state.map.clone()));
        Self { disk, dir, state: Mutex::new(state), map, is_hindered: watch::Sender::new(false) }
    }

    /// The map, and its changes.
    pub(crate) fn map(&self) -> watch::Receiver<Arc<GridMap>> {
        self.map.subscribe()
    }

    /// Whether there is no room on the disk for the newest state.
    pub(crate) fn is_hindered(&self) -> watch::Receiver<bool> {
        self.is_hindered.subscribe()
    }

    fn state(&self) -> MetaFile {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes a state durable, and shows it; gives back what it follows from where there is no room for it.
    fn adopt<T>(&self, state: MetaFile, of: T) -> Result<(), NotTaken<T>> {
        let mut current = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let written = state.write(&*self.disk, &self.dir);
        let has_no_room = written.as_ref().is_err_and(MetaFileError::is_for_want_of_room);
        self.is_hindered.send_if_modified(|is_hindered| std::mem::replace(is_hindered, has_no_room) != has_no_room);
        written.map_err(|error| NotTaken { reason: words::told(&error), again: has_no_room.then_some(of) })?;
        let map = Arc::new(state.map.clone());
        *current = state;
        drop(current);
        self.map.send_if_modified(|shown| {
            *shown != map && {
                *shown = map;
                true
            }
        });
        Ok(())
    }

    /// The state after these entries, and the answers to them.
    fn after(&self, entries: &[Committed]) -> Result<(MetaFile, Vec<Vec<u8>>), String> {
        let mut state = self.state();
        let mut answers = Vec::with_capacity(entries.len());
        for Committed { point, payload } in entries {
            answers.push(match configuration_of(payload)? {
                Some(words) => {
                    state.configuration = Some(Configuration { index: point.index, term: point.term, words });
                    Vec::new()
                }
                None if *payload == blank_entry() => Vec::new(),
                None => {
                    let proposed: ProposedChange = words::decode(payload)?;
                    let changed: Changed = state.map.change(proposed);
                    words::encode(&changed)?
                }
            });
            state.set_applied(*point);
        }
        Ok((state, answers))
    }
}

impl Machine for MetaMachine {
    fn progress(&self) -> Progress {
        let state = self.state();
        Progress { applied: state.applied(), configuration: state.configuration }
    }

    fn apply(&self, entries: Vec<Committed>) -> Doing<'_, Vec<Vec<u8>>, NotTaken<Vec<Committed>>> {
        // It is rare, and a small file.
        let after = self.after(&entries).map_err(NotTaken::for_good);
        let applied = after.and_then(|(state, answers)| self.adopt(state, entries).map(|()| answers));
        Box::pin(async move { applied })
    }

    fn newest_checkpoint(&self) -> Doing<'_, Option<Checkpoint>> {
        let state = self.state();
        Box::pin(async move {
            let Some(applied) = state.applied() else { return Ok(None) };
            let manifest = state.encode().map_err(|error| error.to_string())?;
            Ok(Some(Checkpoint { applied, configuration: state.configuration, manifest, files: Vec::new() }))
        })
    }

    fn point_of(&self, manifest: &[u8]) -> Result<LogPoint, String> {
        let state = MetaFile::decode(Path::new("received"), manifest).map_err(|error| words::told(&error))?;
        state.applied().ok_or_else(|| "the map is of no entry".into())
    }

    fn checkpoint(&self) -> Doing<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn hold(&self) -> Doing<'_, HeldSegments> {
        Box::pin(async { Ok(HeldSegments::default()) })
    }

    fn install(&self, incoming: Incoming) -> Doing<'_, (), NotTaken<Incoming>> {
        let theirs = MetaFile::decode(Path::new("received"), &incoming.manifest);
        let installed = theirs.map_err(|error| NotTaken::for_good(words::told(&error))).and_then(|theirs| {
            let own = self.state();
            if theirs.map.grid_id != own.map.grid_id {
                return Err(NotTaken::for_good("the map is another grid's"));
            }
            self.adopt(theirs.of_node(own.node), incoming)
        });
        Box::pin(async move { installed })
    }
}
