//! A list that grows at its end, read in the order of its items.

use std::sync::OnceLock;

use super::appended::Appended;
use crate::memory::merge::merged;

/// Items of the shortest sorted run.
const SHORTEST: u32 = 1 << 10;
/// How many times longer the runs of each level are.
const LONGER: u32 = 1 << 3;
const LEVELS: usize = 3;

/// Items in the order in which they came, and on demand in their own: whoever asks first sorts runs of 1,024, 8,192 and 65,536
/// consecutive items, each once, for all; who appends pays nothing for it. A clone sees what was there when it was made.
#[derive(Clone)]
pub(super) struct Runs<T> {
    items: Appended<T>,
    levels: [Appended<OnceLock<Box<[T]>>>; LEVELS],
}

impl<T: Copy + Ord> Runs<T> {
    /// Memory of an item in bytes, at most: it may stand in a sorted run of each length.
    pub(super) const ENTRY_BYTES: usize = (1 + LEVELS) * size_of::<T>() + 8;

    pub(super) fn push(&mut self, item: T) {
        self.items.push(item);
        for (level, runs) in (0..).zip(&mut self.levels) {
            if self.items.len().is_multiple_of(length(level)) {
                runs.push(OnceLock::new());
            }
        }
    }

    /// The items from `first` on, ascending; equal ones once.
    pub(super) fn from(&self, first: T) -> impl Iterator<Item = T> {
        let (runs, rest) = self.sorted();
        let ascending = |run: &[T]| run.partition_point(|item| *item < first);
        let from = ascending(&rest);
        let rest: Box<dyn Iterator<Item = T>> = Box::new(rest.into_iter().skip(from));
        let runs = runs.into_iter().map(|run| -> Box<dyn Iterator<Item = T>> {
            Box::new(run.get(ascending(run)..).unwrap_or_default().iter().copied())
        });
        merged(runs.chain([rest]).collect())
    }

    /// All items, descending; equal ones once.
    pub(super) fn descending(&self) -> impl Iterator<Item = T> {
        use std::cmp::Reverse;
        let (runs, rest) = self.sorted();
        let rest: Box<dyn Iterator<Item = Reverse<T>>> = Box::new(rest.into_iter().rev().map(Reverse));
        let runs = runs
            .into_iter()
            .map(|run| -> Box<dyn Iterator<Item = Reverse<T>>> { Box::new(run.iter().rev().copied().map(Reverse)) });
        merged(runs.chain([rest]).collect()).map(|item| item.0)
    }

    /// Runs that together have what this clone sees, each sorted, and the rest, which is shorter than a run.
    fn sorted(&self) -> (Vec<&[T]>, Vec<T>) {
        let (mut runs, mut at) = (Vec::new(), 0);
        for (level, cells) in self.levels.iter().enumerate().rev() {
            while let Some(run) = cells.get(at / length(level)).filter(|_| at + length(level) <= self.items.len()) {
                runs.push(&**run.get_or_init(|| self.sort(at, at + length(level)).into()));
                at += length(level);
            }
        }
        (runs, self.sort(at, self.items.len()))
    }

    fn sort(&self, first: u32, end: u32) -> Vec<T> {
        let mut run: Vec<T> = self.items.from(first).take((end - first) as usize).copied().collect();
        run.sort_unstable();
        run
    }
}

const fn length(level: usize) -> u32 {
    SHORTEST * LONGER.pow(level as u32)
}

impl<T> Default for Runs<T> {
    fn default() -> Self {
        Self { items: Appended::default(), levels: Default::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clone_is_read_in_order() {
        let mut runs = Runs::default();
        let mut clones = Vec::new();
        // Each number below 100,003 once, in no order.
        let item = |at: u32| (u64::from(at) * 40_503 % 100_003) as u32;
        for at in 0..75_000 {
            runs.push(item(at));
            if [1, 1_023, 1_024, 9_300, 65_535, 65_536, 75_000].contains(&(at + 1)) {
                clones.push((at + 1, runs.clone()));
            }
        }
        for (count, clone) in clones {
            let mut expected: Vec<u32> = (0..count).map(item).collect();
            expected.sort_unstable();
            assert_eq!(clone.from(0).collect::<Vec<_>>(), expected);
            assert_eq!(clone.from(50_000).next(), expected.iter().copied().find(|item| *item >= 50_000));
            expected.reverse();
            assert_eq!(clone.descending().collect::<Vec<_>>(), expected);
        }
    }
}
