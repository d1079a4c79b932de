//! The entries of a log, as an opening would hand them over.

use std::collections::BTreeMap;
use std::path::Path;

use sutra_disk::Disk;
use sutra_protocol::command::LogIndex;

use crate::error::WalError;
use crate::file;
use crate::floor::{Floor, FloorFile};
use crate::group::GroupState;
use crate::record::GroupId;
use crate::replay;

/// Whether a log must reach as far as the file beside it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// As far as the file `DURABLE` says; that this file reads is asked for, too.
    Recorded,
    /// As far as it does.
    AsFound,
}

/// Hands each entry that is neither truncated, nor purged, nor covered by `after`, to `entry`, as [`crate::Log::open`] does, and
/// answers what it found of every group. A data directory without a log has no group.
///
/// # Errors
/// As [`crate::Log::open`].
pub fn read(
    disk: &dyn Disk,
    data_dir: &Path,
    store_id: &str,
    reach: Reach,
    after: &BTreeMap<GroupId, LogIndex>,
    entry: impl FnMut(GroupId, LogIndex, &[u8]) -> Result<(), String>,
) -> Result<Vec<GroupState>, WalError> {
    let dir = file::files_dir(data_dir);
    let floor = match reach {
        Reach::Recorded => FloorFile::in_dir(data_dir).read(disk)?,
        Reach::AsFound => Floor::default(),
    };
    let index = replay::replay(disk, &dir, Some(store_id), floor)?.index;
    replay::hand_over(&dir, &index, after, entry)?;
    Ok(index.groups.iter().map(|(id, group)| group.state(*id)).collect())
}
