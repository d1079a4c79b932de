//! Vector search in process: `View::nearest`, k = 10, among 200,000 vectors of 384 numbers.
//!
//! The truth is an exact search over the same vectors in the same run. Questions come from the vectors' topics and are none of them.
//!
//! At rest: everything in one segment, its graph built. Under load: another store with most of the vectors in four segments, the newest
//! so much smaller that they are not merged, and of the rest as many in the delta as it holds before the engine checkpoints, while a
//! writer teaches concepts with vectors all the time; without a filter and with filters on an attribute that half, a tenth, a hundredth
//! and a thousandth of all concepts pass. What the writer adds to the truth while
//! questions are asked lies outside the searched attribute's values, so that filtered truth stays exact; without a filter, found
//! concepts of the writer's are left out on both sides.
//!
//! And while that goes on, vectors are looked for as soon as their write is acknowledged: each must be its own nearest.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sutra_protocol::command::{Command, Learn, NewConcept, Operation};
use sutra_protocol::filter::{Filter, Leaf};
use sutra_protocol::{AttributeValue, Attributes, ConceptId, Namespace};
use sutra_storage::Store;

use crate::engine;
use crate::generator::{Generator, Vectors, load};
use crate::neighbours;
use crate::process::quiet;
use crate::progress;
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;
use crate::statistics::Samples;

const K: usize = 10;
/// How many more are asked for under load, where the writer's vectors may stand among the nearest.
const SPARE: usize = 10;
/// The segments of the store under load, in parts of [`PARTS`] of all vectors: segments are merged where they are of one size.
const SEGMENTS: [usize; 4] = [15, 15, 15, 7];
/// Of the full number of vectors, what is in no segment is about what a delta holds.
const PARTS: usize = 56;
/// Concepts between two looks at the delta while it is filled.
const STEP: usize = 250;
/// A delta of this part of its budget passes for full.
const FULL: f64 = 0.9;
/// How long graphs may take.
const GRAPHS: Duration = Duration::from_secs(30 * 60);
/// Vectors that are looked for as soon as they are acknowledged.
const PROBES: usize = 200;

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(measure(setting, recorder))
}

async fn measure(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    let (count, asked) = setting.scale.of((20_000, 200), (200_000, 1_000));
    let bench = Bench::new(setting, count, asked)?;
    at_rest(setting, &bench, recorder).await?;
    under_load(setting, &bench, recorder).await
}

/// The vectors, the questions, and who is who.
struct Bench {
    generator: Generator,
    made: Vectors,
    vectors: Vec<Arc<[f32]>>,
    questions: Vec<Arc<[f32]>>,
    at: HashMap<ConceptId, usize>,
    buckets: Vec<usize>,
}

impl Bench {
    fn new(setting: &Setting, count: usize, asked: usize) -> anyhow::Result<Self> {
        progress::step(format_args!("making {count} vectors"));
        let (generator, made) = (Generator::new(setting.seed, true), Vectors::new(setting.seed));
        Ok(Self {
            vectors: (0..count).map(|index| made.of(index)).collect(),
            questions: (0..asked).map(|index| made.question(index)).collect(),
            at: (0..count).map(|index| (generator.id(index), index)).collect(),
            buckets: (0..count).map(|index| generator.bucket(index)).collect(),
            generator,
            made,
        })
    }

    /// The true neighbours among the first `loaded` vectors, those of a bucket below `bound`.
    fn truth(&self, asked: usize, loaded: usize, bound: usize) -> anyhow::Result<Vec<Vec<usize>>> {
        neighbours::exact(&self.vectors[..loaded], &self.questions[..asked], K, |at| self.buckets[at] < bound)
    }

    /// Asks the questions; gives the times and the positions found, without those that are not the bench's own.
    fn ask(&self, store: &Store, asked: usize, k: usize, filter: Option<&Filter>) -> anyhow::Result<(Samples, Vec<Vec<usize>>)> {
        let (mut times, mut found) = (Samples::with_capacity(asked), Vec::with_capacity(asked));
        for question in &self.questions[..asked] {
            let started = Instant::now();
            let view = engine::view(store, self.generator.namespace())?;
            let nearest = engine::nearest(&view, question, k, filter)?;
            times.time(started.elapsed());
            let distinct: HashSet<ConceptId> = nearest.iter().copied().collect();
            anyhow::ensure!(distinct.len() == nearest.len(), "a search found a concept twice");
            found.push(nearest.iter().filter_map(|id| self.at.get(id).copied()).take(K).collect());
        }
        Ok((times, found))
    }
}

