//! One concept by its id, in process: `Knowledge::concept` on a view, ids in random order, each read timed by itself, the clock's
//! own time included and told. First all concepts are in the delta; then, after a checkpoint, in a segment. Reads take no lock: the
//! same reads are timed again while sixteen callers write as fast as they can, and both times are told.

use std::time::Instant;

use anyhow::Context as _;
use sutra_protocol::{ConceptId, Knowledge as _};
use sutra_storage::{Store, View};

use crate::engine;
use crate::generator::{Generator, load, note};
use crate::progress;
use crate::random::Random;
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;
use crate::statistics::Samples;

/// Callers that write while reads are timed.
const WRITERS: usize = 16;
/// More notes than are written while reads are timed once.
const NOTES: usize = 1 << 40;

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(measure(setting, recorder))
}

async fn measure(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    let (concepts, reads) = setting.scale.of((20_000, 50_000), (100_000, 500_000));
    let dir = setting.directory("point")?;
    let store = engine::open_unhurried(dir.path()).await?;
    let generator = Generator::new(setting.seed, false);
    load(&store, &generator, 0..concepts).await?;
    let ids = draw(&generator, concepts, reads, setting.seed);
    let clock = clock(reads)?;
    let delta = Reads::of(&store, &generator, &ids, 0).await?;
    delta.record("delta", 1e-6, clock, recorder)?;
    progress::step("checkpoint");
    engine::checkpoint(&store).await?;
    Reads::of(&store, &generator, &ids, NOTES).await?.record("segment", 2e-6, clock, recorder)?;
    store.close().await;
    Ok(())
}

struct Reads {
    alone: Samples,
    while_written: Samples,
}

impl Reads {
    /// Reads all ids, and again while notes from `first_note` on are written.
    async fn of(store: &Store, generator: &Generator, ids: &[ConceptId], first_note: usize) -> anyhow::Result<Self> {
        let view = engine::view(store, generator.namespace())?;
        time(&view, ids)?;
        let alone = time(&view, ids)?;
        let writers: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(write(store.clone(), first_note + writer))).collect();
        let wanted = ids.to_vec();
        let while_written = tokio::task::spawn_blocking(move || time(&view, &wanted)).await??;
        for writer in writers {
            anyhow::ensure!(!writer.is_finished(), "a writer ended before the reads");
            writer.abort();
        }
        Ok(Self { alone, while_written })
    }

    fn record(self, place: &str, bound: f64, clock: f64, recorder: &mut Recorder) -> anyhow::Result<()> {
        let [alone, written] = [self.alone.ordered()?, self.while_written.ordered()?];
        let write = |time| Unit::Seconds.write(time);
        let how = format!(
            "{} reads in random order; p99 {}; while {WRITERS} callers write p50 {}, p99 {}; of each time {} are the clock's",
            self.alone.len(),
            write(alone.p99()),
            write(written.median()),
            write(written.p99()),
            write(clock),
        );
        let what = format!("point read in process, {place}, p50");
        recorder.row(Row::new(what, Unit::Seconds, Goal::Below(bound), alone.median(), how));
        recorder.samples(format!("{place}: alone"), &self.alone);
        recorder.samples(format!("{place}: while written"), &self.while_written);
        Ok(())
    }
}

/// Writes notes, each when the last is durable, until it is aborted.
async fn write(store: Store, first: usize) -> anyhow::Result<()> {
    for number in (first..).step_by(WRITERS) {
        store.submit(note(number)).await.context("write")?;
    }
    Ok(())
}

fn draw(generator: &Generator, concepts: usize, reads: usize, seed: u64) -> Vec<ConceptId> {
    let ids: Vec<ConceptId> = (0..concepts).map(|index| generator.id(index)).collect();
    let mut random = Random::of(seed, 0x40, 0);
    (0..reads).map(|_| *random.pick(&ids)).collect()
}

fn time(view: &View, ids: &[ConceptId]) -> anyhow::Result<Samples> {
    let mut samples = Samples::with_capacity(ids.len());
    for id in ids {
        let started = Instant::now();
        let found = view.concept(*id);
        samples.time(started.elapsed());
        let found = found.with_context(|| format!("concept {id} is not there"))?;
        anyhow::ensure!(found.id == *id, "another concept was found");
    }
    Ok(samples)
}

/// What it takes to look at the clock twice.
fn clock(looks: usize) -> anyhow::Result<f64> {
    let mut samples = Samples::with_capacity(looks);
    for _ in 0..looks {
        let started = Instant::now();
        samples.time(started.elapsed());
    }
    samples.median()
}
