//! Writing a segment.

mod graph;
mod output;
mod part;
mod survey;

use std::collections::HashSet;
use std::path::Path;

use sutra_disk::Disk;

use crate::STORE_ID_BYTES;
use crate::error::SegmentError;
use crate::segment::SegmentId;
use crate::source::{Pace, Source, Written};
use output::Output;

/// Writes a segment of `parts`, one for each namespace, under a temporary name (extension `new`), syncs it and renames it. The
/// caller syncs the directory. The same parts give the same bytes.
///
/// Besides what `parts` themselves need, it takes about 80 bytes of memory a row, 100 more a distinct source, 30 an association, 16 a
/// value of an attribute, the keyword index of the largest part, and the texts that repeat.
///
/// # Errors
/// The disk's; a source that breaks its promises; [`SegmentError::Cancelled`]. Then the temporary file is gone, as far as the disk
/// lets it be removed, and at `path` is what was there before.
pub fn write(
    disk: &dyn Disk,
    path: &Path,
    id: SegmentId,
    store_id: &str,
    parts: &[&dyn Source],
    pace: &Pace,
) -> Result<Written, SegmentError> {
    if store_id.len() > STORE_ID_BYTES {
        return Err(SegmentError::StoreId { path: path.to_owned(), found: store_id.len() });
    }
    let temporary = path.with_extension("new");
    let written = write_temporary(disk, path, &temporary, id, store_id, parts, pace).and_then(|written| {
        disk.rename(&temporary, path).map_err(SegmentError::disk("rename", path))?;
        Ok(written)
    });
    if written.is_err() {
        // The first error is the one to tell; a file that stays is swept when the store is opened.
        let _ = disk.remove(&temporary);
    }
    written
}

fn write_temporary(
    disk: &dyn Disk,
    path: &Path,
    temporary: &Path,
    id: SegmentId,
    store_id: &str,
    parts: &[&dyn Source],
    pace: &Pace,
) -> Result<Written, SegmentError> {
    let mut output = Output::create(disk, path, temporary, pace)?;
    let mut namespaces = HashSet::new();
    for (number, source) in parts.iter().enumerate() {
        if !namespaces.insert(source.namespace()) {
            return Err(output.unfit(source.namespace(), "it is given twice".into()));
        }
        output.part(number as u32);
        part::write(*source, &mut output)?;
    }
    output.finish(id, store_id)
}
