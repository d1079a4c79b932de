//! The log's files: names and order.

use std::io;
use std::path::{Path, PathBuf};

use sutra_disk::Disk;

use crate::floor::FloorFile;

/// Where the files of the log of this data directory are.
pub fn files_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("wal")
}

/// Whether the data directory has a log.
///
/// # Errors
/// The disk's.
pub fn is_there(disk: &dyn Disk, data_dir: &Path) -> io::Result<bool> {
    match list(disk, &files_dir(data_dir)) {
        Ok(ids) => Ok(!ids.is_empty()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes the log of a data directory that no process has open, and what is known of how far it reached.
///
/// # Errors
/// The disk's; it may be tried again.
pub fn remove(disk: &dyn Disk, data_dir: &Path) -> io::Result<()> {
    let folder = files_dir(data_dir);
    let names = match disk.list(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        names => names?,
    };
    names.iter().try_for_each(|name| disk.remove(&folder.join(name)))?;
    if !names.is_empty() {
        disk.sync_dir(&folder)?;
    }
    // Last: until here it says that something is missing.
    FloorFile::in_dir(data_dir).remove(disk)?;
    disk.sync_dir(data_dir)
}

/// Path of file `id` in the directory of the files.
pub(crate) fn path(dir: &Path, id: u64) -> PathBuf {
    dir.join(format!("{id:016x}.log"))
}

/// Ids of the files in `dir`, ascending. Other names are left alone.
pub(crate) fn list(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<u64>> {
    let names = disk.list(dir)?;
    let mut ids: Vec<u64> = names.iter().filter_map(|name| id_of(name)).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// Only what [`path`] makes: two names must never stand for one file.
fn id_of(name: &str) -> Option<u64> {
    let stem = name.strip_suffix(".log").filter(|stem| stem.len() == 16)?;
    let digits = stem.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    u64::from_str_radix(stem, 16).ok().filter(|id| digits && *id != 0 && *id != u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_the_log_makes_are_its_files() {
        assert_eq!(id_of("00000000000000ff.log"), Some(255));
        for name in ["00000000000000FF.log", "+0000000000000ff.log", "ff.log", "0000000000000000.log", "00000000000000ff.log.new"]
        {
            assert_eq!(id_of(name), None, "{name}");
        }
    }
}
