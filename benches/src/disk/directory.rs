//! What a data directory takes, and copies of it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

/// Bytes of a block in `st_blocks`, whatever the file system.
const BLOCK_BYTES: u64 = 512;

/// Bytes that the disk has given to the files under `directory`, but for those in a folder called `without`.
pub(crate) fn allocated(directory: &Path, without: &str) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory).with_context(|| format!("list {}", directory.display()))? {
        let entry = entry?;
        let about = entry.metadata().with_context(|| format!("look at {}", entry.path().display()))?;
        if !about.is_dir() {
            bytes += about.blocks() * BLOCK_BYTES;
        } else if entry.file_name() != without {
            bytes += allocated(&entry.path(), without)?;
        }
    }
    Ok(bytes)
}

/// Copies a directory to a place where there is nothing, sharing blocks where the file system can.
pub(crate) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let output = Command::new("cp").args(["-a", "--reflink=auto"]).args([from, to]).output().context("run cp")?;
    if !output.status.success() {
        bail!("cannot copy {}: {}", from.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_left_out_and_holes_do_not_count() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["wal", "segments"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
            let file = fs::File::create(dir.path().join(folder).join("1")).unwrap();
            std::io::Write::write_all(&mut &file, &[1; 64 << 10]).unwrap();
            // A hole, in which nothing is kept.
            file.set_len(64 << 20).unwrap();
            file.sync_all().unwrap();
        }
        let bytes = allocated(dir.path(), "wal").unwrap();
        assert!((64 << 10..128 << 10).contains(&bytes), "{bytes}");
        let both = allocated(dir.path(), "none").unwrap();
        assert!(both >= 128 << 10, "{both}");
        let copied = dir.path().join("copy");
        copy(&dir.path().join("segments"), &copied).unwrap();
        assert_eq!(fs::metadata(copied.join("1")).unwrap().len(), 64 << 20);
    }
}
