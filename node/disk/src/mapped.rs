//! Maps of files.

#![allow(unsafe_code, reason = "a map of a file is a promise that nobody changes it, which no type can make")]

use std::fs::File;
use std::io;
use std::ops::Deref;

use memmap2::Mmap;

/// A mapped file.
pub(crate) struct Mapped {
    map: Mmap,
}

impl Mapped {
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        // SAFETY: segments and graphs are written once, under a temporary name, and never changed after their rename; the data
        // directory is locked, so no other node writes there. Bytes that change nevertheless are found by their checksums as far
        // as that is possible, and every reader treats the bytes as untrusted.
        let map = unsafe { Mmap::map(file)? };
        Ok(Self { map })
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}
