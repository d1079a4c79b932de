//! Durable single writes.
//!
//! 64 callers, each waiting for its write before it sends the next, teach a store one concept at a time. The reference is a bare
//! log with the same group commit: the same callers, the same encoded commands in checksummed frames, one fdatasync a group, and
//! nothing behind it. The two take turns, each on files of its own, and the figure is the median of the turns' ratios.
//!
//! One caller does the same alone; the reference is an append of the same bytes and fdatasync on the caller's own thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sutra_protocol::command::{Command, Learn, Operation};
use sutra_storage::Store;

use crate::disk::{BareFile, BareLog};
use crate::engine;
use crate::generator::Generator;
use crate::progress;
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;
use crate::statistics::Samples;

const CALLERS: usize = 64;

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(many_callers(setting, recorder))?;
    runtime.block_on(one_caller(setting, recorder))
}

async fn many_callers(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    let (turns, writes) = setting.scale.of((3, 4_000), (7, 40_000));
    let dir = setting.directory("writes")?;
    let store = engine::open(&dir.path().join("store")).await?;
    let generator = Generator::new(setting.seed, false);
    let [mut rates, mut bare_rates, mut ratios] = [(); 3].map(|()| Samples::default());
    let mut latencies = Samples::default();
    for turn in 0..=turns {
        let commands = commands(&generator, turn * writes, writes);
        let payloads = commands.iter().map(rmp_serde::to_vec_named).collect::<Result<Vec<_>, _>>()?;
        let log = Arc::new(BareLog::create(&dir.path().join(format!("bare-{turn}")))?);
        let appending = Arc::clone(&log);
        let bare = drive(payloads, move |payload| {
            let log = Arc::clone(&appending);
            async move { log.append(payload).await }
        })
        .await?;
        Arc::into_inner(log).context("the bare log is still in use")?.close()?;
        let writing = store.clone();
        let ours = drive(commands, move |command| {
            let store = writing.clone();
            async move { submit(&store, command).await }
        })
        .await?;
        // The first turn warms up: files are new, caches empty.
        if turn > 0 {
            rates.push(ours.rate);
            bare_rates.push(bare.rate);
            ratios.push(ours.rate / bare.rate);
            latencies.append(ours.latencies);
            progress::step(format_args!("turn {turn}: {:.0}/s, bare {:.0}/s", ours.rate, bare.rate));
        }
    }
    let p99 = latencies.ordered()?.p99();
    let how = format!(
        "{} against {} of bare framed appends with group commit; median of {turns} turns of {writes} writes each; p99 of a write {}",
        Unit::Rate.write(rates.median()?),
        Unit::Rate.write(bare_rates.median()?),
        Unit::Seconds.write(p99),
    );
    recorder.row(Row::new(
        "durable single writes, 64 concurrent callers",
        Unit::Share,
        Goal::AtLeast(0.5),
        ratios.median()?,
        how,
    ));
    recorder.samples("64 callers: writes a second", &rates);
    recorder.samples("64 callers: bare appends a second", &bare_rates);
    recorder.samples("64 callers: time of a write", &latencies);
    store.close().await;
    Ok(())
}

async fn one_caller(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    let (turns, writes) = setting.scale.of((4, 50), (20, 100));
    let dir = setting.directory("one-write")?;
    let store = engine::open(&dir.path().join("store")).await?;
    let generator = Generator::new(setting.seed, false);
    let mut file = BareFile::create(&dir.path().join("bare"))?;
    let [mut times, mut bare_times] = [(); 2].map(|()| Samples::with_capacity(turns * writes));
    for turn in 0..=turns {
        for command in commands(&generator, turn * writes, writes) {
            let payload = rmp_serde::to_vec_named(&command)?;
            let started = Instant::now();
            file.append([payload.as_slice()]).context("append to a bare file")?;
            let bare = started.elapsed();
            let started = Instant::now();
            submit(&store, command).await?;
            let ours = started.elapsed();
            if turn > 0 {
                times.time(ours);
                bare_times.time(bare);
            }
        }
    }
    let [ours, bare] = [times.ordered()?, bare_times.ordered()?];
    let how = format!(
        "p50 {} against {} of a bare append and fdatasync of the same bytes; {} writes of each, in turns of one; p99 {} against {}",
        Unit::Seconds.write(ours.median()),
        Unit::Seconds.write(bare.median()),
        times.len(),
        Unit::Seconds.write(ours.p99()),
        Unit::Seconds.write(bare.p99()),
    );
    let ratio = ours.median() / bare.median();
    recorder.row(Row::new("durable single writes, one caller, p50", Unit::Ratio, Goal::AtMost(1.5), ratio, how));
    recorder.samples("one caller: time of a write", &times);
    recorder.samples("one caller: time of a bare append", &bare_times);
    store.close().await;
    Ok(())
}

