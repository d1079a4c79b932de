//! The content of a file.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::mapped::Mapped;

/// The content of an immutable file. Cheap to clone.
#[derive(Clone)]
pub struct Bytes(Content);

#[derive(Clone)]
enum Content {
    Mapped(Arc<Mapped>),
    Owned(Arc<[u8]>),
}

impl Bytes {
    pub(crate) fn mapped(map: Mapped) -> Self {
        Self(Content::Mapped(Arc::new(map)))
    }

    /// Says that it will be read here and there, so that the kernel reads nothing ahead. Only of a map, as the next two.
    pub fn advise_random(&self) {
        if let Content::Mapped(map) = &self.0 {
            map.advise_random();
        }
    }

    /// Says that it will be read from its beginning to its end, so that the kernel reads ahead.
    pub fn advise_sequential(&self) {
        if let Content::Mapped(map) = &self.0 {
            map.advise_sequential();
        }
    }

    /// Lets the kernel take the memory of the pages back; they are read again when they are touched again.
    pub fn release(&self) {
        if let Content::Mapped(map) = &self.0 {
            map.release();
        }
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Content::Owned(bytes.into()))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Content::Mapped(map) => map,
            Content::Owned(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}
