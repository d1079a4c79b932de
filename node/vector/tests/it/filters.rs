//! What may be found, and what may not.

use sutra_vector::{Effort, Filter, Neighbour, Ordinals, Part, Query, Recent, Scalar, ShapeError};

use crate::fixture::{Embeddings, Random, found, part, shape, truth, with_graph};

const DIMENSION: usize = 48;
const COUNT: u32 = 4_000;

struct Everywhere {
    vectors: Vec<Vec<f32>>,
    queries: Vec<Vec<f32>>,
    plain: Part,
    graph: Part,
    recent: Recent,
}

impl Everywhere {
    fn new() -> Self {
        let mut texts = Embeddings::clustered(11, DIMENSION, 20);
        let vectors = texts.vectors(COUNT as usize);
        let shape = shape(DIMENSION, Scalar::F16);
        let plain = part(shape, &vectors);
        let mut recent = Recent::new(shape);
        for vector in &vectors {
            recent.push(vector).unwrap();
        }
        Self { queries: texts.vectors(10), graph: with_graph(&plain), plain, recent, vectors }
    }

    /// The same search of a part without a graph, one with, and a delta.
    fn search(&self, query: &[f32], k: usize, filter: Filter<'_>, effort: Effort) -> [Vec<Neighbour>; 3] {
        let query = Query::new(self.plain.shape(), query).unwrap();
        [
            self.plain.search(&query, k, &filter, effort).unwrap(),
            self.graph.search(&query, k, &filter, effort).unwrap(),
            self.recent.search(&query, k, &filter, effort).unwrap(),
        ]
    }
}

fn some(seed: u64, per_mille: usize) -> Ordinals {
    let mut random = Random(seed);
    (0..COUNT).filter(|_| random.below(1000) < per_mille).collect()
}

fn ordinals(found: &[Neighbour]) -> Vec<u32> {
    found.iter().map(|neighbour| neighbour.ordinal).collect()
}

