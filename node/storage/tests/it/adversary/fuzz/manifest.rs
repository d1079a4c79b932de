//! The manifest, its checksums put right.

use super::fuzz;
use super::image::Image;

/// Magic, version, length of the payload, its CRC-32C, the header's.
const HEADER: usize = 28;

/// A manifest of this payload, all of whose checksums are right.
fn manifest(original: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = original[..12].to_vec();
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

#[test]
fn manifests_are_read_or_refused() {
    let image = Image::new(41);
    let (file, original) = image.files("MANIFEST").swap_remove(0);
    let payload = original[HEADER..].to_vec();
    assert_eq!(manifest(&original, &payload), original, "the manifest's layout is another one");
    assert_eq!(image.opened(&file, &original), "read");
    fuzz("manifest", vec![payload], |payload| image.opened(&file, &manifest(&original, payload)));
}
