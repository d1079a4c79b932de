//! Where things with a hash are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// An index of numbered things by their hash: open addressing with linear probing. It only grows. One thread changes it while others
/// read, without a lock: a clone shares the slots until they are too few, and then goes on with the old ones, in which everything is
/// that its owner may see. So whoever finds something has to look whether it is for him.
#[derive(Clone, Default)]
pub(super) struct Table {
    /// As many as a power of two; empty, or the upper half of a hash over the number + 1.
    slots: Option<Arc<[AtomicU64]>>,
    used: usize,
}

const FEWEST: usize = 16;
const EMPTY: u64 = 0;

impl Table {
    /// The number that was put under the hash and that `is` says yes to.
    pub(super) fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        let slots = self.slots.as_deref()?;
        probe(slots, hash).map(|slot| slots[slot].load(Ordering::Acquire)).take_while(|slot| *slot != EMPTY).find_map(|slot| {
            let at = number(slot);
            (slot >> 32 == hash >> 32 && is(at)).then_some(at)
        })
    }

    /// Puts a number under its hash. `u32::MAX` is none.
    pub(super) fn put(&mut self, hash: u64, at: u32) {
        if self.slots.as_ref().is_none_or(|slots| (self.used + 1) * 4 > slots.len() * 3) {
            self.grow();
        }
        self.used += 1;
        if let Some(slots) = &self.slots {
            insert(slots, slot_of(hash, at), Ordering::Release);
        }
    }

    /// Puts the number `to` in the place of `from`, which was put under the same hash.
    pub(super) fn replace(&self, hash: u64, from: u32, to: u32) {
        let slots = self.slots.as_deref().unwrap_or_default();
        let before = slot_of(hash, from);
        if let Some(slot) = probe(slots, hash).find(|slot| slots[*slot].load(Ordering::Relaxed) == before) {
            slots[slot].store(slot_of(hash, to), Ordering::Release);
        }
    }

    /// Memory of an entry in bytes, on average: between three eighths and three quarters of the slots are in use.
    pub(super) const ENTRY_BYTES: usize = 2 * size_of::<AtomicU64>();

    fn grow(&mut self) {
        let old = self.slots.as_deref().unwrap_or_default();
        let slots: Arc<[AtomicU64]> = (0..FEWEST.max(2 * old.len())).map(|_| AtomicU64::new(EMPTY)).collect();
        for slot in old.iter().map(|slot| slot.load(Ordering::Relaxed)).filter(|slot| *slot != EMPTY) {
            insert(&slots, slot, Ordering::Relaxed);
        }
        self.slots = Some(slots);
    }
}

fn slot_of(hash: u64, at: u32) -> u64 {
    hash >> 32 << 32 | (u64::from(at) + 1)
}

fn number(slot: u64) -> u32 {
    (slot as u32).wrapping_sub(1)
}

/// The slots in which something with this hash may be, in turn. Its place is told by the half of the hash that a slot keeps.
fn probe(slots: &[AtomicU64], hash: u64) -> impl Iterator<Item = usize> + use<> {
    let (first, count) = ((hash >> 32) as usize, slots.len());
    (0..count).map(move |step| (first + step) & (count - 1))
}

fn insert(slots: &[AtomicU64], slot: u64, order: Ordering) {
    if let Some(free) = probe(slots, slot).find(|free| slots[*free].load(Ordering::Relaxed) == EMPTY) {
        slots[free].store(slot, order);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_found_among_others_with_the_same_hash() {
        let mut table = Table::default();
        assert_eq!(table.find(7 << 32, |_| true), None);
        for at in 0..5_000 {
            table.put(u64::from(at % 100) << 32, at);
        }
        for at in 0..5_000_u32 {
            assert_eq!(table.find(u64::from(at % 100) << 32, |found| found == at), Some(at));
        }
        assert_eq!(table.find(100 << 32, |_| true), None);
        table.replace(3 << 32, 103, 9_003);
        assert_eq!(table.find(3 << 32, |found| found == 103), None);
        assert_eq!(table.find(3 << 32, |found| found == 9_003), Some(9_003));
    }

    #[test]
    fn an_older_clone_finds_what_it_had() {
        let mut table = Table::default();
        table.put(1 << 32, 1);
        let older = table.clone();
        (2..100).for_each(|at| table.put(u64::from(at) << 32, at));
        assert_eq!((older.find(1 << 32, |_| true), table.find(1 << 32, |_| true)), (Some(1), Some(1)));
        assert_eq!((older.find(90 << 32, |_| true), table.find(90 << 32, |_| true)), (None, Some(90)));
    }
}
