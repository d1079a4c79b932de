//! From documents to the bytes of a part.

use std::collections::HashMap;

use fst::MapBuilder;

use super::header::{HEADER, Header};
use super::pages::checksums;
use super::record;
use super::snapshot::LONG;
use crate::document::Document;
use crate::error::BuildError;
use crate::growing::Growing;

/// Builds the index of a segment.
///
/// What is put is held encoded, about five bytes a word, and twice that for a moment in [`finish`](Self::finish).
#[derive(Debug, Default)]
pub struct Builder {
    words: HashMap<Box<str>, Entry>,
    /// Ordinal and length of each document.
    documents: Vec<(u32, u32)>,
    removed: i64,
    total_words: i64,
}

/// What is known of a word.
#[derive(Debug, Default)]
struct Entry {
    postings: Growing,
    /// Removed texts that have it.
    removed: i64,
}

impl Builder {
    /// An index of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a document: the content of a concept, then its aliases. One that isn't alive is removed as well.
    ///
    /// # Errors
    ///
    /// Its ordinal is not above all before.
    pub fn put<T: AsRef<str>>(&mut self, ordinal: u32, texts: impl IntoIterator<Item = T>) -> Result<(), BuildError> {
        if let Some(&(last, _)) = self.documents.last()
            && ordinal <= last
        {
            return Err(BuildError::Order { ordinal, last });
        }
        let document = Document::read(texts);
        let length = document.length();
        // There are no more documents than ordinals.
        let slot = self.documents.len() as u32;
        self.documents.push((ordinal, length));
        self.total_words += i64::from(length);
        for (word, places) in document.terms() {
            self.change(word, |entry| entry.postings.push(slot, length, places));
        }
        Ok(())
    }

    /// Takes the texts of a document, of this index or an older one, out of the statistics: nobody but readers of the past asks for
    /// it.
    pub fn remove<T: AsRef<str>>(&mut self, texts: impl IntoIterator<Item = T>) {
        let document = Document::read(texts);
        self.removed += 1;
        self.total_words -= i64::from(document.length());
        for (word, _) in document.terms() {
            self.change(word, |entry| entry.removed += 1);
        }
    }

    /// The bytes of the index, for [`Part::open`](super::Part::open). The same documents give the same bytes.
    ///
    /// # Errors
    ///
    /// A term has more than 4 GiB of postings, or there are 2³² terms or documents.
    pub fn finish(self) -> Result<Vec<u8>, BuildError> {
        let Self { words, documents, removed, total_words } = self;
        let mut words: Vec<_> = words.into_iter().collect();
        words.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let count = u32::try_from(words.len()).map_err(|_| too_many("terms", words.len()))?;
        let mut bytes = vec![0; HEADER];
        let mut dictionary = MapBuilder::memory();
        for (word, entry) in words {
            dictionary.insert(&*word, (bytes.len() - HEADER) as u64).map_err(BuildError::Dictionary)?;
            record::write(&mut bytes, &entry.postings, -entry.removed)?;
        }
        let postings = bytes.len() - HEADER;
        let dictionary = dictionary.into_inner().map_err(BuildError::Dictionary)?;
        bytes.extend_from_slice(&dictionary);
        let short = |length: u32| u8::try_from(length).unwrap_or(LONG);
        bytes.extend(documents.iter().map(|(_, length)| short(*length)));
        let long = (0_u32..).zip(&documents).filter(|(_, (_, length))| short(*length) == LONG);
        let before = bytes.len();
        bytes.extend(long.flat_map(|(slot, (_, length))| [slot.to_le_bytes(), length.to_le_bytes()]).flatten());
        let long = (bytes.len() - before) / 8;
        let first = documents.first().map_or(0, |(ordinal, _)| *ordinal);
        let listed = (first..=u32::MAX).zip(&documents).any(|(expected, (ordinal, _))| *ordinal != expected);
        if listed {
            bytes.extend(documents.iter().flat_map(|(ordinal, _)| ordinal.to_le_bytes()));
        }
        let checksums = checksums(&bytes[HEADER..]);
        bytes.extend_from_slice(&checksums);
        let header = Header {
            listed,
            size: bytes.len() as u64,
            documents: documents.len() as i64 - removed,
            words: total_words,
            postings: postings as u64,
            dictionary: dictionary.len() as u64,
            first,
            slots: u32::try_from(documents.len()).map_err(|_| too_many("documents", documents.len()))?,
            long: u32::try_from(long).map_err(|_| too_many("long documents", long))?,
            terms: count,
            checksums_crc: crc32c::crc32c(&checksums),
        };
        bytes[..HEADER].copy_from_slice(&header.write());
        Ok(bytes)
    }

    /// Changes the entry of a word.
    fn change(&mut self, word: &str, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.words.get_mut(word) {
            change(entry);
        } else {
            let mut entry = Entry::default();
            change(&mut entry);
            self.words.insert(word.into(), entry);
        }
    }
}

fn too_many(what: &'static str, count: usize) -> BuildError {
    BuildError::Size { what, size: count as u64, bound: u64::from(u32::MAX) }
}