async fn at_rest(setting: &Setting, bench: &Bench, recorder: &mut Recorder) -> anyhow::Result<()> {
    let dir = setting.directory("vectors")?;
    let store = engine::open(dir.path()).await?;
    let count = bench.vectors.len();
    progress::step(format_args!("loading {count} concepts"));
    load(&store, &bench.generator, 0..count).await?;
    engine::checkpoint(&store).await?;
    engine::compact(&store).await?;
    let built = Instant::now();
    graphs_built().await?;
    let built = built.elapsed();
    let inserts = store.stats().graph_inserts as f64 / count as f64;
    let truth = bench.truth(bench.questions.len(), count, usize::MAX)?;
    // Once for the cache.
    bench.ask(&store, bench.questions.len().min(100), K, None)?;
    let (times, found) = bench.ask(&store, bench.questions.len(), K, None)?;
    let (sorted, recall) = (times.ordered()?, neighbours::recall(&found, &truth));
    let asked = bench.questions.len();
    let how = format!("{count} × 384, one segment, {asked} questions, against an exact search");
    recorder.row(Row::new("vector search at rest: recall@10", Unit::Share, Goal::AtLeast(0.95), recall, how));
    let how = format!(
        "{asked} questions one after another; p95 {}, p99 {}; graphs were ready within {} of the merge",
        Unit::Seconds.write(sorted.p95()),
        Unit::Seconds.write(sorted.p99()),
        Unit::Seconds.write(built.as_secs_f64()),
    );
    recorder.row(Row::new("vector search at rest: p50", Unit::Seconds, Goal::Below(1e-3), sorted.median(), how));
    let how = format!(
        "{count} vectors loaded at full speed, merged as the engine does, and at last into one; those of graphs that were given up too"
    );
    recorder.row(Row::new("vectors put into graphs, per vector", Unit::Ratio, Goal::AtMost(3.0), inserts, how));
    recorder.samples("at rest", &times);
    store.close().await;
    Ok(())
}

async fn under_load(setting: &Setting, bench: &Bench, recorder: &mut Recorder) -> anyhow::Result<()> {
    let dir = setting.directory("vectors-load")?;
    let store = engine::open_unhurried(dir.path()).await?;
    let count = bench.vectors.len();
    let mut loaded = 0;
    for (number, parts) in SEGMENTS.into_iter().enumerate() {
        progress::step(format_args!("segment {} of {}", number + 1, SEGMENTS.len()));
        let end = loaded + count * parts / PARTS;
        load(&store, &bench.generator, loaded..end).await?;
        engine::checkpoint(&store).await?;
        loaded = end;
    }
    graphs_built().await?;
    store.close().await;
    drop(store);
    let store = engine::open(dir.path()).await?;
    let stored = loaded;
    while loaded + STEP <= count && engine::tail(&store).delta < FULL {
        load(&store, &bench.generator, loaded..loaded + STEP).await?;
        loaded += STEP;
    }
    let (segments, delta) = (engine::segments(&store), loaded - stored);
    anyhow::ensure!(segments == SEGMENTS.len() as u64, "there are {segments} segments, and there should be {}", SEGMENTS.len());
    let over = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(ingest(store.clone(), bench.made.clone(), Arc::clone(&over)));
    let asked = bench.questions.len() / 2;
    // Thousandths of all concepts that pass.
    for (name, bound) in [("no filter", None), ("50 %", Some(500)), ("10 %", Some(100)), ("1 %", Some(10)), ("0.1 %", Some(1))] {
        let filter = bound.map(below);
        let truth = bench.truth(asked, loaded, bound.unwrap_or(usize::MAX))?;
        bench.ask(&store, 50.min(asked), K + SPARE, filter.as_ref())?;
        let (times, found) = bench.ask(&store, asked, K + SPARE, filter.as_ref())?;
        let (sorted, recall) = (times.ordered()?, neighbours::recall(&found, &truth));
        let how = format!(
            "{segments} segments, {delta} vectors in the delta, ingest running, {asked} questions; recall@10 {}; p95 {}, p99 {}",
            Unit::Share.write(recall),
            Unit::Seconds.write(sorted.p95()),
            Unit::Seconds.write(sorted.p99()),
        );
        let what = format!("vector search under load, {name}: p50");
        recorder.row(Row::new(what, Unit::Seconds, Goal::Below(3e-3), sorted.median(), how));
        let what = format!("– recall@10, {name}");
        recorder.row(Row::new(what, Unit::Share, Goal::AtLeast(0.95), recall, "of the same questions"));
        recorder.samples(format!("under load, {name}"), &times);
        anyhow::ensure!(!writer.is_finished(), "the ingest ended before the questions");
    }
    just_acknowledged(&store, bench, recorder).await?;
    over.store(true, Ordering::Relaxed);
    let written = writer.await??;
    progress::step(format_args!("{written} vectors were ingested meanwhile"));
    store.close().await;
    Ok(())
}

