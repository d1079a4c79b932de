//! What checkpoints and compaction do to a load at full speed, and to reads.
//!
//! On a store that already holds concepts with vectors, 64 callers teach one concept at a time, each waiting until it is durable,
//! while a reader asks for a random concept and what it is associated with, 1,000 times a second. First the engine keeps everything
//! in memory, so that they are alone; then it is opened as a node opens it, and told to checkpoint every three seconds and to compact
//! after every second checkpoint. "Unaffected" is read as: at most a quarter slower.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sutra_protocol::{ConceptId, Direction, Knowledge as _, Namespace};
use sutra_storage::Store;
use tokio::task::JoinHandle;

use crate::engine;
use crate::generator::{Generator, load, note};
use crate::process::pause;
use crate::progress;
use crate::random::Random;
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;
use crate::statistics::Samples;

const CALLERS: usize = 64;
/// Between two reads.
const READ_EVERY: Duration = Duration::from_millis(1);
/// Between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(3);

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(measure(setting, recorder))
}

async fn measure(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    let (concepts, seconds) = setting.scale.of((10_000, 8), (200_000, 45));
    let dir = setting.directory("interference")?;
    let store = engine::open_unhurried(dir.path()).await?;
    let generator = Generator::new(setting.seed, true);
    progress::step(format_args!("loading {concepts} concepts"));
    load(&store, &generator, 0..concepts).await?;
    engine::checkpoint(&store).await?;
    engine::compact(&store).await?;
    let ids: Arc<[ConceptId]> = (0..concepts).map(|index| generator.id(index)).collect();

    let load = Load { ids, next: Arc::default(), time: Duration::from_secs(seconds) };
    progress::step("a load without checkpoints");
    let alone = load.run(&store).await?;
    store.close().await;
    drop(store);
    progress::step("the same load with checkpoints and compaction");
    let store = engine::open(dir.path()).await?;
    let over = Arc::new(AtomicBool::new(false));
    let disturbing = tokio::spawn(disturb(store.clone(), Arc::clone(&over)));
    let disturbed = load.run(&store).await?;
    over.store(true, Ordering::Relaxed);
    let done = disturbing.await??;
    let told = format!("{} checkpoints and {} compactions in {seconds} s; {CALLERS} callers", done.checkpoints, done.compactions);
    record(&alone, &disturbed, &told, recorder)?;
    store.close().await;
    Ok(())
}

fn record(alone: &Measured, disturbed: &Measured, told: &str, recorder: &mut Recorder) -> anyhow::Result<()> {
    let time = |time| Unit::Seconds.write(time);
    let [writes, quiet] = [disturbed.writes.ordered()?, alone.writes.ordered()?];
    let how = format!(
        "{told}; {} writes, p50 {}, p99 {}, slowest {}; without: {} writes, p50 {}, p99 {}",
        disturbed.writes.len(),
        time(writes.median()),
        time(writes.p99()),
        time(writes.max()),
        alone.writes.len(),
        time(quiet.median()),
        time(quiet.p99()),
    );
    let ratio = writes.p99() / writes.median();
    recorder.row(Row::new("writes while checkpoints and compaction run: p99 / p50", Unit::Ratio, Goal::AtMost(5.0), ratio, how));
    let [reads, calm] = [disturbed.reads.ordered()?, alone.reads.ordered()?];
    for (name, with, without) in [("p50", reads.median(), calm.median()), ("p99", reads.p99(), calm.p99())] {
        let how = format!("{} against {} under the same load alone; {} reads", time(with), time(without), disturbed.reads.len());
        let what = format!("reads while checkpoints and compaction run: {name} against without");
        recorder.row(Row::new(what, Unit::Ratio, Goal::AtMost(1.25), with / without, how));
    }
    recorder.samples("writes, alone", &alone.writes);
    recorder.samples("writes, disturbed", &disturbed.writes);
    recorder.samples("reads, alone", &alone.reads);
    recorder.samples("reads, disturbed", &disturbed.reads);
    Ok(())
}

struct Load {
    /// What is read.
    ids: Arc<[ConceptId]>,
    /// The next note's number.
    next: Arc<AtomicUsize>,
    time: Duration,
}

#[derive(Default)]
struct Measured {
    writes: Samples,
    reads: Samples,
}

impl Load {
    async fn run(&self, store: &Store) -> anyhow::Result<Measured> {
        let end = Instant::now() + self.time;
        let writers: Vec<JoinHandle<anyhow::Result<Samples>>> =
            (0..CALLERS).map(|_| tokio::spawn(write(store.clone(), Arc::clone(&self.next), end))).collect();
        let (store, ids) = (store.clone(), Arc::clone(&self.ids));
        let reader = tokio::task::spawn_blocking(move || read(&store, &ids, end));
        let mut measured = Measured::default();
        for writer in writers {
            measured.writes.append(writer.await??);
        }
        measured.reads = reader.await??;
        Ok(measured)
    }
}

async fn write(store: Store, next: Arc<AtomicUsize>, end: Instant) -> anyhow::Result<Samples> {
    let mut samples = Samples::default();
    while Instant::now() < end {
        let command = note(next.fetch_add(1, Ordering::Relaxed));
        let started = Instant::now();
        let applied = store.submit(command).await.context("write")?;
        samples.time(started.elapsed());
        if let Some(refused) = applied.outcomes.into_iter().find_map(Result::err) {
            return Err(refused.into());
        }
    }
    Ok(samples)
}

fn read(store: &Store, ids: &[ConceptId], end: Instant) -> anyhow::Result<Samples> {
    let (mut samples, mut random) = (Samples::default(), Random::of(0, 0x60, 0));
    while Instant::now() < end {
        let id = *random.pick(ids);
        let started = Instant::now();
        let view = engine::view(store, &Namespace::default())?;
        let found = view.concept(id);
        let steps = view.expand(&[id], Direction::Out, &Default::default());
        samples.time(started.elapsed());
        anyhow::ensure!(found.is_some() && steps.len() == 1, "concept {id} is not there");
        drop((view, found, steps));
        pause(READ_EVERY);
    }
    Ok(samples)
}

struct Done {
    checkpoints: usize,
    compactions: usize,
}

async fn disturb(store: Store, over: Arc<AtomicBool>) -> anyhow::Result<Done> {
    let mut done = Done { checkpoints: 0, compactions: 0 };
    while !over.load(Ordering::Relaxed) {
        tokio::time::sleep(CHECKPOINT_EVERY).await;
        engine::checkpoint(&store).await?;
        done.checkpoints += 1;
        if done.checkpoints.is_multiple_of(2) {
            engine::compact(&store).await?;
            done.compactions += 1;
        }
    }
    Ok(done)
}
