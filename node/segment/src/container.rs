//! The file: header, sections, checked blocks.

use std::path::Path;

use crate::error::Damage;
use crate::segment::SegmentId;

/// A segment's file, in place.
#[derive(Debug)]
pub struct Container {
    path: std::path::PathBuf,
    id: SegmentId,
}

impl Container {
    /// The file's name.
    pub fn path(&self) -> &Path {
        &self.path
    }
    /// The segment's number in its store.
    pub fn id(&self) -> SegmentId {
        self.id
    }
    /// Size of the file.
    pub fn bytes(&self) -> u64 {
        0
    }
    /// First 16 bytes of BLAKE3 over the header page, which holds the checksums of the tables that hold all others.
    pub fn root(&self) -> [u8; 16] {
        [0; 16]
    }
    /// What reading has found damaged so far; the first finding stays.
    pub fn damage(&self) -> Option<&Damage> {
        None
    }
}
