//! A reader that was written from `docs/sutradat.md` alone.

use std::path::Path;

use sutra_disk::{Disk, SimulatedDisk};

use crate::fixture::{FILE, Knowledge};

mod from_the_document {
    //! The standard library only; checksums are not checked.

    pub(crate) struct File<'a>(pub(crate) &'a [u8]);

    impl<'a> File<'a> {
        fn number(bytes: &[u8], at: usize, len: usize) -> usize {
            bytes[at..at + len].iter().rev().fold(0, |number, byte| number << 8 | *byte as usize)
        }
        fn section(&self, kind: usize) -> &'a [u8] {
            let (at, count) = (Self::number(self.0, 40, 8), Self::number(self.0, 48, 4));
            let mut lines = self.0[at..at + 24 * count].chunks(24);
            let line = lines.find(|line| Self::number(line, 0, 4) == kind && Self::number(line, 4, 4) == 0);
            line.map_or(&[], |line| &self.0[Self::number(line, 8, 8)..][..Self::number(line, 16, 8)])
        }
        fn varint(bytes: &mut &[u8]) -> usize {
            let (first, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            if first & 128 == 0 { *first as usize } else { (first & 127) as usize | Self::varint(bytes) << 7 }
        }
        pub(crate) fn id(&self, code: usize) -> String {
            let ids = [self.section(2), self.section(3)].concat();
            ids[16 * code..][..16].iter().map(|byte| format!("{byte:02x}")).collect()
        }
        /// Id and first content of each concept that was ever taught.
        pub(crate) fn contents(&self) -> Vec<(String, String)> {
            let rows = (0..self.section(2).len() / 16).filter_map(|row| {
                let mut row_bytes = &self.section(7)[Self::number(self.section(8), 5 * row, 5)..];
                let head = Self::varint(&mut row_bytes);
                let _ = (head % 2 == 1).then(|| Self::varint(&mut row_bytes));
                let (_time, flags) = (head > 1).then(|| (Self::varint(&mut row_bytes), Self::varint(&mut row_bytes)))?;
                let len = if flags & 2 == 0 { 0 } else { Self::varint(&mut row_bytes) };
                Some((self.id(row), String::from_utf8(row_bytes[..len].to_vec()).unwrap()))
            });
            rows.collect()
        }
        /// Source, type, label and target of each association.
        pub(crate) fn edges(&self) -> Vec<(String, u8, String, String)> {
            let word = |kind, edge: usize| Self::number(self.section(kind), 4 * edge, 4);
            let (relations, out) = (self.section(10), self.section(11).len() / 4);
            let heap = relations.iter().position(|byte| *byte != 0).map_or(0, |_| {
                // As many offsets as lie before the first text: the last one leads to the end of the section.
                (1..).map(|n| 5 * n).find(|at| at + Self::number(relations, at - 5, 5) == relations.len()).unwrap()
            });
            assert_eq!(out, (self.section(2).len() + self.section(3).len()) / 16 + 1);
            let edges = (0..self.section(12).len() / 4).map(|edge| {
                let relation = word(14, edge) % (1 << 30);
                let ends = [relation, relation + 1].map(|at| heap + Self::number(relations, 5 * at, 5));
                let label = String::from_utf8(relations[ends[0] + 1..ends[1]].to_vec()).unwrap();
                (self.id(word(12, edge)), relations[ends[0]], label, self.id(word(13, edge)))
            });
            edges.collect()
        }
    }
}

#[test]
fn contents_and_associations_are_read_by_whoever_read_the_document() {
    let disk = SimulatedDisk::new(1);
    let ward = Knowledge::ward();
    ward.write(&disk);
    let bytes = disk.read(Path::new(FILE)).unwrap();
    let file = from_the_document::File(&bytes);
    let contents = ward.concepts.iter().filter_map(|(id, row)| {
        let first = row.versions.first()?.concept.as_ref()?;
        Some((id.to_string(), first.content.to_string()))
    });
    assert_eq!(file.contents(), contents.collect::<Vec<_>>());
    let mut edges: Vec<_> = ward
        .associations
        .keys()
        .map(|key| (key.source.to_string(), key.kind.number(), key.label.to_string(), key.target.to_string()))
        .collect();
    let mut found = file.edges();
    edges.sort();
    found.sort();
    assert_eq!(found, edges);
}
