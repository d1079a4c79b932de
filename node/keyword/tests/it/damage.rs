//! Bytes that are not as they were written.

use std::panic::catch_unwind;

use proptest::prelude::*;
use sutra_keyword::{Builder, Damaged, Hit, Part, Query};

use crate::corpus::corpus;

const QUERIES: [&str; 5] = ["pain aspirin", "\"acute pain\" heart", "as* co*", "ibuprofen~ renal~1", "unknown"];

fn index(documents: usize) -> Vec<u8> {
    let mut builder = Builder::new();
    for document in corpus(21, documents) {
        builder.put(document.ordinal, &document.texts).unwrap();
        if document.removed {
            builder.remove(&document.texts);
        }
    }
    builder.finish().unwrap()
}

fn answers(bytes: &[u8]) -> Result<Vec<Vec<Hit>>, Damaged> {
    let part = Part::open(bytes)?;
    let query = |query| {
        let query = Query::parse(query).unwrap();
        let statistics = part.statistics(&query)?;
        part.search(&query, &statistics, 5, &|ordinal| ordinal.into(), &mut |_| true)
    };
    QUERIES.into_iter().map(query).collect()
}

#[test]
fn every_flipped_byte_is_an_error_or_the_right_answer() {
    let mut bytes = index(120);
    let expected = answers(&bytes).unwrap();
    assert!(expected.iter().take(4).all(|hits| !hits.is_empty()));
    for at in 0..bytes.len() {
        for flip in [0x01, 0xff] {
            bytes[at] ^= flip;
            assert!(answers(&bytes).is_err_and(|error| !error.to_string().is_empty()), "byte {at} ^ {flip}");
            bytes[at] ^= flip;
        }
    }
}

#[test]
fn a_page_that_no_search_needs_may_be_damaged_and_is_found_by_verify() {
    let mut bytes = index(20_000);
    let expected = answers(&bytes).unwrap();
    assert!(bytes.len() > 20 * 16 * 1024);
    let (mut answered, mut refused) = (0, 0);
    for page in 0..bytes.len() / (16 * 1024) {
        let at = 100 + page * 16 * 1024;
        bytes[at] ^= 0x10;
        match answers(&bytes) {
            Ok(found) => {
                assert_eq!(found, expected, "byte {at}");
                answered += 1;
            }
            Err(error) => {
                assert!(
                    matches!(error, Damaged::Checksum { from, to } if (from..to).contains(&(at as u64))),
                    "byte {at}: {error}"
                );
                refused += 1;
            }
        }
        let verified = Part::open(&bytes[..]).unwrap().verify();
        assert!(matches!(verified, Err(Damaged::Checksum { from, to }) if (from..to).contains(&(at as u64))), "byte {at}");
        bytes[at] ^= 0x10;
    }
    assert!(answered > 0 && refused > 0, "{answered} answered, {refused} refused");
}

#[test]
fn every_shorter_or_longer_index_is_refused() {
    let mut bytes = index(40);
    for size in 0..bytes.len() {
        assert!(Part::open(&bytes[..size]).is_err(), "{size} bytes");
    }
    bytes.push(0);
    assert!(matches!(Part::open(&bytes[..]), Err(Damaged::Size { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn garbage_is_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..4_000), kind in 0..3) {
        if kind > 0 && bytes.len() > 80 {
            bytes[..12].copy_from_slice(b"SUTRAKWI\x01\0\0\0");
        }
        if kind > 1 && bytes.len() > 80 {
            let crc = crc32c::crc32c(&bytes[..76]);
            bytes[76..80].copy_from_slice(&crc.to_le_bytes());
        }
        prop_assert!(answers(&bytes).is_err());
    }

    /// Whoever can compute a checksum can write nonsense; outside the dictionary it must do no harm.
    #[test]
    fn nonsense_with_right_checksums_does_no_harm(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = index(400);
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        let dictionary = 80 + number(40)..80 + number(40) + number(48);
        let body = body_end(&bytes);
        for (at, value) in changes {
            let at = 80 + at.index(body - 80);
            if !dictionary.contains(&at) {
                bytes[at] = value;
            }
        }
        let checksums: Vec<u8> = bytes[80..body].chunks(16 * 1024).flat_map(|page| crc32c::crc32c(page).to_le_bytes()).collect();
        bytes[body..].copy_from_slice(&checksums);
        let crc = crc32c::crc32c(&checksums);
        bytes[72..76].copy_from_slice(&crc.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..76]);
        bytes[76..80].copy_from_slice(&crc.to_le_bytes());
        Part::open(&bytes[..]).unwrap().verify().unwrap();
        prop_assert!(catch_unwind(|| answers(&bytes)).is_ok());
    }
}

/// Where the checksums begin.
fn body_end(bytes: &[u8]) -> usize {
    let pages = (bytes.len() - 80).div_ceil(16 * 1024 + 4);
    bytes.len() - 4 * pages
}