#[test]
fn only_what_passes_is_found_and_k_where_k_pass() {
    let everywhere = Everywhere::new();
    for (seed, per_mille) in [(1, 900), (2, 500), (3, 250), (4, 190), (5, 100), (6, 20), (7, 2), (8, 1), (9, 0)] {
        let set = some(seed, per_mille);
        let test = |ordinal| set.contains(ordinal);
        for query in &everywhere.queries {
            for k in [1, 10, 300] {
                for filter in [Filter::Among(&set), Filter::Each(&test)] {
                    for effort in [Effort::Usual, Effort::Candidates(300), Effort::Exact] {
                        for found in everywhere.search(query, k, filter, effort) {
                            assert_eq!(found.len(), k.min(set.len() as usize), "{per_mille} ‰, {k}, {filter:?}");
                            assert!(found.iter().all(|neighbour| set.contains(neighbour.ordinal)));
                            assert!(found.is_sorted_by(|a, b| (b.similarity, a.ordinal) < (a.similarity, b.ordinal)));
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn what_few_pass_is_found_exactly() {
    let everywhere = Everywhere::new();
    let set = some(21, 100);
    for query in &everywhere.queries {
        // In f32, of the vectors as they are stored, by other code.
        let stored: Vec<_> = (0..COUNT).map(|ordinal| everywhere.plain.vector(ordinal).unwrap()).collect();
        let expected = truth(&stored, query, 10, |ordinal| set.contains(ordinal));
        for found in everywhere.search(query, 10, Filter::Among(&set), Effort::Usual) {
            assert_eq!(ordinals(&found), expected);
        }
        let expected = truth(&stored, query, 10, |_| true);
        for found in everywhere.search(query, 10, Filter::All, Effort::Exact) {
            assert_eq!(ordinals(&found), expected);
        }
    }
}

#[test]
fn codes_in_a_graphs_file_are_those_that_a_part_computes() {
    let everywhere = Everywhere::new();
    // More than are compared as stored, fewer than are followed.
    let set = some(31, 180);
    assert!((513..COUNT / 5).contains(&set.len()));
    for query in &everywhere.queries {
        let [plain, graph, recent] = everywhere.search(query, 50, Filter::Among(&set), Effort::Usual);
        assert_eq!(plain, graph);
        assert_eq!(plain, recent);
    }
}

#[test]
fn what_was_deleted_is_not_found_even_by_itself() {
    let everywhere = Everywhere::new();
    for deleted in (0..COUNT).step_by(97) {
        let live = |ordinal| ordinal != deleted;
        let query = &everywhere.vectors[deleted as usize];
        for (with, without) in everywhere.search(query, 10, Filter::All, Effort::Usual).iter().zip(everywhere.search(
            query,
            10,
            Filter::Each(&live),
            Effort::Usual,
        )) {
            assert_eq!((with[0].ordinal, without.len()), (deleted, 10));
            assert!(without.iter().all(|neighbour| neighbour.ordinal != deleted));
        }
    }
}

#[test]
fn a_filter_whose_few_lie_far_away_is_still_answered() {
    let everywhere = Everywhere::new();
    let query = &everywhere.queries[0];
    // Everything but the nearest thousand: the graph's first candidates all fail.
    let near = truth(&everywhere.vectors, query, 1000, |_| true);
    let far: Ordinals = (0..COUNT).filter(|ordinal| !near.contains(ordinal)).collect();
    let test = |ordinal| far.contains(ordinal);
    let expected = truth(&everywhere.vectors, query, 10, |ordinal| far.contains(ordinal));
    for filter in [Filter::Among(&far), Filter::Each(&test)] {
        for found in everywhere.search(query, 10, filter, Effort::Usual) {
            let missed = expected.iter().filter(|ordinal| !ordinals(&found).contains(ordinal)).count();
            assert!(missed <= 2, "{filter:?}: {missed} missed");
        }
    }
}

#[test]
fn ordinals_that_no_vector_has_pass_nothing() {
    let everywhere = Everywhere::new();
    let beyond: Ordinals = (COUNT - 3..COUNT + 5_000).collect();
    for found in everywhere.search(&everywhere.queries[0], 10, Filter::Among(&beyond), Effort::Usual) {
        let mut found = ordinals(&found);
        found.sort_unstable();
        assert_eq!(found, [COUNT - 3, COUNT - 2, COUNT - 1]);
    }
}

#[test]
fn more_than_there_are_is_all_there_are() {
    let mut texts = Embeddings::clustered(12, DIMENSION, 5);
    let vectors = texts.vectors(700);
    let plain = part(shape(DIMENSION, Scalar::F16), &vectors);
    for part in [&plain, &with_graph(&plain)] {
        let mut all = found(part, &vectors[0], usize::MAX, Filter::All, Effort::Candidates(u32::MAX));
        all.sort_unstable();
        assert_eq!(all, (0..700).collect::<Vec<_>>());
        assert!(found(part, &vectors[0], 0, Filter::All, Effort::Usual).is_empty());
    }
}

#[test]
fn a_query_without_direction_finds_the_first_that_pass() {
    let everywhere = Everywhere::new();
    let odd = |ordinal: u32| ordinal % 2 == 1;
    let set: Ordinals = (0..COUNT).filter(|ordinal| odd(*ordinal)).collect();
    for filter in [Filter::Among(&set), Filter::Each(&odd)] {
        for found in everywhere.search(&[0.0; DIMENSION], 3, filter, Effort::Usual) {
            assert_eq!(found, [1, 3, 5].map(|ordinal| Neighbour { ordinal, similarity: 0.0 }));
        }
    }
}

#[test]
fn zero_vectors_have_similarity_0_and_hide_nothing() {
    let mut texts = Embeddings::clustered(13, DIMENSION, 5);
    let mut vectors = texts.vectors(1_500);
    for ordinal in (0..1_500).step_by(3) {
        vectors[ordinal] = vec![0.0; DIMENSION];
    }
    let plain = part(shape(DIMENSION, Scalar::F16), &vectors);
    let query = vectors[1].clone();
    let expected = truth(&vectors, &query, 10, |_| true);
    for part in [&plain, &with_graph(&plain)] {
        let found = found(part, &query, 10, Filter::All, Effort::Usual);
        assert_eq!(found[0], 1);
        assert!(expected.iter().filter(|ordinal| found.contains(ordinal)).count() >= 9);
        let zeroes: Ordinals = (0..1_500).step_by(3).collect();
        let query = Query::new(part.shape(), &query).unwrap();
        for neighbour in part.search(&query, 600, &Filter::Among(&zeroes), Effort::Usual).unwrap() {
            assert_eq!(neighbour.similarity, 0.0);
        }
    }
}

#[test]
fn a_query_of_another_dimension_is_refused() {
    let everywhere = Everywhere::new();
    let other = Query::new(shape(3, Scalar::F16), &[1.0; 3]).unwrap();
    let refused = Err(ShapeError::Length { expected: 48, found: 3 });
    assert_eq!(everywhere.graph.search(&other, 1, &Filter::All, Effort::Usual), refused);
    assert_eq!(everywhere.recent.search(&other, 1, &Filter::All, Effort::Usual), refused);
}
