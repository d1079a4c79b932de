//! Finding a place in what is sorted, without trusting that it is.

/// The first index in `0..len` at which `below` no longer holds; `None` when reading failed.
pub(crate) fn lower_bound(len: usize, mut below: impl FnMut(usize) -> Option<bool>) -> Option<usize> {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low + (high - low) / 2;
        if below(middle)? { low = middle + 1 } else { high = middle }
    }
    Some(low)
}

/// The first index in `0..len` whose key is not below `wanted`; keys are expected to be spread evenly over all of `u64`, as hashes
/// are: then three probes land within a cache line or two of it. Any others take logarithmic time. `None` when reading failed.
#[inline]
pub(crate) fn hash_bound(len: usize, wanted: u64, key: impl Fn(usize) -> Option<u64>) -> Option<usize> {
    const TUNING: usize = 2;
    if len == 0 {
        return Some(0);
    }
    let last = len - 1;
    let mut guess = ((u128::from(wanted) * len as u128) >> 64) as usize;
    let mut found = key(guess.min(last))?;
    for _ in 0..TUNING {
        let distance = wanted.abs_diff(found);
        let places = ((u128::from(distance) * len as u128) >> 64) as usize;
        if places < 2 {
            break;
        }
        guess = if found < wanted { guess.saturating_add(places).min(last) } else { guess.saturating_sub(places) };
        found = key(guess)?;
    }
    // Strides that double from the guess on enclose the place, wherever it is.
    let (mut low, mut high) = (0, len);
    let mut stride = 1;
    if found < wanted {
        low = guess + 1;
        while let Some(next) = low.checked_add(stride).filter(|next| *next < high) {
            if key(next)? < wanted {
                low = next + 1;
                stride *= 2;
            } else {
                high = next;
                break;
            }
        }
    } else {
        high = guess;
        while let Some(next) = high.checked_sub(stride).filter(|next| *next > low) {
            if key(next)? < wanted {
                low = next + 1;
                break;
            }
            high = next;
            stride *= 2;
        }
    }
    lower_bound(high - low, |at| Some(key(low + at)? < wanted)).map(|at| low + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(keys: &[u64], wanted: u64) {
        let probes = std::cell::Cell::new(0);
        let found = hash_bound(keys.len(), wanted, |at| {
            probes.set(probes.get() + 1);
            keys.get(at).copied()
        });
        assert_eq!(found, Some(keys.partition_point(|key| *key < wanted)), "{wanted} in {} keys", keys.len());
        let bound = 2 * keys.len().max(1).ilog2() + 8;
        assert!(probes.get() <= bound, "{} probes in {} keys", probes.get(), keys.len());
    }

    #[test]
    fn every_distribution_is_searched_rightly_and_in_logarithmic_time() {
        let mut state = 7u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state ^ state >> 29
        };
        let mut even: Vec<u64> = (0..5_000).map(|_| random()).collect();
        even.sort_unstable();
        let dense: Vec<u64> = (0..5_000).collect();
        let high: Vec<u64> = (0..5_000).map(|n| u64::MAX - 5_000 + n).collect();
        let same = vec![77; 5_000];
        let powers: Vec<u64> = (0..64).map(|n| 1 << n).collect();
        for keys in [&even, &dense, &high, &same, &powers, &vec![], &vec![9]] {
            for at in (0..keys.len()).step_by(7) {
                for wanted in [keys[at], keys[at].wrapping_add(1), keys[at].wrapping_sub(1)] {
                    check(keys, wanted);
                }
            }
            for wanted in [0, 1, u64::MAX, u64::MAX / 2, 77, 9] {
                check(keys, wanted);
            }
        }
    }

    #[test]
    fn a_hash_among_many_is_found_in_few_probes() {
        let keys: Vec<u64> = (0..100_000u64)
            .map(|n| u64::from_le_bytes(*blake3::hash(&n.to_le_bytes()).as_bytes().first_chunk().unwrap()))
            .collect();
        let mut keys = keys;
        keys.sort_unstable();
        let mut probes = 0;
        for wanted in &keys {
            let count = std::cell::Cell::new(0);
            hash_bound(keys.len(), *wanted, |at| {
                count.set(count.get() + 1);
                keys.get(at).copied()
            });
            probes += count.get();
        }
        assert!(probes < 10 * keys.len(), "{probes} probes for {} keys", keys.len());
    }
}
