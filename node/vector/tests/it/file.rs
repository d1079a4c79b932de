//! A graph's file, damaged and misplaced.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use sutra_disk::{Bytes, RealDisk};
use sutra_vector::{Damage, Effort, Expected, Filter, Graph, GraphError, Part, PartError, Scalar};
use tempfile::TempDir;

use crate::fixture::{Embeddings, build_at, found, part, shape};

const DIMENSION: usize = 12;

/// A small graph on a disk.
struct Small {
    dir: TempDir,
    part: Part,
    expected: Expected,
    bytes: Vec<u8>,
}

impl Small {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let part = part(shape(DIMENSION, Scalar::F16), &Embeddings::clustered(5, DIMENSION, 4).vectors(45));
        let path = dir.path().join("2f.graph");
        let built = build_at(&path, &part);
        let bytes = fs::read(path).unwrap();
        assert_eq!((built.bytes, built.checksum), (bytes.len() as u64, crc32c::crc32c(&bytes)));
        let expected = Expected { shape: part.shape(), count: part.len(), checksum: Some(built.checksum) };
        Self { dir, part, expected, bytes }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("2f.graph")
    }

    /// Opens the graph with other bytes in its file.
    fn open(&self, bytes: &[u8], expected: &Expected) -> Result<Graph, GraphError> {
        fs::write(self.path(), bytes).unwrap();
        Graph::open(&RealDisk, &self.path(), expected)
    }

    /// What is wrong with `bytes`, as found before usearch sees them.
    fn damage(&self, bytes: &[u8], what: &str) -> Damage {
        // Not even the manifest's checksum is needed.
        let expected = Expected { checksum: None, ..self.expected };
        match self.open(bytes, &expected) {
            Err(error @ GraphError::Damaged { .. }) => {
                assert!(error.to_string().contains("2f.graph"), "{error}");
                let GraphError::Damaged { source, .. } = error else { panic!("{error}") };
                source
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn no_byte_of_a_graph_changes_unnoticed() {
    let small = Small::new();
    for at in 0..small.bytes.len() {
        let change = [0x01, 0x80, 0xff][at % 3];
        let mut bytes = small.bytes.clone();
        bytes[at] ^= change;
        small.damage(&bytes, &format!("byte {at} changed by {change:02x}"));
    }
}

#[test]
fn a_cut_or_lengthened_graph_is_refused() {
    let small = Small::new();
    for len in (0..100).chain((100..small.bytes.len()).step_by(7)) {
        let damage = small.damage(&small.bytes[..len], "cut");
        assert!(matches!(damage, Damage::Short(_) | Damage::Length { .. }), "{damage}");
    }
    let longer = [&small.bytes[..], b"\0"].concat();
    assert!(matches!(small.damage(&longer, "lengthened"), Damage::Length { .. }));
    assert!(matches!(small.damage(&[0; 4096], "zeroes"), Damage::Magic));
}

#[test]
fn a_header_that_promises_more_than_the_file_has_allocates_nothing() {
    let small = Small::new();
    let mut bytes = small.bytes.clone();
    // Four thousand million vectors and an index of 2⁶⁴ − 1 bytes, with a checksum that agrees.
    bytes[20..24].copy_from_slice(&u32::MAX.to_le_bytes());
    bytes[40..48].copy_from_slice(&u64::MAX.to_le_bytes());
    let checksum = crc32c::crc32c(&bytes[..60]);
    bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
    assert!(matches!(small.damage(&bytes, "promises"), Damage::Length { .. }));
}

#[test]
fn a_file_whose_checksums_agree_but_whose_codes_are_anothers_is_refused() {
    let small = Small::new();
    let mut bytes = small.bytes.clone();
    let rows = bytes.windows(8).rposition(|window| window == [45, 0, 0, 0, 12, 0, 0, 0]).unwrap();
    assert_eq!(rows % 64, 56);
    bytes[rows] = 44;
    let body = crc32c::crc32c(&bytes[64..]);
    bytes[48..52].copy_from_slice(&body.to_le_bytes());
    let header = crc32c::crc32c(&bytes[..60]);
    bytes[60..64].copy_from_slice(&header.to_le_bytes());
    let damage = small.damage(&bytes, "rows");
    assert_eq!(damage, Damage::Matrix { rows: 44, columns: 12, count: 45, dimension: 12 });
}

#[test]
fn anothers_graph_is_refused_by_name() {
    let small = Small::new();
    let refused = |expected: &Expected| small.open(&small.bytes, expected).unwrap_err();
    let none = Expected { checksum: None, ..small.expected };
    for other in [
        Expected { count: 46, ..none },
        Expected { count: 0, ..none },
        Expected { shape: shape(13, Scalar::F16), ..none },
        Expected { shape: shape(12, Scalar::F32), ..none },
    ] {
        let error = refused(&other);
        assert!(matches!(error, GraphError::Other { .. }), "{error}");
        assert!(error.to_string().contains("2f.graph"), "{error}");
    }
    let error = refused(&Expected { checksum: Some(1), ..none });
    assert!(matches!(error, GraphError::Checksum { expected: 1, .. }), "{error}");
    fs::remove_file(small.path()).unwrap();
    let error = Graph::open(&RealDisk, &small.path(), &none).unwrap_err();
    assert!(matches!(error, GraphError::Open { .. }) && error.to_string().contains("2f.graph"), "{error}");
}

#[test]
fn a_part_takes_only_its_own_graph_and_its_own_bytes() {
    let small = Small::new();
    let graph = Arc::new(small.open(&small.bytes, &small.expected).unwrap());
    let fewer = part(small.part.shape(), &vec![vec![1.0; DIMENSION]; 44]);
    assert!(matches!(fewer.with_graph(Arc::clone(&graph)), Err(PartError::Graph { count: 44, found: 45, .. })));
    let whole = small.part.with_graph(graph).unwrap();
    let query = whole.vector(7).unwrap();
    assert_eq!(found(&whole, &query, 1, Filter::All, Effort::Usual), [7]);

    let bytes = Bytes::from(vec![0; 24 * 4]);
    let shape = small.part.shape();
    assert!(Part::new(shape, bytes.clone(), 0..96, 4).is_ok());
    for (range, count) in [(0..96, 3), (0..95, 4), (1..97, 4), (96..96, 1), (usize::MAX..usize::MAX, 1)] {
        assert!(Part::new(shape, bytes.clone(), range.clone(), count).is_err(), "{range:?} of {count}");
    }
    #[expect(clippy::reversed_empty_ranges, reason = "a caller's mistake")]
    let reversed = 96..0;
    assert!(Part::new(shape, bytes, reversed, 4).is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn a_dropped_graph_leaves_no_map() {
    let small = Small::new();
    let mapped = || fs::read_to_string("/proc/self/maps").unwrap().contains(small.dir.path().to_str().unwrap());
    assert!(!mapped());
    let part = small.part.with_graph(Arc::new(small.open(&small.bytes, &small.expected).unwrap())).unwrap();
    assert!(mapped());
    drop(part);
    assert!(!mapped());
}
