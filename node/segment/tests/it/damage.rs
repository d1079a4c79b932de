//! Whatever is on the disk: right answers, or damage that names the file.

use std::path::Path;
use std::sync::Arc;

use sutra_disk::{Disk, Open, Random, SimulatedDisk};
use sutra_segment::{Segment, SegmentError};

use crate::answers::Questions;
use crate::fixture::{FILE, Knowledge, STORE};

const PAGE: usize = 4096;
const BLOCK: usize = 16384;

fn ward_bytes() -> Vec<u8> {
    let disk = SimulatedDisk::new(1);
    Knowledge::ward().write(&disk);
    disk.read(Path::new(FILE)).unwrap()
}

fn open_bytes(bytes: &[u8]) -> Result<Arc<Segment>, SegmentError> {
    let disk = SimulatedDisk::new(1);
    disk.open(Path::new(FILE), Open::Create).unwrap().write_at(0, bytes).unwrap();
    Segment::open(&disk, Path::new(FILE), STORE)
}

fn word(bytes: &[u8], at: usize) -> usize {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize
}

/// Makes all checksums right, so that what was changed is read.
fn reseal(bytes: &mut [u8]) {
    let (sections_at, blocks_at) = (word(bytes, 40), word(bytes, 56));
    let put = |bytes: &mut [u8], at: usize, crc: u32| bytes[at..at + 4].copy_from_slice(&crc.to_le_bytes());
    for (block, start) in (PAGE..sections_at).step_by(BLOCK).enumerate() {
        let crc = crc32c::crc32c(&bytes[start..sections_at.min(start + BLOCK)]);
        put(bytes, blocks_at + 4 * block, crc);
    }
    let (sections, blocks) = (crc32c::crc32c(&bytes[sections_at..blocks_at]), crc32c::crc32c(&bytes[blocks_at..]));
    put(bytes, 52, sections);
    put(bytes, 68, blocks);
    let header = crc32c::crc32c(&bytes[..PAGE - 4]);
    put(bytes, PAGE - 4, header);
}

/// Asks a sound-looking file everything: it may say anything, but must say it.
fn ask_everything(bytes: &[u8], questions: &Questions) {
    match open_bytes(bytes) {
        Ok(segment) => {
            for part in segment.parts() {
                questions.ask(part);
            }
            if let Err(damage) = segment.verify() {
                assert!(damage.to_string().contains(FILE), "{damage}");
            }
        }
        Err(error) => assert!(error.to_string().contains(FILE), "{error}"),
    }
}

#[test]
fn every_flipped_byte_leaves_the_right_answers_or_damage_that_names_the_file() {
    let ward = Knowledge::ward();
    let questions = Questions::about(&ward).lenient();
    let expected = questions.expect(&ward);
    let mut bytes = ward_bytes();
    let (mut refused, mut found, mut right) = (0, 0, 0);
    for at in 0..bytes.len() {
        bytes[at] ^= 1 << (at % 8);
        match open_bytes(&bytes) {
            Err(error) => {
                assert!(error.to_string().contains(FILE), "byte {at}: {error}");
                refused += 1;
            }
            Ok(segment) => {
                let answers = questions.ask(&segment.parts()[0]);
                match segment.damage() {
                    Some(damage) => {
                        assert!(damage.to_string().contains(FILE), "byte {at}: {damage}");
                        found += 1;
                    }
                    None => {
                        assert_eq!(answers, expected, "byte {at}");
                        right += 1;
                    }
                }
                let damage = segment.verify().unwrap_err();
                assert!(damage.to_string().contains(FILE), "byte {at}: {damage}");
            }
        }
        bytes[at] ^= 1 << (at % 8);
    }
    // The header, the tables and what is read when a file is opened; the rest of the only block.
    assert!(refused > PAGE, "{refused} refused, {found} found, {right} right");
}

