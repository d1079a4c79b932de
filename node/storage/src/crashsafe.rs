//! Small files that a crash leaves old or new, never half.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Makes creations, renames and removals in `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Replaces `file` durably.
pub(crate) fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = file.with_extension("new");
    let mut writer = File::create(&temporary)?;
    writer.write_all(content)?;
    writer.sync_all()?;
    fs::rename(temporary, file)?;
    // The rename is durable only after the parent directory's fsync.
    file.parent().map_or(Ok(()), sync_dir)
}