/// Commands of one concept each, without associations: callers that race cannot know which targets are there.
fn commands(generator: &Generator, first: usize, count: usize) -> Vec<Command> {
    let command = |index| {
        let concept = generator.concept(index);
        let learn = Learn { concept, on_conflict: None, targets: Vec::new(), associations: Vec::new() };
        let operations = vec![Operation::Learn(Box::new(learn))];
        Command {
            namespace: generator.namespace().clone(),
            asserted_by: "ward 7".into(),
            request: None,
            operations,
            foreign: Vec::new(),
        }
    };
    (first..first + count).map(command).collect()
}

async fn submit(store: &Store, command: Command) -> anyhow::Result<()> {
    let applied = store.submit(command).await.context("write")?;
    match applied.outcomes.into_iter().find_map(Result::err) {
        Some(refused) => Err(refused.into()),
        None => Ok(()),
    }
}

struct Driven {
    /// Writes a second.
    rate: f64,
    latencies: Samples,
}

/// Lets [`CALLERS`] callers write everything, each its next when its last is durable.
async fn drive<T, F>(items: Vec<T>, write: impl Fn(T) -> F + Clone + Send + 'static) -> anyhow::Result<Driven>
where
    T: Send + 'static,
    F: Future<Output = anyhow::Result<()>> + Send,
{
    let count = items.len();
    let mut shares: Vec<Vec<T>> = (0..CALLERS).map(|_| Vec::with_capacity(count / CALLERS + 1)).collect();
    for (at, item) in items.into_iter().enumerate() {
        shares[at % CALLERS].push(item);
    }
    let started = Instant::now();
    let written = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = shares
        .into_iter()
        .map(|share| {
            let (write, written) = (write.clone(), Arc::clone(&written));
            tokio::spawn(async move {
                let mut latencies = Samples::with_capacity(share.len());
                for item in share {
                    let started = Instant::now();
                    write(item).await?;
                    latencies.time(started.elapsed());
                    written.fetch_add(1, Ordering::Relaxed);
                }
                anyhow::Ok(latencies)
            })
        })
        .collect();
    let mut latencies = Samples::with_capacity(count);
    for caller in callers {
        latencies.append(caller.await??);
    }
    let time: Duration = started.elapsed();
    Ok(Driven { rate: written.load(Ordering::Relaxed) as f64 / time.as_secs_f64(), latencies })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn every_item_is_written_once_by_callers_that_wait() {
        let running = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let (now, seen) = (Arc::clone(&running), Arc::clone(&most));
        let driven = drive((0..1_000).collect(), move |_: usize| {
            let (now, seen) = (Arc::clone(&now), Arc::clone(&seen));
            async move {
                seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(1)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            }
        })
        .await
        .unwrap();
        assert_eq!(driven.latencies.len(), 1_000);
        assert!(most.load(Ordering::SeqCst) <= CALLERS);
        // 1,000 writes of at least 1 ms by 64 callers take 16 ms or more.
        assert!(driven.rate <= 64_000.0, "{}", driven.rate);
    }

    #[tokio::test]
    async fn a_write_that_fails_ends_the_measurement() {
        let failed = drive(vec![1, 2, 3], |item| async move { if item == 2 { anyhow::bail!("disk") } else { Ok(()) } }).await;
        assert!(failed.is_err());
    }
}
