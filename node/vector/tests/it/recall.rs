//! How many of the true neighbours are found.

use sutra_vector::{Effort, Filter, Part, Query, Recent, Scalar};

use crate::fixture::{Embeddings, found, part, recall, shape, truth, with_graph};

const K: usize = 10;
const QUERIES: usize = 25;

/// Mean recall of `search` over some queries of the same kind as the vectors.
fn mean(texts: &mut Embeddings, vectors: &[Vec<f32>], search: impl Fn(&[f32]) -> Vec<u32>) -> f64 {
    let queries = texts.vectors(QUERIES);
    queries.iter().map(|query| recall(&truth(vectors, query, K, |_| true), &search(query))).sum::<f64>() / QUERIES as f64
}

fn sources() -> [(&'static str, Embeddings); 3] {
    [
        ("topics", Embeddings::clustered(1, 384, 12)),
        ("traits", Embeddings::with_traits(2, 384, 12, 24)),
        ("uniform", Embeddings::uniform(3, 384)),
    ]
}

#[test]
fn scanning_a_part_finds_the_true_neighbours_whatever_the_scalar() {
    for (name, mut texts) in sources() {
        let vectors = texts.vectors(2_000);
        for scalar in [Scalar::F32, Scalar::F16, Scalar::I8] {
            let part = part(shape(384, scalar), &vectors);
            let mean = mean(&mut texts, &vectors, |query| found(&part, query, K, Filter::All, Effort::Usual));
            assert!(mean >= 0.95, "{name}, {scalar}: {mean}");
        }
    }
}

#[test]
fn scanning_a_delta_finds_the_true_neighbours() {
    for (name, mut texts) in sources() {
        let vectors = texts.vectors(2_000);
        let mut recent = Recent::new(shape(384, Scalar::F16));
        for vector in &vectors {
            recent.push(vector).unwrap();
        }
        let mean = mean(&mut texts, &vectors, |query| {
            let query = Query::new(recent.shape(), query).unwrap();
            let found = recent.search(&query, K, &Filter::All, Effort::Usual).unwrap();
            found.into_iter().map(|neighbour| neighbour.ordinal).collect()
        });
        assert!(mean >= 0.99, "{name}: {mean}");
    }
}

#[test]
fn a_graph_finds_the_true_neighbours() {
    for (name, mut texts) in sources() {
        let vectors = texts.vectors(4_000);
        let part = with_graph(&part(shape(384, Scalar::F16), &vectors));
        // Where nothing is near anything, the same number of candidates finds less.
        let effort = if name == "uniform" { Effort::Candidates(512) } else { Effort::Usual };
        let mean = mean(&mut texts, &vectors, |query| found(&part, query, K, Filter::All, effort));
        assert!(mean >= 0.95, "{name}: {mean}");
    }
}

#[test]
fn more_candidates_find_more() {
    let mut texts = Embeddings::uniform(4, 384);
    let vectors = texts.vectors(4_000);
    let part = with_graph(&part(shape(384, Scalar::F16), &vectors));
    let queries = texts.vectors(QUERIES);
    let mean = |part: &Part, effort| {
        let recall_of =
            |query: &Vec<f32>| recall(&truth(&vectors, query, K, |_| true), &found(part, query, K, Filter::All, effort));
        queries.iter().map(recall_of).sum::<f64>() / QUERIES as f64
    };
    let (few, many) = (mean(&part, Effort::Candidates(44)), mean(&part, Effort::Candidates(1000)));
    assert!(few + 0.1 < many, "{few} and {many}");
    assert!(mean(&part, Effort::Exact) > 0.99);
}
