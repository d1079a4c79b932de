//! Replicated durable writes.
//!
//! 64 callers over TCP, each waiting for its write before it sends the next, teach a grid of three nodes through the one that leads; the
//! reference are the same callers and concepts on a node alone, with one replica. The two take turns, and the figure is the median of the turns' ratios.
//! All nodes share this machine's cores and disk, so three replicas do their work three times on the same cores.

use std::time::Instant;

use anyhow::Context as _;
use rmpv::Value;

use crate::frames::{Frames, Request};
use crate::generator::Generator;
use crate::process::{Grid, Node};
use crate::progress;
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;
use crate::statistics::Samples;

const CALLERS: usize = 64;
const NODES: [usize; 2] = [3, 5];

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    for nodes in NODES {
        against_alone(setting, recorder, nodes)?;
    }
    Ok(())
}

fn against_alone(setting: &Setting, recorder: &mut Recorder, nodes: usize) -> anyhow::Result<()> {
    let (turns, writes) = setting.scale.of((3, 4_000), (7, 20_000));
    let dir = setting.directory("alone")?;
    let alone = Node::start(setting.node()?, dir.path())?;
    let grid = Grid::start(setting, nodes)?;
    let leads = grid.node(grid.leader()?)?;
    let generator = Generator::new(setting.seed, false);
    let [mut rates, mut alone_rates, mut ratios, mut latencies] = [(); 4].map(|()| Samples::default());
    for turn in 0..=turns {
        let requests = requests(&generator, turn * writes, writes)?;
        let (single, _) = drive(&alone.tcp, &requests)?;
        let (ours, times) = drive(&leads.tcp, &requests)?;
        // The first turn warms up.
        if turn > 0 {
            progress::step(format_args!("turn {turn}: {ours:.0}/s on {nodes} replicas, {single:.0}/s on one"));
            rates.push(ours);
            alone_rates.push(single);
            ratios.push(ours / single);
            latencies.append(times);
        }
    }
    let sorted = latencies.ordered()?;
    let how = format!(
        "{} against {} on a node alone; median of {turns} turns of {writes} writes each, over TCP; p50 of a write {}, p99 {}",
        Unit::Rate.write(rates.median()?),
        Unit::Rate.write(alone_rates.median()?),
        Unit::Seconds.write(sorted.median()),
        Unit::Seconds.write(sorted.p99()),
    );
    let (what, goal) = match nodes {
        3 => ("replicated durable writes, 64 callers, 3 replicas".to_owned(), Goal::AtLeast(0.35)),
        other => (format!("– {other} replicas"), Goal::None),
    };
    recorder.row(Row::new(what, Unit::Share, goal, ratios.median()?, how));
    recorder.samples(format!("{nodes} replicas: writes a second"), &rates);
    recorder.samples(format!("one replica beside {nodes}: writes a second"), &alone_rates);
    recorder.samples(format!("{nodes} replicas: time of a write"), &latencies);
    alone.stop()
}

/// A concept each, without associations: callers that race cannot know which targets are there.
fn requests(generator: &Generator, first: usize, count: usize) -> anyhow::Result<Vec<Request>> {
    let request = |index| Request::new("LearnConceptV2", [("content", Value::from(generator.content(index)))]);
    (first..first + count).map(request).collect()
}

/// Every caller sends its part of the requests; writes a second, and the time of each.
fn drive(address: &str, requests: &[Request]) -> anyhow::Result<(f64, Samples)> {
    let parts = requests.chunks(requests.len().div_ceil(CALLERS));
    let mut connections = parts.map(|part| Ok((Frames::connect(address)?, part))).collect::<anyhow::Result<Vec<_>>>()?;
    let started = Instant::now();
    let times = std::thread::scope(|threads| {
        let callers: Vec<_> = connections
            .iter_mut()
            .map(|(frames, part)| {
                threads.spawn(move || {
                    let mut times = Samples::with_capacity(part.len());
                    for request in *part {
                        times.time(frames.time(request)?);
                        frames.reply("LearnConceptV2")?;
                    }
                    anyhow::Ok(times)
                })
            })
            .collect();
        let ended = callers.into_iter().map(|caller| caller.join().ok().context("a caller panicked")?);
        ended.collect::<anyhow::Result<Vec<_>>>()
    })?;
    let rate = requests.len() as f64 / started.elapsed().as_secs_f64();
    let mut all = Samples::with_capacity(requests.len());
    times.into_iter().for_each(|times| all.append(times));
    Ok((rate, all))
}
