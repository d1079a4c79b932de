//! The files of a small store that was closed, to be changed one at a time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sutra_disk::{Disk, DiskCall, Failure, Fault, Open, SimulatedDisk, Snapshot, When};
use sutra_storage::{Store, StoreConfig};

use crate::adversary::scene;
use crate::adversary::seen::{NOW, Seen};
use crate::adversary::trial::{Trial, chain};

/// A store's files.
pub(super) struct Image {
    snapshot: Snapshot,
}

impl Image {
    pub(super) fn new(seed: u64) -> Self {
        let mut trial = Trial::new(seed);
        for _ in 0..2 {
            (0..8).for_each(|_| trial.write(3));
            trial.checkpoint();
        }
        (0..3).for_each(|_| trial.write(3));
        // Closing would empty the log into a segment.
        trial.disk.fault(Fault::new(DiskCall::Create, Failure::Full, When::From(1)).on("/segments/"));
        trial.close();
        trial.disk.sync_all();
        Self { snapshot: trial.disk.snapshot() }
    }

    /// The files whose path has `part` in it, and their bytes.
    pub(super) fn files(&self, part: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let disk = self.snapshot.disk(1);
        let paths = disk.paths().into_iter().filter(|path| path.to_string_lossy().contains(part));
        let files: Vec<_> = paths.map(|path| (path.clone(), disk.read(&path).unwrap())).collect();
        assert!(!files.is_empty(), "no {part}");
        files
    }

    /// The disk with other bytes in one file.
    pub(super) fn with(&self, file: &Path, bytes: &[u8]) -> SimulatedDisk {
        let disk = self.snapshot.disk(1);
        disk.open(file, Open::Create).unwrap().write_at(0, bytes).unwrap();
        disk.sync_all();
        disk
    }

    /// Opens the store with these bytes in a file, and asks it everything: what came of it.
    pub(super) fn opened(&self, file: &Path, bytes: &[u8]) -> String {
        let disk = Arc::new(self.with(file, bytes));
        let config = StoreConfig { disk, on_fatal: Arc::new(|_| {}), ..StoreConfig::at("/store") };
        let store = match Store::open(config) {
            Ok(store) => store,
            Err(error) => return chain(&error),
        };
        for namespace in scene::namespaces() {
            let view = store.view(namespace, NOW).unwrap();
            Seen::of(&view, 20);
            if let Some(damage) = view.damage() {
                return damage.to_string();
            }
        }
        match store.failure() {
            Some(failure) => {
                assert!(!failure.contains("panic"), "{failure}");
                failure
            }
            None => "read".into(),
        }
    }
}
