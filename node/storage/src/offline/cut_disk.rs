//! A disk as it would be after a log was cut: to see whether what is left stands on its own.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sutra_disk::{Bytes, Disk, DiskFile, DiskLock, Open};

/// Shows a log file only up to an offset, and none of the later ones. Nothing can be written.
#[derive(Debug)]
pub(super) struct CutDisk {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) file: PathBuf,
    /// In bytes; 0: the file is not there either.
    pub(super) offset: u64,
}

#[derive(Debug)]
struct CutFile {
    file: Box<dyn DiskFile>,
    len: u64,
}

impl Disk for CutDisk {
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = self.disk.list(dir)?;
        names.retain(|name| {
            let path = dir.join(name);
            Some(dir) != self.file.parent() || path < self.file || (path == self.file && self.offset > 0)
        });
        Ok(names)
    }

    fn open(&self, path: &Path, open: Open) -> io::Result<Box<dyn DiskFile>> {
        if open != Open::Read {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        let file = self.disk.open(path, open)?;
        if path != self.file {
            return Ok(file);
        }
        let len = file.size()?.min(self.offset);
        Ok(Box::new(CutFile { file, len }))
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        self.disk.size(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.disk.read(path)
    }

    fn map(&self, path: &Path) -> io::Result<Bytes> {
        self.disk.map(path)
    }

    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn lock(&self, _: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

impl DiskFile for CutFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX).min(buffer.len());
        self.file.read_at(offset, &mut buffer[..left])
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len)
    }

    fn write_at(&mut self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn set_len(&mut self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn allocate(&mut self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}
