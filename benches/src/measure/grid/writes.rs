//! Replicated durable writes.
//!
//! 64 callers over TCP, each waiting for its write before it sends the next, teach a grid of three nodes through the one that leads its only
//! shard. Told beside it are five nodes that keep three replicas of each of five shards: there the callers are spread over all nodes, and each
//! concept goes to the shard of its content, which four times in five another node leads. The reference are the same callers and concepts on
//! a node alone, with one replica. The two take turns, and the figure is the median of the turns' ratios. All nodes share this machine's
//! cores and disk, so three replicas do their work three times on the same cores.

use std::time::Instant;

use anyhow::Context as _;
use rmpv::Value;
use sutra_protocol::founding::Plan;

use crate::frames::{Frames, Request};
use crate::generator::Generator;
use crate::process::{Grid, Node};
use crate::progress;
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;
use crate::statistics::Samples;

const CALLERS: usize = 64;
/// With five shards each of five nodes keeps three replicas.
const GRIDS: [(usize, Plan); 2] = [(3, Plan { shards: 1, replicas: 3 }), (5, Plan { shards: 5, replicas: 3 })];

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    GRIDS.into_iter().try_for_each(|(nodes, plan)| against_alone(setting, recorder, nodes, plan))
}

fn against_alone(setting: &Setting, recorder: &mut Recorder, nodes: usize, plan: Plan) -> anyhow::Result<()> {
    let (turns, writes) = setting.scale.of((3, 4_000), (7, 20_000));
    let dir = setting.directory("alone")?;
    let alone = Node::start(setting.node()?, dir.path())?;
    let grid = Grid::placed(setting, nodes, plan)?;
    let through = if plan.shards == 1 { vec![grid.leader()?] } else { (0..nodes).collect() };
    let through = through.into_iter().map(|at| Ok(&*grid.node(at)?.tcp)).collect::<anyhow::Result<Vec<_>>>()?;
    let generator = Generator::new(setting.seed, false);
    let [mut rates, mut alone_rates, mut ratios, mut latencies] = [(); 4].map(|()| Samples::default());
    for turn in 0..=turns {
        let requests = requests(&generator, turn * writes, writes)?;
        let (single, _) = drive(&[&alone.tcp], &requests)?;
        let (ours, times) = drive(&through, &requests)?;
        // The first turn warms up.
        if turn > 0 {
            progress::step(format_args!("turn {turn}: {ours:.0}/s on {nodes} nodes, {single:.0}/s on one"));
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
    let Plan { shards, replicas } = plan;
    let (what, goal) = match shards {
        1 => (format!("replicated durable writes, 64 callers, {replicas} replicas"), Goal::AtLeast(0.35)),
        _ => (format!("– {nodes} nodes × {replicas} replicas, {shards} shards, through every node"), Goal::None),
    };
    recorder.row(Row::new(what, Unit::Share, goal, ratios.median()?, how));
    recorder.samples(format!("{nodes} nodes: writes a second"), &rates);
    recorder.samples(format!("one node beside {nodes}: writes a second"), &alone_rates);
    recorder.samples(format!("{nodes} nodes: time of a write"), &latencies);
    alone.stop()
}

/// A concept each, without associations: callers that race cannot know which targets are there.
fn requests(generator: &Generator, first: usize, count: usize) -> anyhow::Result<Vec<Request>> {
    let request = |index| Request::new("LearnConceptV2", [("content", Value::from(generator.content(index)))]);
    (first..first + count).map(request).collect()
}

/// Every caller sends its part of the requests to one of the nodes, to each in turn; writes a second, and the time of each.
fn drive(addresses: &[&str], requests: &[Request]) -> anyhow::Result<(f64, Samples)> {
    let parts = requests.chunks(requests.len().div_ceil(CALLERS)).zip(addresses.iter().cycle());
    let connections = parts.map(|(part, address)| Ok((Frames::connect(address)?, part)));
    let mut connections = connections.collect::<anyhow::Result<Vec<_>>>()?;
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
