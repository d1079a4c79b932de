//! WordNet in process: two hops, and typed paths from both ends.
//!
//! A neighbourhood is everything that two calls of `Knowledge::expand` find from a random concept, in both directions, each concept
//! once. A path is looked for by `find_paths` among hierarchical associations only, at most six hops, from both ends: between a
//! concept and one that stands two to five hypernyms above it, and, told beside it, between any two nouns.

use std::collections::HashSet;
use std::time::Instant;

use sutra_protocol::{AssociationFilter, AssociationType, ConceptId, Direction, Knowledge, Namespace};
use sutra_reasoning::{Budget, PathQuery, find_paths};
use sutra_storage::View;

use crate::engine;
use crate::random::Random;
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;
use crate::statistics::Samples;
use crate::wordnet::{self, Pairs};

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(measure(setting, recorder))
}

async fn measure(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    let questions = setting.scale.of(2_000, 20_000);
    let synsets = wordnet::read(setting.wordnet()?)?;
    let dir = setting.directory("walk")?;
    let store = engine::open(dir.path()).await?;
    wordnet::teach(&store, &synsets).await?;
    engine::checkpoint(&store).await?;
    let place = "from a segment";
    let view = engine::view(&store, &Namespace::default())?;
    let mut pairs = Pairs::new(&synsets, setting.seed)?;

    let starts: Vec<ConceptId> = (0..questions).map(|_| pairs.one()).collect();
    let (two_hops, found) = time(&starts, |start| neighbourhood(&view, start));
    let mean = found as f64 / questions as f64;
    record(
        recorder,
        "WordNet in process: 2-hop neighbourhood, p50",
        Goal::Below(100e-6),
        &two_hops,
        &format!("{place}; {mean:.0} concepts on average"),
    )?;

    let mut ups = Random::of(setting.seed, 0x50, 0);
    let related: Vec<[ConceptId; 2]> = (0..questions).map(|_| pairs.ancestor(2 + ups.below(4))).collect();
    let (paths, reached) = time(&related, |pair| usize::from(path(&view, pair)));
    anyhow::ensure!(reached == questions, "{} paths up the hierarchy were not found", questions - reached);
    let how = format!("{place}; hierarchical, 2 to 5 hypernyms apart");
    record(recorder, "WordNet in process: typed bidirectional path, p50", Goal::Below(1e-3), &paths, &how)?;

    let any: Vec<[ConceptId; 2]> = (0..questions / 4).map(|_| pairs.random()).collect();
    let asked = any.len();
    let (paths, reached) = time(&any, |pair| usize::from(path(&view, pair)));
    let how = format!("{place}; hierarchical, random pairs, depth 6; {reached} of {asked} have one");
    record(recorder, "– between random concepts", Goal::None, &paths, &how)?;
    store.close().await;
    Ok(())
}

fn record(recorder: &mut Recorder, what: &str, goal: Goal, times: &Samples, how: &str) -> anyhow::Result<()> {
    let sorted = times.ordered()?;
    let [p95, p99] = [sorted.p95(), sorted.p99()].map(|time| Unit::Seconds.write(time));
    let how = format!("{how}; {} questions; p95 {p95}, p99 {p99}", times.len());
    recorder.row(Row::new(what, Unit::Seconds, goal, sorted.median(), how));
    recorder.samples(what, times);
    Ok(())
}

/// The time of each question, and the sum of the answers.
fn time<T: Copy>(questions: &[T], mut ask: impl FnMut(T) -> usize) -> (Samples, usize) {
    // A tenth of them once before: the first questions fault pages in.
    for question in &questions[..questions.len() / 10] {
        std::hint::black_box(ask(*question));
    }
    let (mut samples, mut sum) = (Samples::with_capacity(questions.len()), 0);
    for question in questions {
        let started = Instant::now();
        let answer = ask(*question);
        samples.time(started.elapsed());
        sum += answer;
    }
    (samples, sum)
}

/// How many concepts are at most two hops away.
fn neighbourhood(view: &View, start: ConceptId) -> usize {
    let everything = AssociationFilter::default();
    let mut seen = HashSet::from([start]);
    let mut frontier = vec![start];
    for _ in 0..2 {
        let steps = view.expand(&frontier, Direction::Both, &everything);
        frontier = steps.iter().flatten().map(sutra_protocol::Step::to).filter(|id| seen.insert(*id)).collect();
    }
    seen.len() - 1
}

fn path(view: &dyn Knowledge, [start, end]: [ConceptId; 2]) -> bool {
    let query = PathQuery {
        filter: AssociationFilter { types: vec![AssociationType::Hierarchical], ..AssociationFilter::default() },
        ..PathQuery::default()
    };
    let never = || false;
    !find_paths(view, start, end, &query, &Budget::until(&never)).paths.is_empty()
}
