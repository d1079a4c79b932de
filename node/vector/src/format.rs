//! The bytes of a graph's file.
//!
//! ```text
//!   0  header, 64 bytes, little endian
//!  64  inverse length of each vector's codes, f32, in ordinal order
//!      zeroes, so that the codes begin at a multiple of 64
//!      the index as usearch writes it: rows u32, columns u32, then the codes, a row a vector, in ordinal order; then its graph
//! ```
//!
//! | header | content |
//! |---|---|
//! | 0..8 | `SUTRAGRF` |
//! | 8..12 | version, 1 |
//! | 12..16 | dimension |
//! | 16 | scalar of the vectors it was built from: 0 f32, 1 f16, 2 i8 |
//! | 20..24 | count of vectors |
//! | 24..28, 28..32, 32..36 | connectivity, expansion when adding, expansion when searching |
//! | 40..48 | bytes of usearch's index |
//! | 48..52 | CRC32C of everything after the header |
//! | 60..64 | CRC32C of bytes 0..60 |
//!
//! What is not named is zero.

use thiserror::Error;

use crate::shape::{Scalar, Shape, ShapeError};

pub(crate) const HEADER: usize = 64;
const MAGIC: &[u8; 8] = b"SUTRAGRF";
const VERSION: u32 = 1;
/// Rows and columns, in front of the codes.
const MATRIX_HEAD: usize = 8;

/// A graph's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) shape: Shape,
    pub(crate) count: u32,
    pub(crate) connectivity: u32,
    pub(crate) expansion_add: u32,
    pub(crate) expansion_search: u32,
    /// Bytes of usearch's index.
    pub(crate) index: u64,
    /// CRC32C of what follows the header.
    pub(crate) body: u32,
}

/// Why bytes are no graph of ours.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// Not even a header.
    #[error("it has {0} bytes, and its header alone {HEADER}")]
    Short(usize),
    /// Some other file.
    #[error("it does not begin as a vector graph does")]
    Magic,
    /// Written by another release.
    #[error("its format is version {0}, and this release reads version {VERSION}")]
    Version(u32),
    /// The header changed since it was written.
    #[error("its header's checksum is {found:08x}, not {expected:08x}")]
    Header {
        /// As written in it.
        expected: u32,
        /// As computed.
        found: u32,
    },
    /// The header was written wrongly.
    #[error("its header names scalar {0}")]
    Scalar(u8),
    /// The header was written wrongly.
    #[error("its header's dimension")]
    Shape(#[source] ShapeError),
    /// The file was cut, or lengthened.
    #[error("it has {found} bytes and should have {expected}")]
    Length {
        /// As its header says.
        expected: u64,
        /// As it is.
        found: u64,
    },
    /// The content changed since it was written.
    #[error("its content's checksum is {found:08x}, not {expected:08x}")]
    Body {
        /// As its header says.
        expected: u32,
        /// As computed.
        found: u32,
    },
    /// Codes of another size than the header says.
    #[error("its index has {rows} rows of {columns} codes, its header says {count} of {dimension}")]
    Matrix {
        /// As in the index.
        rows: u32,
        /// As in the index.
        columns: u32,
        /// As in the header.
        count: u32,
        /// As in the header.
        dimension: u32,
    },
}

impl Header {
    /// Where the index begins.
    pub(crate) fn index_at(count: u32) -> usize {
        (HEADER + size_of::<f32>() * count as usize + MATRIX_HEAD).next_multiple_of(64) - MATRIX_HEAD
    }

    /// Where the codes begin.
    pub(crate) fn codes_at(count: u32) -> usize {
        Self::index_at(count) + MATRIX_HEAD
    }

    pub(crate) fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, MAGIC);
        put(8, &VERSION.to_le_bytes());
        put(12, &self.shape.dimension().to_le_bytes());
        put(
            16,
            &[match self.shape.scalar() {
                Scalar::F32 => 0,
                Scalar::F16 => 1,
                Scalar::I8 => 2,
            }],
        );
        put(20, &self.count.to_le_bytes());
        put(24, &self.connectivity.to_le_bytes());
        put(28, &self.expansion_add.to_le_bytes());
        put(32, &self.expansion_search.to_le_bytes());
        put(40, &self.index.to_le_bytes());
        put(48, &self.body.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The header of a whole file, every byte of which has been compared with its checksum.
    pub(crate) fn check(file: &[u8]) -> Result<Self, Damage> {
        let (header, body) = file.split_first_chunk::<HEADER>().ok_or(Damage::Short(file.len()))?;
        let header = Self::decode(header)?;
        let expected = (Self::index_at(header.count) as u64).saturating_add(header.index);
        if file.len() as u64 != expected {
            return Err(Damage::Length { expected, found: file.len() as u64 });
        }
        let found = crc32c::crc32c(body);
        if found != header.body {
            return Err(Damage::Body { expected: header.body, found });
        }
        header.check_matrix(file)?;
        Ok(header)
    }

    fn decode(bytes: &[u8; HEADER]) -> Result<Self, Damage> {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if !bytes.starts_with(MAGIC) {
            return Err(Damage::Magic);
        }
        if word(8) != VERSION {
            return Err(Damage::Version(word(8)));
        }
        let (expected, found) = (word(60), crc32c::crc32c(&bytes[..60]));
        if expected != found {
            return Err(Damage::Header { expected, found });
        }
        let scalar = match bytes[16] {
            0 => Scalar::F32,
            1 => Scalar::F16,
            2 => Scalar::I8,
            other => return Err(Damage::Scalar(other)),
        };
        Ok(Self {
            shape: Shape::new(word(12), scalar).map_err(Damage::Shape)?,
            count: word(20),
            connectivity: word(24),
            expansion_add: word(28),
            expansion_search: word(32),
            index: u64::from(word(40)) | u64::from(word(44)) << 32,
            body: word(48),
        })
    }

    /// Whether the codes in front of usearch's index are there, and as many as the header says: they are read without its help.
    fn check_matrix(&self, file: &[u8]) -> Result<(), Damage> {
        let at = Self::index_at(self.count);
        let word = |at: usize| {
            let bytes = file.get(at..).and_then(<[u8]>::first_chunk);
            bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
        };
        let (rows, columns) = (word(at), word(at + 4));
        let codes = u64::from(rows) * u64::from(columns);
        let fits = codes.saturating_add(MATRIX_HEAD as u64) <= self.index;
        if (rows, columns) != (self.count, self.shape.dimension()) || !fits {
            return Err(Damage::Matrix { rows, columns, count: self.count, dimension: self.shape.dimension() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            shape: Shape::new(384, Scalar::F16).unwrap(),
            count: 20_000,
            connectivity: 16,
            expansion_add: 128,
            expansion_search: 64,
            index: 0x1_0000_0007,
            body: 0xdead_beef,
        }
    }

    #[test]
    fn a_header_reads_back() {
        assert_eq!(Header::decode(&header().encode()), Ok(header()));
    }

    #[test]
    fn no_bit_of_a_header_changes_unnoticed() {
        for bit in 0..8 * HEADER {
            let mut bytes = header().encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let damage = Header::decode(&bytes).unwrap_err();
            assert!(matches!(damage, Damage::Magic | Damage::Version(_) | Damage::Header { .. }), "{damage}");
        }
    }

    #[test]
    fn codes_begin_at_a_multiple_of_64() {
        for count in [0, 1, 13, 14, 15, 16, 200_000, u32::MAX] {
            let at = Header::codes_at(count);
            assert_eq!(at % 64, 0);
            assert!((64 + 4 * count as usize + 8..64 + 4 * count as usize + 72).contains(&at));
        }
    }
}
