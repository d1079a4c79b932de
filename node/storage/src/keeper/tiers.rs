//! Which segments to merge: size-tiered, as in Bigtable and its descendants, over neighbours only, because a newer row hides an
//! older one by its place.

use std::ops::Range;

/// Most segments that no merge is at work on; checkpoints wait for a merge before there are more, because reads look into all of them.
pub(crate) const MOST: usize = 12;
/// So many of about one size become one.
const FAN: usize = 4;
/// What is at most so much larger than all newer ones of a run together is of about their size.
const RATIO: u64 = 2;

/// The neighbours to merge, of segments with these sizes, oldest first; `None`: none need it.
///
/// A row is rewritten once for each factor of about [`FAN`] by which the store has outgrown it.
pub(crate) fn choose(sizes: &[u64]) -> Option<Range<usize>> {
    let mut start = sizes.len();
    let mut newer = 0_u64;
    while start > 0 && (start == sizes.len() || sizes[start - 1] <= newer.saturating_mul(RATIO)) {
        start -= 1;
        newer = newer.saturating_add(sizes[start]);
    }
    if sizes.len() - start >= FAN {
        return Some(start..sizes.len());
    }
    if sizes.len() > MOST {
        // The cheapest neighbours that bring the number down.
        let run = sizes.len() - MOST + 1;
        let cheapest = (0..=sizes.len() - run).min_by_key(|at| sizes[*at..at + run].iter().sum::<u64>())?;
        return Some(cheapest..cheapest + run);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_of_one_size_become_one() {
        assert_eq!(choose(&[10, 10, 10]), None);
        assert_eq!(choose(&[10, 10, 10, 10]), Some(0..4));
        assert_eq!(choose(&[1_000, 10, 10, 10, 10]), Some(1..5));
        assert_eq!(choose(&[60, 30, 10, 5]), Some(0..4));
    }

    #[test]
    fn there_are_never_many_and_rows_are_rewritten_seldom() {
        let mut sizes: Vec<u64> = Vec::new();
        let (mut written, mut rewritten) = (0, 0);
        for _ in 0..1_000 {
            sizes.push(32);
            written += 32;
            while let Some(run) = choose(&sizes) {
                let merged = sizes[run.clone()].iter().sum();
                rewritten += merged;
                sizes.splice(run, [merged]);
            }
            assert!(sizes.len() <= MOST, "{sizes:?}");
        }
        assert!(rewritten < 7 * written, "{rewritten} of {written}");
    }

    #[test]
    fn sizes_that_fit_no_tier_are_bounded_too() {
        let sizes: Vec<u64> = (0..13).map(|at| 3_u64.pow(30 - at)).collect();
        assert_eq!(choose(&sizes), Some(11..13));
    }
}
