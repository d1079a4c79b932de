//! However documents are spread, a search finds what the reference finds.

use proptest::prelude::*;

use crate::corpus::{Seeded, corpus};
use crate::reference::{self, Asked};
use crate::spread::Spread;

/// Compares a few queries on a corpus that is cut in different ways.
fn compare(seed: u64, documents: usize, queries: usize) {
    let corpus = corpus(seed, documents);
    let mut seeded = Seeded(!seed);
    let mut cuts: Vec<usize> = (0..seeded.below(4)).map(|_| seeded.below(documents + 1)).collect();
    cuts.sort_unstable();
    let spreads = [Spread::new(&corpus, &cuts), Spread::new(&corpus, &[documents]), Spread::new(&corpus, &[])];
    for _ in 0..queries {
        let asked: Vec<_> = (0..1 + seeded.below(4)).map(|_| Asked::any(&mut seeded)).collect();
        let query = asked.iter().map(Asked::written).collect::<Vec<_>>().join(" ");
        let k = [1, 3, 10, documents][seeded.below(4)];
        let modulus = 1 + seeded.below(3) as u32;
        let accept = |ordinal: u32| ordinal.is_multiple_of(modulus);
        let mut expected = reference::search(&corpus, &asked);
        expected.retain(|(ordinal, _)| accept(*ordinal));
        let all = expected.clone();
        expected.truncate(k);
        let [found, whole, recent] = spreads.each_ref().map(|spread| spread.search(&query, k, accept));
        let case = format!("seed {seed}, {documents} documents, cut at {cuts:?}, best {k} of {query}, every {modulus}");
        assert_eq!(found, whole, "a score depends on the spread: {case}");
        assert_eq!(found, recent, "a score depends on the kind of index: {case}");
        assert_eq!(found.len(), expected.len(), "{case}");
        for (at, (hit, (_, score))) in found.iter().zip(&expected).enumerate() {
            // The reference adds up in another order, so equal scores may differ in the last bit and stand in another order.
            assert!((hit.score - score).abs() < 1e-12, "hit {at}: {hit:?} for {score}: {case}");
            let own = all.iter().find(|(ordinal, _)| *ordinal == hit.ordinal).map(|(_, score)| *score);
            assert!(own.is_some_and(|own| (hit.score - own).abs() < 1e-12), "hit {at}: {hit:?} for {own:?}: {case}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn small_indexes_find_what_the_reference_finds(seed: u64, documents in 0_usize..80) {
        compare(seed, documents, 12);
    }
}

#[test]
fn lists_of_many_blocks_find_what_the_reference_finds() {
    for seed in 0..4 {
        compare(seed, 3_000, 10);
    }
}
