//! A manifest on its way to another replica, in pieces: with the requests that it remembers and the effects that wait it may be larger than
//! what one message between nodes holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Longest manifest that is taken from another replica, in bytes. What a manifest holds beside the names of files is bounded below that:
/// remembered requests, and effects that wait to be taken.
pub const MANIFEST_BYTES: u64 = 1 << 30;

/// What is told of a manifest before it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestHead {
    /// Its length.
    pub bytes: u64,
    /// CRC32C of all of it.
    pub checksum: u32,
}

impl ManifestHead {
    /// That of a whole manifest.
    pub fn of(manifest: &[u8]) -> Self {
        Self { bytes: manifest.len() as u64, checksum: crc32c::crc32c(manifest) }
    }
}

/// What has come of a manifest. It takes as much memory as that.
#[derive(Debug)]
pub struct ManifestParts {
    head: ManifestHead,
    /// By their offsets.
    pieces: BTreeMap<u64, Vec<u8>>,
    /// Bytes of those; at most what the head says.
    received: u64,
}

impl ManifestParts {
    /// Nothing yet.
    ///
    /// # Errors
    /// It would be longer than [`MANIFEST_BYTES`].
    pub fn new(head: ManifestHead) -> Result<Self, String> {
        if head.bytes > MANIFEST_BYTES {
            return Err(format!("a manifest of {} bytes is above the bound of {MANIFEST_BYTES}", head.bytes));
        }
        Ok(Self { head, pieces: BTreeMap::new(), received: 0 })
    }

    /// Takes a piece, in any order; one that comes again changes nothing.
    ///
    /// # Errors
    /// It does not belong to this manifest.
    pub fn put(&mut self, offset: u64, piece: Vec<u8>) -> Result<(), String> {
        if self.pieces.contains_key(&offset) {
            return Ok(());
        }
        let (end, received) = (offset.checked_add(piece.len() as u64), self.received + piece.len() as u64);
        if end.is_none_or(|end| end > self.head.bytes) || received > self.head.bytes {
            return Err("a piece lies beyond the manifest's end".into());
        }
        self.received = received;
        self.pieces.insert(offset, piece);
        Ok(())
    }

    /// All of it, which is here no longer then.
    ///
    /// # Errors
    /// Some of it has not come, or it is not what was sent.
    pub fn whole(&mut self) -> Result<Vec<u8>, String> {
        if self.received != self.head.bytes {
            return Err(format!("a manifest has {} bytes, and {} of them came", self.head.bytes, self.received));
        }
        let manifest = std::mem::take(&mut self.pieces).into_values().collect::<Vec<_>>().concat();
        self.received = 0;
        // Pieces that overlap have left a gap elsewhere, and are not what was sent either.
        if ManifestHead::of(&manifest) != self.head {
            return Err("a manifest does not match its checksum".into());
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(manifest: &[u8]) -> ManifestParts {
        ManifestParts::new(ManifestHead::of(manifest)).unwrap()
    }

    #[test]
    fn pieces_in_any_order_and_twice_are_the_manifest() {
        let mut parts = parts(b"a manifest");
        for (offset, piece) in [(4, b"nif"), (7, b"est"), (4, b"nif")] {
            parts.put(offset, piece.to_vec()).unwrap();
        }
        assert!(parts.whole().is_err(), "its beginning has not come");
        parts.put(0, b"a ma".to_vec()).unwrap();
        assert_eq!(parts.whole().unwrap(), b"a manifest");
    }

    #[test]
    fn what_is_not_what_was_sent_is_refused() {
        let mut other = parts(b"a manifest");
        other.put(0, b"A manifest".to_vec()).unwrap();
        assert_eq!(other.whole().unwrap_err(), "a manifest does not match its checksum");
        let mut gap = parts(b"a manifest");
        gap.put(0, b"a mani".to_vec()).unwrap();
        gap.put(4, b"nife".to_vec()).unwrap();
        assert!(gap.whole().is_err(), "its end has not come");
        assert!(parts(b"a manifest").put(5, b"nifest".to_vec()).is_err());
        assert!(parts(b"a manifest").put(u64::MAX, b"t".to_vec()).is_err());
    }

    #[test]
    fn one_that_would_be_too_long_is_refused_before_it_comes() {
        let refused = ManifestParts::new(ManifestHead { bytes: MANIFEST_BYTES + 1, checksum: 0 }).err();
        assert_eq!(refused.as_deref(), Some("a manifest of 1073741825 bytes is above the bound of 1073741824"));
    }
}
