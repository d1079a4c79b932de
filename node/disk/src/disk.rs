//! What storage asks of a disk.

use std::fmt::Debug;
use std::io;
use std::path::Path;

use crate::bytes::Bytes;

/// A file system. What is written is durable only after the file's [`DiskFile::sync`]; a creation, rename or removal only after
/// [`Disk::sync_dir`] of its directory. A crash may keep any part of what was not synced, in any order.
pub trait Disk: Debug + Send + Sync + 'static {
    /// Creates the directory and its parents where they are not there.
    ///
    /// # Errors
    /// The disk's.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Names of the files and directories in `dir`, sorted.
    ///
    /// # Errors
    /// The disk's; a directory that is not there is `NotFound`.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Opens a file.
    ///
    /// # Errors
    /// The disk's.
    fn open(&self, path: &Path, open: Open) -> io::Result<Box<dyn DiskFile>>;

    /// Size of the file in bytes.
    ///
    /// # Errors
    /// The disk's.
    fn size(&self, path: &Path) -> io::Result<u64>;

    /// The whole file, copied.
    ///
    /// # Errors
    /// The disk's.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The whole file, in place where the disk can. Nobody changes the file while it is mapped; it may be removed.
    ///
    /// # Errors
    /// The disk's.
    fn map(&self, path: &Path) -> io::Result<Bytes>;

    /// Gives the file another name, in place of what has that name.
    ///
    /// # Errors
    /// The disk's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes the file.
    ///
    /// # Errors
    /// The disk's.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes creations, renames and removals in `dir` durable.
    ///
    /// # Errors
    /// The disk's.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Locks the file, creating it where it is not there, until the lock is dropped or the process ends; `None`: somebody else
    /// has it.
    ///
    /// # Errors
    /// The disk's.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>>;
}

/// How to open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// To read it.
    Read,
    /// To read and write it, created empty where it is not there.
    Write,
    /// To read and write it, emptied if it is there.
    Create,
}

/// An open file.
pub trait DiskFile: Debug + Send + Sync {
    /// Writes all of `bytes` at `offset`. After an error any part of them may have been written.
    ///
    /// # Errors
    /// The disk's.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Reads into `buffer` from `offset`; answers how many bytes there were, less than asked only at the end of the file.
    ///
    /// # Errors
    /// The disk's.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Size in bytes.
    ///
    /// # Errors
    /// The disk's.
    fn size(&self) -> io::Result<u64>;

    /// Cuts the file, or lengthens it with zeroes.
    ///
    /// # Errors
    /// The disk's.
    fn set_len(&mut self, len: u64) -> io::Result<()>;

    /// Takes the blocks up to `len` from the file system, as zeroes, so that writing them later changes no size and can't run out
    /// of space. A file system that can't is no error.
    ///
    /// # Errors
    /// The disk's, such as too little space.
    fn allocate(&mut self, len: u64) -> io::Result<()>;

    /// Makes everything written durable. After an error nobody knows what is; it is not to be tried again.
    ///
    /// # Errors
    /// The disk's.
    fn sync(&mut self) -> io::Result<()>;
}

/// A held lock.
pub trait DiskLock: Debug + Send + Sync {}
