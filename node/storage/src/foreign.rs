//! The checkpoint of another replica as this store's own: its segments under numbers of this store, and a manifest that names them.

use std::path::Path;
use std::sync::Arc;

use sutra_disk::Disk;
use sutra_segment::{Head, Segment, SegmentId, naturalise};

use crate::keeper::{KeepError, checkpoint_entry, segment_path};
use crate::manifest::{FileEntry, Manifest, NamespaceEntry};
use crate::replica::Incoming;

/// Reads the manifest of what was received, if that is a whole checkpoint of this shard.
pub(crate) fn manifest_in(incoming: &Incoming, folder: &Path, grid_id: &str, shard: u64) -> Result<Manifest, KeepError> {
    let theirs = Manifest::decode(&folder.join("incoming"), &incoming.manifest)?;
    if theirs.grid_id != grid_id || theirs.shard != shard {
        return Err(unusable("it is of another grid or shard"));
    }
    if theirs.files.len() != incoming.files.len() {
        return Err(unusable("it has not as many files as its manifest says"));
    }
    Ok(theirs)
}

/// A segment that was received, and began with `head`, becomes one of this store, checked to its last byte.
pub(crate) fn take_in(
    disk: &dyn Disk,
    (received, head): (&Path, &Head),
    (dir, id): (&Path, u64),
    store_id: &str,
    signature: [u8; 16],
) -> Result<Arc<Segment>, KeepError> {
    naturalise(disk, received, head, SegmentId(id), store_id)?;
    let path = segment_path(dir, id);
    disk.rename(received, &path).map_err(|source| KeepError::Io { step: "rename a received segment", source })?;
    let segment = Segment::open(disk, &path, store_id)?;
    if segment.signature() != signature {
        return Err(unusable("a received segment is another one than its sender named"));
    }
    segment.check()?;
    Ok(segment)
}

/// The manifest of a store that has these segments, in the order of `theirs`, in the place of its own.
pub(crate) fn manifest_over(own: &Manifest, theirs: Manifest, segments: &[Arc<Segment>]) -> Result<Manifest, KeepError> {
    let renamed =
        |id: &u64| theirs.files.iter().position(|file| file.id == *id).and_then(|at| segments.get(at)).map(|one| one.id().0);
    let namespaces = theirs.namespaces.iter().map(|entry| {
        let segments: Option<Vec<u64>> = entry.segments.iter().map(renamed).collect();
        segments.map(|segments| NamespaceEntry { segments, ..entry.clone() })
    });
    let namespaces = namespaces.collect::<Option<Vec<_>>>();
    Ok(Manifest {
        grid_id: own.grid_id.clone(),
        store_id: own.store_id.clone(),
        replica: own.replica,
        range_start: own.range_start,
        range_end: own.range_end,
        epoch: own.epoch,
        next_file: own.next_file,
        files: segments.iter().map(|segment| checkpoint_entry(segment)).collect::<Vec<FileEntry>>(),
        // Each replica builds its own.
        graphs: Vec::new(),
        namespaces: namespaces.ok_or_else(|| unusable("a namespace names a segment that is not among its files"))?,
        ..theirs
    })
}

pub(crate) fn unusable(reason: &str) -> KeepError {
    KeepError::Incoming(reason.into())
}
