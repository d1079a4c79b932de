//! Measures searching, with tables for the design: `cargo run --release -p sutra-vector --example measure -- COUNT DATA KIND…`, where
//! DATA is `clustered`, `traits` or `uniform`, and KIND is `scan`, `parts`, `filter` or a graph, `CONNECTIVITY,EXPANSION_ADD`.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, reason = "a tool for its authors")]
#![allow(missing_docs, dead_code, reason = "the fixture is the tests' too")]

#[path = "../tests/it/fixture.rs"]
mod fixture;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fixture::{Embeddings, Random, recall, shape};
use sutra_disk::{Bytes, RealDisk};
use sutra_vector::{Effort, Expected, Filter, Graph, GraphConfig, Ordinals, Part, Query, Recent, Scalar, Shape, build, merge};

const K: usize = 10;
const DIMENSION: usize = 384;
const QUERIES: usize = 300;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let count: usize = arguments.next().map_or(200_000, |count| count.parse().expect("a count"));
    let data = arguments.next().unwrap_or_else(|| "clustered".to_owned());
    let mut texts = match data.as_str() {
        "uniform" => Embeddings::uniform(7, DIMENSION),
        "traits" => Embeddings::with_traits(7, DIMENSION, count / 200, 32),
        _ => Embeddings::clustered(7, DIMENSION, count / 200),
    };
    println!("{count} × {DIMENSION}, {data}, k = {K}");
    let corpus = Corpus::new(&mut texts, count);
    for kind in arguments {
        match kind.as_str() {
            "scan" => scan(&mut texts),
            "parts" => parts(&mut texts, &corpus),
            graph => graphs(&corpus, graph),
        }
    }
}

/// Vectors and the true neighbours of some queries among them.
struct Corpus {
    part: Part,
    queries: Vec<Vec<f32>>,
}

impl Corpus {
    fn new(texts: &mut Embeddings, count: usize) -> Self {
        let shape = shape(DIMENSION, Scalar::F16);
        let part = part(shape, texts, count);
        Self { part, queries: texts.vectors(QUERIES) }
    }

    fn prepared(&self) -> Vec<Query> {
        self.queries.iter().map(|query| Query::new(self.part.shape(), query).unwrap()).collect()
    }
}

fn part(shape: Shape, texts: &mut Embeddings, count: usize) -> Part {
    let mut bytes = Vec::with_capacity(count * shape.stride());
    for _ in 0..count {
        shape.encode(&texts.vector(), &mut bytes).unwrap();
    }
    let len = bytes.len();
    // As a mapped file would be, and not copied.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vectors");
    std::fs::write(&path, bytes).unwrap();
    let bytes: Bytes = sutra_disk::Disk::map(&RealDisk, &path).unwrap();
    Part::new(shape, bytes, 0..len, u32::try_from(count).unwrap()).unwrap()
}

/// Medians by the clock and by the processor's time, which is what the clock would show on an idle machine; what each call returned.
fn timed<T>(queries: &[Query], mut search: impl FnMut(&Query) -> T) -> (Duration, Duration, Vec<T>) {
    for query in queries.iter().take(30) {
        search(query);
    }
    let (mut clock, mut busy, mut found) = (Vec::new(), Vec::new(), Vec::new());
    for query in queries {
        let (begin, before) = (Instant::now(), processor());
        found.push(search(query));
        busy.push(processor().saturating_sub(before));
        clock.push(begin.elapsed());
    }
    clock.sort();
    busy.sort();
    (clock[clock.len() / 2], busy[busy.len() / 2], found)
}

fn ordinals(part: &Part, query: &Query, filter: Filter<'_>, effort: Effort) -> Vec<u32> {
    part.search(query, K, &filter, effort).unwrap().into_iter().map(|found| found.ordinal).collect()
}

fn mean_recall(truth: &[Vec<u32>], found: &[Vec<u32>]) -> f64 {
    truth.iter().zip(found).map(|(truth, found)| recall(truth, found)).sum::<f64>() / truth.len() as f64
}

fn with_graph(part: &Part, config: &GraphConfig) -> Part {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("part.graph");
    let before = processor();
    let built = build(&RealDisk, &path, part, config, &mut |_| ControlFlow::Continue(())).unwrap();
    let building = processor().saturating_sub(before);
    let expected = Expected { shape: part.shape(), count: part.len(), checksum: Some(built.checksum) };
    let begin = Instant::now();
    let graph = Graph::open(&RealDisk, &path, &expected).unwrap();
    println!(
        "graph of {}: connectivity {}, expansion {}; built in {:.1} s of a processor, {} inserts, {} bytes a vector, opened in {:.0} ms, {} MiB of memory",
        part.len(),
        config.connectivity,
        config.expansion_add,
        building.as_secs_f64(),
        built.inserts,
        built.bytes / u64::from(part.len()),
        begin.elapsed().as_secs_f64() * 1e3,
        graph.memory() >> 20,
    );
    part.with_graph(Arc::new(graph)).unwrap()
}

/// Time that this thread has had of a processor, which others do not lengthen as much as they do the clock's.
fn processor() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

fn row(name: &str, clock: Duration, busy: Duration, recall: f64) {
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!("  {name:<28} p50 {:>8.1} µs, of a processor {:>8.1} µs; recall {recall:.4}", micros(clock), micros(busy));
}

