//! Small files that a crash leaves old or new, never half.

use std::io;
use std::path::Path;

use crate::disk::{Disk, Open};

/// Whether an error says that there was no room: the disk's, a quota's, or a file's.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// Replaces `file` durably.
///
/// # Errors
/// The disk's; the file is then the old one or the new one.
pub fn replace(disk: &dyn Disk, file: &Path, content: &[u8]) -> io::Result<()> {
    create_whole(disk, file, content)?;
    // The rename is durable only after the parent directory's fsync.
    file.parent().map_or(Ok(()), |dir| disk.sync_dir(dir))
}

/// Puts `content` under the name `file`, whole and synced; the name itself is durable after its directory's
/// [`Disk::sync_dir`].
///
/// # Errors
/// The disk's; the file is then the old one or the new one.
pub fn create_whole(disk: &dyn Disk, file: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = file.with_extension("new");
    let mut writer = disk.open(&temporary, Open::Create)?;
    writer.write_at(0, content)?;
    writer.sync()?;
    drop(writer);
    disk.rename(&temporary, file)
}
