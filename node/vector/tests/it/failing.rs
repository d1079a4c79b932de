//! A disk that fills up.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sutra_disk::{Bytes, Disk, DiskFile, DiskLock, Open, RealDisk};

/// The operating system's, until so many bytes were written.
#[derive(Clone, Debug)]
pub(crate) struct Full {
    left: Arc<AtomicI64>,
}

#[derive(Debug)]
struct FullFile {
    file: Box<dyn DiskFile>,
    left: Arc<AtomicI64>,
}

impl Full {
    pub(crate) fn after(bytes: i64) -> Self {
        Self { left: Arc::new(AtomicI64::new(bytes)) }
    }
}

impl Disk for Full {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn open(&self, path: &Path, open: Open) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(FullFile { file: RealDisk.open(path, open)?, left: Arc::clone(&self.left) }))
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        RealDisk.size(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        RealDisk.read(path)
    }

    fn map(&self, path: &Path) -> io::Result<Bytes> {
        RealDisk.map(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        RealDisk.lock(path)
    }
}

impl DiskFile for FullFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.left.fetch_sub(bytes.len() as i64, Ordering::SeqCst) < bytes.len() as i64 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write_at(offset, bytes)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, buffer)
    }

    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn allocate(&mut self, len: u64) -> io::Result<()> {
        self.file.allocate(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }
}
