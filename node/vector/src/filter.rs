//! Which vectors a search may find.

use std::fmt;

/// Which vectors a search may find.
#[derive(Clone, Copy)]
pub enum Filter<'a> {
    /// All of them.
    All,
    /// Those that pass a test; for when nearly all do, as with liveness. It is asked about few vectors where it can be; where less than
    /// a fifth of the candidates pass, the whole part is scanned.
    Each(&'a dyn Fn(u32) -> bool),
    /// Those in a set whose size is known; for when few may pass.
    Among(&'a Ordinals),
}

/// A set of ordinals: one bit each up to the largest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ordinals {
    words: Vec<u64>,
    /// Bits set in `words`.
    len: u32,
}

impl Filter<'_> {
    /// Whether `ordinal` may be found.
    #[inline]
    pub(crate) fn passes(&self, ordinal: u32) -> bool {
        match self {
            Self::All => true,
            Self::Each(test) => test(ordinal),
            Self::Among(set) => set.contains(ordinal),
        }
    }
}

impl fmt::Debug for Filter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("All"),
            Self::Each(_) => f.write_str("Each"),
            Self::Among(set) => write!(f, "Among({} ordinals)", set.len),
        }
    }
}

impl Ordinals {
    /// A set of none, with room for ordinals below `count`.
    #[must_use]
    pub fn with_capacity(count: u32) -> Self {
        Self { words: Vec::with_capacity(count.div_ceil(64) as usize), len: 0 }
    }

    /// Adds `ordinal`; whether it was new.
    pub fn insert(&mut self, ordinal: u32) -> bool {
        let (word, bit) = place(ordinal);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        self.len += u32::from(new);
        new
    }

    /// Takes `ordinal` out; whether it was in.
    pub fn remove(&mut self, ordinal: u32) -> bool {
        let (word, bit) = place(ordinal);
        let Some(word) = self.words.get_mut(word).filter(|word| **word & bit != 0) else { return false };
        *word &= !bit;
        self.len -= 1;
        true
    }

    /// Whether `ordinal` is in it.
    #[inline]
    #[must_use]
    pub fn contains(&self, ordinal: u32) -> bool {
        let (word, bit) = place(ordinal);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// How many are in it.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Those in it, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0_u32..).step_by(64).zip(&self.words).flat_map(|(first, word)| {
            std::iter::successors(Some(*word), |rest| Some(rest & rest.wrapping_sub(1)))
                .take_while(|rest| *rest != 0)
                .map(move |rest| first + rest.trailing_zeros())
        })
    }
}

impl FromIterator<u32> for Ordinals {
    fn from_iter<I: IntoIterator<Item = u32>>(ordinals: I) -> Self {
        let mut set = Self::default();
        for ordinal in ordinals {
            set.insert(ordinal);
        }
        set
    }
}

fn place(ordinal: u32) -> (usize, u64) {
    ((ordinal / 64) as usize, 1 << (ordinal % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_holds_what_was_put_in_and_not_taken_out(steps in proptest::collection::vec((any::<bool>(), 0..300_u32), 0..200)) {
            let (mut set, mut model) = (Ordinals::with_capacity(100), BTreeSet::new());
            for (insert, ordinal) in steps {
                if insert {
                    prop_assert_eq!(set.insert(ordinal), model.insert(ordinal));
                } else {
                    prop_assert_eq!(set.remove(ordinal), model.remove(&ordinal));
                }
            }
            prop_assert_eq!(set.len() as usize, model.len());
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), model.iter().copied().collect::<Vec<_>>());
            prop_assert!((0..400).all(|ordinal| set.contains(ordinal) == model.contains(&ordinal)));
        }
    }
}
