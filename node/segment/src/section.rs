//! Sections: which there are, and where.

use std::fmt;

use crate::header::ENTRY;

/// What a section holds. A kind that a reader does not know is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    Meta = 1,
    Ids = 2,
    Foreign = 3,
    Filter = 4,
    ForeignFilter = 5,
    RowFlags = 6,
    Rows = 7,
    RowOffsets = 8,
    Strings = 9,
    Relations = 10,
    Out = 11,
    EdgeSource = 12,
    EdgeTarget = 13,
    EdgeRelation = 14,
    EdgeEvidence = 15,
    Evidence = 16,
    In = 17,
    InEdges = 18,
    Supports = 19,
    Names = 20,
    Keys = 21,
    ByTime = 22,
    Attributes = 23,
    Vectors = 24,
    VectorRows = 25,
    Keywords = 26,
}

impl Kind {
    /// Every kind, by number.
    pub(crate) const ALL: [Self; KINDS - 1] = [
        Self::Meta,
        Self::Ids,
        Self::Foreign,
        Self::Filter,
        Self::ForeignFilter,
        Self::RowFlags,
        Self::Rows,
        Self::RowOffsets,
        Self::Strings,
        Self::Relations,
        Self::Out,
        Self::EdgeSource,
        Self::EdgeTarget,
        Self::EdgeRelation,
        Self::EdgeEvidence,
        Self::Evidence,
        Self::In,
        Self::InEdges,
        Self::Supports,
        Self::Names,
        Self::Keys,
        Self::ByTime,
        Self::Attributes,
        Self::Vectors,
        Self::VectorRows,
        Self::Keywords,
    ];

    /// What the specification calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Meta => "META",
            Self::Ids => "IDS",
            Self::Foreign => "FOREIGN",
            Self::Filter => "FILTER",
            Self::ForeignFilter => "FOREIGN_FILTER",
            Self::RowFlags => "ROW_FLAGS",
            Self::Rows => "ROWS",
            Self::RowOffsets => "ROW_OFFSETS",
            Self::Strings => "STRINGS",
            Self::Relations => "RELATIONS",
            Self::Out => "OUT",
            Self::EdgeSource => "EDGE_SOURCE",
            Self::EdgeTarget => "EDGE_TARGET",
            Self::EdgeRelation => "EDGE_RELATION",
            Self::EdgeEvidence => "EDGE_EVIDENCE",
            Self::Evidence => "EVIDENCE",
            Self::In => "IN",
            Self::InEdges => "IN_EDGES",
            Self::Supports => "SUPPORTS",
            Self::Names => "NAMES",
            Self::Keys => "KEYS",
            Self::ByTime => "BY_TIME",
            Self::Attributes => "ATTRIBUTES",
            Self::Vectors => "VECTORS",
            Self::VectorRows => "VECTOR_ROWS",
            Self::Keywords => "KEYWORDS",
        }
    }
}

/// One more than the greatest kind.
pub(crate) const KINDS: usize = 27;

/// A line of the section table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: u32,
    pub(crate) part: u32,
    /// From the beginning of the file.
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

impl Entry {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.kind.to_le_bytes());
        out.extend(self.part.to_le_bytes());
        out.extend(self.offset.to_le_bytes());
        out.extend(self.len.to_le_bytes());
    }

    pub(crate) fn decode(bytes: &[u8; ENTRY]) -> Self {
        let long = |at: usize| bytes[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Self { kind: long(0) as u32, part: (long(0) >> 32) as u32, offset: long(8), len: long(16) }
    }
}

/// Where a section lies: inside of the body, as was checked when the file was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) offset: usize,
    pub(crate) len: usize,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "section of {} bytes at {}", self.len, self.offset)
    }
}

/// The sections of a part; those that it lacks are empty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sections([Section; KINDS]);

impl Default for Sections {
    fn default() -> Self {
        Self([Section::default(); KINDS])
    }
}

impl Sections {
    /// Puts a section in its place.
    pub(crate) fn put(&mut self, entry: &Entry) {
        if let Some(place) = self.0.get_mut(entry.kind as usize) {
            // Both fit: the section lies inside of the file.
            *place = Section { offset: entry.offset as usize, len: entry.len as usize };
        }
    }

    #[inline]
    pub(crate) fn of(&self, kind: Kind) -> Section {
        self.0[kind as usize]
    }
}
