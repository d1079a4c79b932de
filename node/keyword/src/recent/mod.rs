//! The index of what was written since the last checkpoint, in memory.
//!
//! | module | responsibility |
//! |---|---|
//! | `ledger` | the documents: ordinals, lengths, what was removed |
//! | `snapshot` | what one search sees |
//! | `walk` | the words in order, in small steps |

mod ledger;
mod snapshot;
mod walk;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use foldhash::fast::RandomState;

use self::ledger::Ledger;
use self::snapshot::Snapshot;
use self::walk::Words;
use crate::document::Document;
use crate::error::{BuildError, Damaged};
use crate::growing::Growing;
use crate::query::Query;
use crate::search::{self, Hit};
use crate::statistics::Statistics;

/// What the entry of a word takes beside its letters and its postings, roughly, in bytes.
const TERM: usize = 224;

/// The index of a namespace's delta.
///
/// One thread writes, any number reads. Readers are kept apart from later writes by a bound: a reader that names `visible` sees the
/// documents whose ordinals are below it, and statistics of just them, however many are added meanwhile. Locks are held while a
/// word is looked up or a document entered, never while documents are scored or accepted.
#[derive(Debug, Default)]
pub struct Recent {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    words: HashMap<Arc<str>, Entry, RandomState>,
    /// The same words in order. A tree alone would take three times as long to find a word that is known.
    order: BTreeSet<Arc<str>>,
    ledger: Ledger,
    /// See [`Recent::memory`].
    memory: usize,
}

/// What is known of a word.
#[derive(Debug, Default)]
struct Entry {
    postings: Growing,
    /// For each removed text that had the word: the ordinal at which it was removed. Ascending.
    removed: Vec<u32>,
}

impl Recent {
    /// Adds a document: the content of a concept, then its aliases.
    ///
    /// # Errors
    ///
    /// Its ordinal is not above all before.
    pub fn put<T: AsRef<str>>(&self, ordinal: u32, texts: impl IntoIterator<Item = T>) -> Result<(), BuildError> {
        let document = Document::read(texts);
        let inner = &mut *self.write();
        let slot = inner.ledger.put(ordinal, document.length())?;
        for (word, places) in document.terms() {
            inner.change(word, |entry| entry.postings.push(slot, document.length(), places));
        }
        Ok(())
    }

    /// Takes the texts of a document, of this index or an older one, out of the statistics: nobody but readers of the past asks for
    /// it from now on. It counts for readers whose bound is above `at`, the ordinal of what replaced it or was written last; an
    /// `at` below an earlier one counts as that one.
    pub fn remove<T: AsRef<str>>(&self, at: u32, texts: impl IntoIterator<Item = T>) {
        let document = Document::read(texts);
        let inner = &mut *self.write();
        let at = inner.ledger.remove(at, document.length());
        for (word, _) in document.terms() {
            inner.change(word, |entry| entry.removed.push(at));
        }
    }

    /// The statistics for a query as of `visible`, to be merged with those of all other indexes that are searched.
    ///
    /// # Errors
    ///
    /// The index contradicts itself, which only a defect in this crate can bring about.
    pub fn statistics(&self, query: &Query, visible: u32) -> Result<Statistics, Damaged> {
        let (documents, words, end) = self.read().ledger.living(visible);
        Statistics::gather(documents, words, query, &Words::new(self, visible, end))
    }

    /// The best `k` documents with ordinals below `visible` that `accept` says yes to; best first, equal ones by their `rank`, which no two share. `accept`
    /// is asked about a document only when it would be among the best so far, so it may be slow. `statistics` are the sum over
    /// all indexes that are searched.
    ///
    /// # Errors
    ///
    /// The index contradicts itself, which only a defect in this crate can bring about.
    pub fn search(
        &self,
        query: &Query,
        statistics: &Statistics,
        visible: u32,
        k: usize,
        rank: &dyn Fn(u32) -> u128,
        accept: &mut dyn FnMut(u32) -> bool,
    ) -> Result<Vec<Hit>, Damaged> {
        let documents = self.read().ledger.look(visible);
        search::search(&Snapshot::new(self, documents), query, statistics, k, rank, accept)
    }

    /// How much memory it takes, in bytes, within a factor of two.
    pub fn memory(&self) -> usize {
        let inner = self.read();
        inner.memory + inner.ledger.memory()
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Changes the entry of a word.
    fn change(&mut self, word: &str, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.words.get_mut(word) {
            let before = entry.memory();
            change(entry);
            self.memory += entry.memory().saturating_sub(before);
        } else {
            let mut entry = Entry::default();
            change(&mut entry);
            self.memory += TERM + word.len() + entry.memory();
            let word: Arc<str> = word.into();
            self.order.insert(Arc::clone(&word));
            self.words.insert(word, entry);
        }
    }
}

impl Entry {
    fn memory(&self) -> usize {
        self.postings.memory() + self.removed.capacity() * size_of::<u32>()
    }
}
