//! A disk that takes its time to put in place what was received.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sutra_disk::{Bytes, Disk, DiskFile, DiskLock, Open};

/// Another disk, on which a file that was received gets its name only after so many milliseconds.
#[derive(Debug)]
pub(crate) struct Slow {
    pub(crate) inner: Arc<dyn Disk>,
    pub(crate) delay: Arc<AtomicU64>,
}

impl Disk for Slow {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.inner.create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.inner.list(dir)
    }

    fn open(&self, path: &Path, open: Open) -> io::Result<Box<dyn DiskFile>> {
        self.inner.open(path, open)
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        self.inner.size(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.inner.read(path)
    }

    fn map(&self, path: &Path) -> io::Result<Bytes> {
        self.inner.map(path)
    }

    #[allow(clippy::disallowed_methods, reason = "a slow disk holds up whoever waits for it")]
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if from.extension().is_some_and(|extension| extension == "part") {
            std::thread::sleep(Duration::from_millis(self.delay.load(Ordering::Acquire)));
        }
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.inner.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        self.inner.lock(path)
    }
}
