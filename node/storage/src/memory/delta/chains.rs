//! Several values for one key.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;

use super::appended::Appended;
use super::table::Table;

/// No link.
const NONE: u32 = u32::MAX;

/// A map of many values for one key, of which none is ever removed. A clone sees the values that were there when it was made.
pub(super) struct Chains<K, V> {
    links: Appended<Link<K, V>>,
    /// The newest link of each key.
    heads: Table,
    hasher: RandomState,
}

struct Link<K, V> {
    key: K,
    value: V,
    older: u32,
}

impl<K: Copy + Eq + Hash, V: Copy + PartialEq> Chains<K, V> {
    /// Memory of a value, in bytes.
    pub(super) const ENTRY_BYTES: usize = size_of::<Link<K, V>>() + 8 + Table::ENTRY_BYTES;

    /// Adds a value, unless it was the last that was added to this key; answers whether it did.
    pub(super) fn put(&mut self, key: K, value: V) -> bool {
        let hash = self.hasher.hash_one(key);
        let head = self.head(hash, key);
        if head.and_then(|head| self.links.any(head)).is_some_and(|newest| newest.value == value) {
            return false;
        }
        let at = self.links.push(Link { key, value, older: head.unwrap_or(NONE) });
        match head {
            Some(head) => self.heads.replace(hash, head, at),
            None => self.heads.put(hash, at),
        }
        true
    }

    /// The values of a key, the newest first; one may come twice.
    pub(super) fn get(&self, key: K) -> impl Iterator<Item = V> {
        let mut next = self.head(self.hasher.hash_one(key), key).unwrap_or(NONE);
        std::iter::from_fn(move || {
            loop {
                let at = next;
                let link = self.links.any(at)?;
                next = link.older;
                if at < self.links.len() {
                    return Some(link.value);
                }
            }
        })
    }

    fn head(&self, hash: u64, key: K) -> Option<u32> {
        self.heads.find(hash, |at| self.links.any(at).is_some_and(|link| link.key == key))
    }
}

impl<K, V> Clone for Chains<K, V> {
    fn clone(&self) -> Self {
        Self { links: self.links.clone(), heads: self.heads.clone(), hasher: self.hasher.clone() }
    }
}

impl<K, V> Default for Chains<K, V> {
    fn default() -> Self {
        Self { links: Appended::default(), heads: Table::default(), hasher: RandomState::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_has_the_values_of_its_time() {
        let mut chains = Chains::default();
        let mut clones = Vec::new();
        for value in 0..300_u32 {
            clones.push(chains.clone());
            assert!(chains.put(value % 3, value));
            assert!(!chains.put(value % 3, value), "the newest is not added twice");
        }
        for (count, clone) in clones.iter().enumerate() {
            for key in 0..3 {
                let expected: Vec<u32> = (0..count as u32).rev().filter(|value| value % 3 == key).collect();
                assert_eq!(clone.get(key).collect::<Vec<_>>(), expected);
            }
            assert_eq!(clone.get(3).next(), None);
        }
    }
}