#[test]
fn a_flipped_byte_is_found_when_its_block_is_read_and_not_before() {
    let mut ward = Knowledge::ward();
    let mut note = ward.plain("A long discharge letter.", crate::fixture::minute(20));
    note.content = note.content.repeat(4000).into();
    let note = ward.record(note);
    let disk = SimulatedDisk::new(1);
    ward.write(&disk);
    let bytes = disk.read(Path::new(FILE)).unwrap();
    let letter = bytes.windows(24).position(|window| window == b"A long discharge letter.").unwrap();
    disk.flip(Path::new(FILE), letter as u64 + 60_000, 4).unwrap();
    let segment = Segment::open(&disk, Path::new(FILE), STORE).unwrap();
    let part = &segment.parts()[0];
    let code = part.find(note).unwrap();
    assert!(part.standing(code, None).is_some());
    assert_eq!(segment.damage(), None);
    assert_eq!(part.concept(code, None), None);
    let damage = segment.damage().unwrap();
    assert!(damage.to_string().contains(FILE) && damage.what.contains("checksum"), "{damage}");
    assert_eq!(segment.verify().as_ref(), Err(damage));
}

#[test]
fn every_cut_is_damage_that_names_the_file() {
    let bytes = ward_bytes();
    for len in 0..bytes.len() {
        let error = open_bytes(&bytes[..len]).unwrap_err();
        assert!(error.to_string().contains(FILE), "{len} bytes: {error}");
        assert!(matches!(error, SegmentError::Damaged(_)), "{len} bytes: {error}");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(matches!(open_bytes(&longer), Err(SegmentError::Damaged(_))));
}

#[test]
fn bytes_with_right_checksums_and_no_sense_are_survived() {
    let questions = Questions::about(&Knowledge::ward()).lenient();
    let sound = ward_bytes();
    let end = word(&sound, 40);
    let mut bytes = sound.clone();
    for at in PAGE..end {
        for change in [0x01, 0x80, 0xff] {
            bytes[at] ^= change;
            reseal(&mut bytes);
            ask_everything(&bytes, &questions);
            bytes[at] = sound[at];
        }
    }
}

#[test]
fn tables_of_garbage_are_survived() {
    let questions = Questions::about(&Knowledge::ward()).lenient();
    let sound = ward_bytes();
    let (sections_at, blocks_at) = (word(&sound, 40), word(&sound, 56));
    let mut random = Random::new(11);
    for _ in 0..2_000 {
        let mut bytes = sound.clone();
        let line = sections_at + 24 * random.index((blocks_at - sections_at) / 24);
        match random.below(4) {
            // A line of the section table, all of it or one of its numbers.
            0 => bytes[line..line + 24].iter_mut().for_each(|byte| *byte = random.number() as u8),
            1 => bytes[line + 8 * random.index(3)..][..8].copy_from_slice(&random.below(20_000).to_le_bytes()),
            // A section's content.
            2 => {
                let (at, len) = (word(&bytes, line + 8), word(&bytes, line + 16));
                bytes[at..at + len].iter_mut().for_each(|byte| *byte = random.number() as u8);
            }
            // A number somewhere in it, made great.
            _ => {
                let (at, len) = (word(&bytes, line + 8), word(&bytes, line + 16));
                let at = at + random.index(len);
                bytes[at..(at + 8).min(end_of(at, len, line, &sound))].fill(0xff);
            }
        }
        reseal(&mut bytes);
        ask_everything(&bytes, &questions);
    }
}

/// Where the section of the line ends.
fn end_of(at: usize, len: usize, line: usize, bytes: &[u8]) -> usize {
    (word(bytes, line + 8) + len).max(at)
}

#[test]
fn another_stores_file_another_version_and_another_file_are_told_apart() {
    let disk = SimulatedDisk::new(1);
    Knowledge::ward().write(&disk);
    let other = Segment::open(&disk, Path::new(FILE), "another").unwrap_err();
    assert!(matches!(&other, SegmentError::OtherStore { found, .. } if found == STORE), "{other}");
    let mut bytes = ward_bytes();
    bytes[8] = 4;
    assert_eq!(
        open_bytes(&bytes).unwrap_err().to_string(),
        format!("segment {FILE}: has version 4; this program reads version 3")
    );
    let error = open_bytes(b"PK\x03\x04 something else").unwrap_err();
    assert!(matches!(error, SegmentError::NotASegment { .. }), "{error}");
    let missing = Segment::open(&disk, Path::new("000008.sutradat"), STORE).unwrap_err();
    assert!(matches!(missing, SegmentError::Disk { step: "map", .. }), "{missing}");
}
