//! The index of a segment: immutable, one run of bytes that is used in place.
//!
//! ```text
//!   header │ postings │ dictionary │ lengths │ long lengths │ ordinals │ checksums
//!          └─────────────── body, in pages of 16 KiB ─────────────────┘
//! ```
//!
//! All numbers are little-endian; varints are LEB128, seven bits a byte, the lowest first. A *slot* is the number of a document
//! within the index, counted from 0 by ordinal.
//!
//! **Header**, 80 bytes:
//!
//! | at | size | what |
//! |---|---|---|
//! | 0 | 8 | magic, `SUTRAKWI` |
//! | 8 | 4 | version, 1 |
//! | 12 | 4 | 1 if there is a list of ordinals, else 0 |
//! | 16 | 8 | bytes of the whole index |
//! | 24 | 8 | living documents, signed: those that were put, less those that were removed from this or an older index |
//! | 32 | 8 | words in them, signed |
//! | 40 | 8 | bytes of the postings |
//! | 48 | 8 | bytes of the dictionary |
//! | 56 | 4 | the ordinal of slot 0 |
//! | 60 | 4 | slots |
//! | 64 | 4 | long lengths |
//! | 68 | 4 | terms of the dictionary |
//! | 72 | 4 | CRC-32C of the checksums |
//! | 76 | 4 | CRC-32C of bytes 0 to 75 |
//!
//! **Postings**: for each term, in the order of the dictionary, a record:
//!
//! | what | when |
//! |---|---|
//! | varint: 2 × postings, + 1 if a correction follows | always |
//! | varint: the correction c as 2c if c ≥ 0, else −2c − 1: living documents with the term = postings + c | if said so |
//! | varint: bytes of the block | 1 to 128 postings |
//! | 12 bytes for each block: last slot (u32), where it ends (u32, from the end of this table), greatest frequency (u16; 65,535 for that many or more), fewest words of a document (u16; 65,535 likewise) | more than 128 postings |
//! | the blocks: 128 postings each, the last one 1 to 128 | always |
//!
//! A posting is, in varints, for a document that has the term once: 2 × gap, position; for one that has it more often:
//! 2 × gap + 1, frequency, bytes of the positions, positions. The gap is how many slots lie between this posting and the one before,
//! across blocks; for the first of a term, its slot. The first position is itself, each other one is how many positions lie between
//! it and the one before. Positions count the words of the content and then the aliases, with one left out between two texts.
//!
//! **Dictionary**: a finite state transducer as the crate `fst` 0.4 writes it (its format 3), from terms (UTF-8, at most 255 bytes) to
//! where their record begins, from the beginning of the postings. Terms are the words of [`words`](crate::words()).
//!
//! **Lengths**: a byte a slot, the words of its document; 255 says that a **long length** has it: slot (u32) and words (u32), by slot.
//!
//! **Ordinals**: of each slot (u32), ascending. There is no list where ordinals follow each other without a gap: then the ordinal of a
//! slot is slot + the ordinal of slot 0.
//!
//! **Checksums**: the CRC-32C of each page of 16 KiB of the body (u32); the last page may be shorter. A page is checked
//! before anything on it is read for the first time.
//!
//! | module | responsibility |
//! |---|---|
//! | `builder` | from documents to bytes |
//! | `header` | the first 80 bytes |
//! | `pages` | bytes, checked at first touch |
//! | `dictionary` | terms to records |
//! | `record` | the postings of a term |
//! | `snapshot` | what one search sees |

mod builder;
mod dictionary;
mod header;
mod pages;
mod record;
mod snapshot;

pub use self::builder::Builder;

use self::header::Header;
use self::pages::Pages;
use self::snapshot::Snapshot;
use crate::error::Damaged;
use crate::query::Query;
use crate::search::{self, Hit};
use crate::statistics::Statistics;

/// The index of a segment, read in place from `bytes`.
#[derive(Debug)]
pub struct Part<B> {
    header: Header,
    pages: Pages<B>,
}

impl<B: AsRef<[u8]>> Part<B> {
    /// Reads the header and the checksums (a 4,096th of the bytes). `bytes` must always be the same ones.
    ///
    /// # Errors
    ///
    /// They are not an index of this version, or too few or too many, or header or checksums are damaged.
    pub fn open(bytes: B) -> Result<Self, Damaged> {
        let header = Header::read(bytes.as_ref())?;
        let pages = Pages::new(bytes, header.body(), header.checksums_crc)?;
        Ok(Self { header, pages })
    }

    /// The statistics for a query, to be merged with those of all other indexes that are searched.
    ///
    /// # Errors
    ///
    /// Bytes that had to be read are damaged.
    pub fn statistics(&self, query: &Query) -> Result<Statistics, Damaged> {
        let snapshot = Snapshot::new(&self.header, &self.pages)?;
        Statistics::gather(self.header.documents, self.header.words, query, &snapshot)
    }

    /// The best `k` documents that `accept` says yes to; best first, equal ones by their `rank`, which no two share. `accept` is asked about a document only
    /// when it would be among the best so far, so it may be slow. `statistics` are the sum over all indexes that are searched.
    ///
    /// # Errors
    ///
    /// Bytes that had to be read are damaged.
    pub fn search(
        &self,
        query: &Query,
        statistics: &Statistics,
        k: usize,
        rank: &dyn Fn(u32) -> u128,
        accept: &mut dyn FnMut(u32) -> bool,
    ) -> Result<Vec<Hit>, Damaged> {
        let snapshot = Snapshot::new(&self.header, &self.pages)?;
        search::search(&snapshot, query, statistics, k, rank, accept)
    }

    /// Checks every byte.
    ///
    /// # Errors
    ///
    /// Some are damaged; the first of them are named.
    pub fn verify(&self) -> Result<(), Damaged> {
        self.pages.get(self.header.body()).map(drop)
    }
}
