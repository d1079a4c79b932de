//! A hash of a set.
//!
//! MSet-Add-Hash of Clarke, Devadas, van Dijk, Gassend and Suh, "Incremental Multiset Hash Functions" (ASIACRYPT 2003), without its key:
//! the sum of the items' hashes, here BLAKE3 of 256 bits, added as four numbers of 64 bits. It has to tell accidents, not forgeries:
//! whoever could choose rows for a collision could as well write what he likes.

/// The sum of what was added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SetHash {
    items: u64,
    sum: [u64; 4],
}

impl SetHash {
    /// Adds an item by its hash.
    pub(super) fn add(&mut self, hash: blake3::Hash) {
        self.items += 1;
        for (lane, bytes) in self.sum.iter_mut().zip(hash.as_bytes().chunks_exact(8)) {
            let number = bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
            *lane = lane.wrapping_add(number);
        }
    }

    pub(super) fn items(&self) -> u64 {
        self.items
    }

    pub(super) fn sum(&self) -> [u64; 4] {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(items: &[Vec<u8>]) -> SetHash {
        let mut set = SetHash::default();
        items.iter().for_each(|item| set.add(blake3::hash(item)));
        set
    }

    proptest! {
        #[test]
        fn the_order_of_items_does_not_matter_and_each_item_does(
            items in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 1..20),
            turn in any::<usize>(),
            other in proptest::collection::vec(any::<u8>(), 10..12),
        ) {
            let whole = of(&items);
            let mut turned = items.clone();
            turned.rotate_left(turn % items.len());
            turned.reverse();
            prop_assert_eq!(&of(&turned), &whole);
            prop_assert_ne!(&of(&items[1..]), &whole);
            let mut changed = items.clone();
            changed[turn % items.len()] = other;
            prop_assert_ne!(&of(&changed), &whole);
        }
    }
}
