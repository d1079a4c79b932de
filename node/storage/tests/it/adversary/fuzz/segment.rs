//! Segments, all their checksums put right.

use std::path::Path;

use sutra_segment::{Part, Segment, text_hash};

use super::fuzz;
use super::image::Image;
use crate::adversary::scene;

/// Length of the header page; its last four bytes are its CRC-32C.
const PAGE: usize = 4096;
/// What a checksum of the table at the file's end covers.
const BLOCK: usize = 16 << 10;

fn number(bytes: &[u8], at: usize) -> usize {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize
}

/// Puts every checksum right, as far as the header says where they are.
fn put_right(bytes: &mut [u8]) {
    if bytes.len() < PAGE {
        return;
    }
    let (sections_at, blocks_at) = (number(bytes, 40), number(bytes, 56));
    if PAGE <= sections_at && sections_at <= blocks_at && blocks_at <= bytes.len() {
        let crcs: Vec<u8> =
            bytes[PAGE..sections_at].chunks(BLOCK).flat_map(|block| crc32c::crc32c(block).to_le_bytes()).collect();
        for (to, from) in bytes[blocks_at..].iter_mut().zip(crcs) {
            *to = from;
        }
        let (sections, blocks) = (crc32c::crc32c(&bytes[sections_at..blocks_at]), crc32c::crc32c(&bytes[blocks_at..]));
        bytes[52..56].copy_from_slice(&sections.to_le_bytes());
        bytes[68..72].copy_from_slice(&blocks.to_le_bytes());
    }
    let crc = crc32c::crc32c(&bytes[..PAGE - 4]);
    bytes[PAGE - 4..PAGE].copy_from_slice(&crc.to_le_bytes());
}

/// Asks a part everything.
fn ask(part: &Part) {
    for row in (0..part.rows()).take(10_000) {
        let Some(code) = part.code(row) else { continue };
        let id = part.id_of(code);
        part.find(id);
        part.standing(code, None);
        part.row(code);
        for edge in part.leaving_row(code).chain(part.arriving_row(code)).take(10_000) {
            edge.row();
            edge.single();
            part.edge(&edge.key());
        }
        part.supported_by(id).take(10_000).for_each(|edge| drop(edge.key()));
    }
    for name in scene::names() {
        part.called(text_hash(name)).take(10_000).for_each(drop);
    }
    for key in scene::keys() {
        part.keyed(text_hash(key)).take(10_000).for_each(drop);
    }
    part.newest().take(10_000).for_each(drop);
    part.oldest().take(10_000).for_each(drop);
    part.sources_from(Default::default()).take(10_000).for_each(drop);
    if let Some(vectors) = part.vectors() {
        drop(format!("{vectors:?}"));
    }
    for name in scene::ATTRIBUTES {
        part.attribute(name);
    }
}

/// Opens a segment, asks its parts everything, and verifies it.
fn read(image: &Image, file: &Path, store: &str, bytes: &[u8]) -> String {
    let disk = image.with(file, bytes);
    match Segment::open(&disk, file, store) {
        Err(error) => error.to_string(),
        Ok(segment) => {
            segment.parts().iter().for_each(|part| ask(part));
            match (segment.damage().cloned(), segment.verify()) {
                (None, Ok(())) => "read".into(),
                (Some(damage), _) | (None, Err(damage)) => damage.to_string(),
            }
        }
    }
}

#[test]
fn segments_are_read_or_refused() {
    let image = Image::new(43);
    let files = image.files("/segments/");
    let (file, original) = files[0].clone();
    let length = u32::from_le_bytes(original[72..76].try_into().unwrap()) as usize;
    let store = String::from_utf8(original[76..76 + length].to_vec()).unwrap();
    let mut same = original.clone();
    put_right(&mut same);
    assert!(same == original, "the checksums of segments are at other places");
    assert_eq!(read(&image, &file, &store, &original), "read");
    let seeds = files.into_iter().map(|(_, bytes)| bytes).collect();
    fuzz("segment", seeds, |bytes| {
        let mut bytes = bytes.to_vec();
        put_right(&mut bytes);
        read(&image, &file, &store, &bytes)
    });
}