/// Looks for vectors as soon as their write is acknowledged.
async fn just_acknowledged(store: &Store, bench: &Bench, recorder: &mut Recorder) -> anyhow::Result<()> {
    let mut found = 0;
    for probe in 0..PROBES {
        let vector = bench.made.question(1_000_000 + probe);
        let concept = taught(&format!("Probe {probe}"), Arc::clone(&vector));
        let id = concept.id;
        submit(store, concept).await?;
        let view = engine::view(store, bench.generator.namespace())?;
        found += usize::from(engine::nearest(&view, &vector, 1, None)? == [id]);
    }
    let how = format!("{found} of {PROBES} were their own nearest in a view taken after the acknowledgement, ingest running");
    let share = found as f64 / PROBES as f64;
    recorder.row(Row::new("– a just-acknowledged vector is found", Unit::Share, Goal::AtLeast(1.0), share, how));
    Ok(())
}

/// Waits until our own process, which the engine is in, has nothing to do any more.
async fn graphs_built() -> anyhow::Result<()> {
    progress::step("waiting for graphs");
    tokio::task::spawn_blocking(|| quiet(std::process::id(), GRAPHS)).await?
}

/// Concepts of a bucket below `bound`.
fn below(bound: usize) -> Filter {
    Filter::Leaf(Leaf { field: "attributes.bucket".into(), lt: Some(AttributeValue::Integer(bound as i64)), ..Leaf::default() })
}

/// Teaches concepts with vectors, one after another, until it is over.
async fn ingest(store: Store, made: Vectors, over: Arc<AtomicBool>) -> anyhow::Result<usize> {
    let mut written = 0;
    while !over.load(Ordering::Relaxed) {
        let concept = taught(&format!("Ingested {written}"), made.question(2_000_000 + written));
        submit(&store, concept).await?;
        written += 1;
        // The load of a busy ward, not of a benchmark: the questions are what is measured.
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    Ok(written)
}

/// A concept outside every filter.
fn taught(content: &str, vector: Arc<[f32]>) -> NewConcept {
    let mut concept = NewConcept::bare(&Namespace::default(), content, None);
    concept.attributes = Attributes::from([("bucket".to_owned(), AttributeValue::Integer(1_000_000))]);
    concept.vector = Some(vector);
    concept
}

async fn submit(store: &Store, concept: NewConcept) -> anyhow::Result<()> {
    let learn = Learn { concept, on_conflict: None, targets: Vec::new(), associations: Vec::new() };
    let operations = vec![Operation::Learn(Box::new(learn))];
    let command =
        Command { namespace: Namespace::default(), asserted_by: "ward 7".into(), request: None, operations, foreign: Vec::new() };
    let applied = store.submit(command).await.context("write")?;
    match applied.outcomes.into_iter().find_map(Result::err) {
        Some(refused) => Err(refused.into()),
        None => Ok(()),
    }
}