fn scan(texts: &mut Embeddings) {
    for count in [1_000_usize, 2_000, 15_000, 20_000, 80_000] {
        let shape = shape(DIMENSION, Scalar::F16);
        let mut recent = Recent::new(shape);
        let vectors = texts.vectors(count);
        let before = processor();
        for vector in &vectors {
            recent.push(vector).unwrap();
        }
        let pushing = processor().saturating_sub(before);
        let queries: Vec<Query> = texts.vectors(100).iter().map(|query| Query::new(shape, query).unwrap()).collect();
        let of = |recent: &Recent, query: &Query, effort| -> Vec<u32> {
            recent.search(query, K, &Filter::All, effort).unwrap().into_iter().map(|found| found.ordinal).collect()
        };
        let (_, exact, truth) = timed(&queries, |query| of(&recent, query, Effort::Exact));
        let (clock, busy, found) = timed(&queries, |query| of(&recent, query, Effort::Usual));
        row(&format!("delta of {count}"), clock, busy, mean_recall(&truth, &found));
        println!(
            "    {:.1} ns a vector; as stored {:.1}; appending one {:.1} µs; {} bytes each",
            busy.as_secs_f64() * 1e9 / count as f64,
            exact.as_secs_f64() * 1e9 / count as f64,
            pushing.as_secs_f64() * 1e6 / count as f64,
            recent.bytes() / count
        );
    }
}

fn graphs(corpus: &Corpus, graph: &str) {
    let (connectivity, expansion_add) = graph.split_once(',').expect("CONNECTIVITY,EXPANSION_ADD");
    let config = GraphConfig {
        connectivity: connectivity.parse().unwrap(),
        expansion_add: expansion_add.parse().unwrap(),
        ..GraphConfig::default()
    };
    let part = with_graph(&corpus.part, &config);
    let queries = corpus.prepared();
    let (clock, busy, truth) = timed(&queries[..100], |query| ordinals(&part, query, Filter::All, Effort::Exact));
    row("every vector as stored", clock, busy, 1.0);
    for candidates in [44, 64, 96, 128, 192, 256, 512] {
        let (clock, busy, found) = timed(&queries, |query| ordinals(&part, query, Filter::All, Effort::Candidates(candidates)));
        row(&format!("{candidates} candidates"), clock, busy, mean_recall(&truth, &found[..100]));
    }
    for per_mille in [900, 500, 300, 200, 150, 100, 50, 10, 5, 1] {
        let mut random = Random(per_mille);
        let set: Ordinals = (0..part.len()).filter(|_| random.below(1000) < per_mille as usize).collect();
        let truth: Vec<_> = queries.iter().map(|query| ordinals(&part, query, Filter::Among(&set), Effort::Exact)).collect();
        let (clock, busy, found) = timed(&queries, |query| ordinals(&part, query, Filter::Among(&set), Effort::Usual));
        row(&format!("{per_mille} ‰ in a set"), clock, busy, mean_recall(&truth, &found));
        let test = |ordinal| set.contains(ordinal);
        let (clock, busy, found) = timed(&queries, |query| ordinals(&part, query, Filter::Each(&test), Effort::Usual));
        row(&format!("{per_mille} ‰ by a test"), clock, busy, mean_recall(&truth, &found));
    }
}

/// Three parts with graphs, a fresh one of 15,000 and a delta of 20,000, that together are `corpus` large.
fn parts(texts: &mut Embeddings, corpus: &Corpus) {
    let shape = corpus.part.shape();
    let third = (corpus.part.len() as usize - 35_000) / 3;
    let mut parts: Vec<Part> = (0..3).map(|_| with_graph(&part(shape, texts, third), &GraphConfig::default())).collect();
    parts.push(part(shape, texts, 15_000));
    parts[3].warm();
    let mut recent = Recent::new(shape);
    for vector in texts.vectors(20_000) {
        recent.push(&vector).unwrap();
    }
    for per_mille in [1000, 500, 100, 10, 1] {
        let mut random = Random(per_mille);
        let mut set = |count: u32| -> Ordinals { (0..count).filter(|_| random.below(1000) < per_mille as usize).collect() };
        let sets: Vec<Ordinals> = parts.iter().map(|part| set(part.len())).collect();
        let delta = set(recent.len());
        let all = |query: &Query, effort: Effort| -> Vec<u32> {
            let filter = |set| if per_mille == 1000 { Filter::All } else { Filter::Among(set) };
            let mut lists: Vec<_> = parts
                .iter()
                .enumerate()
                .map(|(index, part)| (index, part.search(query, K, &filter(&sets[index]), effort).unwrap()))
                .collect();
            lists.push((4, recent.search(query, K, &filter(&delta), effort).unwrap()));
            merge(lists, K).into_iter().map(|(part, found)| part as u32 * 1_000_000 + found.ordinal).collect()
        };
        let queries = corpus.prepared();
        let truth: Vec<_> = queries.iter().map(|query| all(query, Effort::Exact)).collect();
        let (clock, busy, found) = timed(&queries, |query| all(query, Effort::Usual));
        row(&format!("five parts, {per_mille} ‰"), clock, busy, mean_recall(&truth, &found));
    }
}
