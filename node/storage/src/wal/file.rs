//! The log's files: names and order.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Path of file `id` in `dir`.
pub(crate) fn path(dir: &Path, id: u64) -> PathBuf {
    dir.join(format!("{id:016x}.log"))
}

/// Ids of the files in `dir`, ascending. Other names are left alone.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<u64>> {
    let mut ids = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let id = name.to_str().and_then(|name| name.strip_suffix(".log")).filter(|stem| stem.len() == 16);
        ids.extend(id.and_then(|stem| u64::from_str_radix(stem, 16).ok()));
    }
    ids.sort_unstable();
    Ok(ids)
}
