//! A segment that another store wrote becomes one of this store.

use std::path::Path;

use sutra_disk::{Disk, Open};

use crate::STORE_ID_BYTES;
use crate::error::SegmentError;
use crate::header::Header;
use crate::segment::SegmentId;

/// What a segment's header page says as whoever wrote the segment left it.
#[derive(Clone, Debug)]
pub struct Head(Header);

impl Head {
    /// Of the file at `path`.
    ///
    /// # Errors
    /// The disk's; the file is no segment.
    pub fn read(disk: &dyn Disk, path: &Path) -> Result<Self, SegmentError> {
        let bytes = disk.map(path).map_err(SegmentError::disk("map", path))?;
        Header::decode(path, &bytes).map(Self)
    }
}

/// Gives the file at `path`, which began with `head`, a number and a store of its own, and syncs it. Nothing but its header page changes,
/// which alone says whose it is. The file is nobody's yet: an interruption may leave that page damaged, and doing it again makes it whole.
///
/// # Errors
/// The disk's; the name of the store is too long.
pub fn naturalise(disk: &dyn Disk, path: &Path, head: &Head, id: SegmentId, store_id: &str) -> Result<(), SegmentError> {
    if store_id.len() > STORE_ID_BYTES {
        return Err(SegmentError::StoreId { path: path.to_owned(), found: store_id.len() });
    }
    let page = Header { id: id.0, store: store_id.to_owned(), ..head.0.clone() }.encode();
    let mut file = disk.open(path, Open::Write).map_err(SegmentError::disk("open", path))?;
    file.write_at(0, &page).map_err(SegmentError::disk("write", path))?;
    file.sync().map_err(SegmentError::disk("sync", path))
}
