//! Values by number: there are few of them, and much has one.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;

use super::appended::Appended;
use super::table::Table;

/// Distinct values, numbered from 0. A clone has the numbers that were given out when it was made, and may know later ones.
pub(super) struct Interned<T> {
    values: Appended<T>,
    index: Table,
    hasher: RandomState,
}

impl<T: Eq + Hash + Clone> Interned<T> {
    /// The number of a value, which it gets if it is new.
    pub(super) fn code(&mut self, value: &T) -> u32 {
        self.find(value).unwrap_or_else(|| {
            let code = self.values.push(value.clone());
            self.index.put(self.hasher.hash_one(value), code);
            code
        })
    }

    /// Memory of a value, in bytes, without what it points to.
    pub(super) const ENTRY_BYTES: usize = size_of::<T>() + 8 + Table::ENTRY_BYTES;

    /// How many numbers were given out.
    pub(super) fn len(&self) -> usize {
        self.values.len() as usize
    }

    /// The number of a value, if it has one.
    pub(super) fn find(&self, value: &T) -> Option<u32> {
        self.index.find(self.hasher.hash_one(value), |code| self.values.any(code) == Some(value))
    }

    /// The value with this number.
    pub(super) fn get(&self, code: u32) -> Option<&T> {
        self.values.any(code)
    }
}

impl<T> Clone for Interned<T> {
    fn clone(&self) -> Self {
        Self { values: self.values.clone(), index: self.index.clone(), hasher: self.hasher.clone() }
    }
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { values: Appended::default(), index: Table::default(), hasher: RandomState::default() }
    }
}
