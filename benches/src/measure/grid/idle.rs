//! The processor time and memory of three nodes that nobody asks anything: what heartbeats cost.

use std::time::{Duration, Instant};

use crate::process::{Grid, Memory, ProcessorTime, pause};
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;

/// How long after the founding the clock starts.
const SETTLE: Duration = Duration::from_secs(10);
const WINDOW: Duration = Duration::from_secs(30);

/// Shards beside the usual one.
const SHARDS: u32 = 200;

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    of_shards(setting, recorder, 1, [Goal::None, Goal::None])?;
    of_shards(setting, recorder, SHARDS, [Goal::Below(0.02), Goal::Below(300.0 * 1024.0 * 1024.0)])
}

fn of_shards(setting: &Setting, recorder: &mut Recorder, shards: u32, goals: [Goal; 2]) -> anyhow::Result<()> {
    let grid = Grid::of(setting, 3, shards)?;
    let leader = grid.leader()?;
    let nodes = (0..grid.size()).map(|at| Ok(grid.node(at)?.id())).collect::<anyhow::Result<Vec<_>>>()?;
    pause(SETTLE);
    let times = || nodes.iter().map(|node| ProcessorTime::of(*node)).collect::<anyhow::Result<Vec<_>>>();
    let (started, before) = (Instant::now(), times()?);
    pause(WINDOW);
    let window = started.elapsed().as_secs_f64();
    let shares: Vec<f64> = times()?.iter().zip(&before).map(|(now, before)| now.since(*before) / window).collect();
    let most = shares.iter().copied().fold(0.0, f64::max);
    let memory = nodes.iter().map(|node| Ok(Memory::of(*node)?.resident)).collect::<anyhow::Result<Vec<_>>>()?;
    let largest = memory.iter().copied().max().unwrap_or_default();
    let how = format!(
        "the busiest of three nodes with a replica of each shard and of meta, over {window:.0} s in steps of 10 ms; the leader of the first used {}",
        Unit::Share.write(shares[leader]),
    );
    let what = format!("idle grid, {shards} {} on 3 nodes: part of a core, a node", if shards == 1 { "shard" } else { "shards" });
    let [cores, bytes] = goals;
    recorder.row(Row::new(what, Unit::Share, cores, most, how));
    recorder.row(Row::new("– resident memory, a node", Unit::Bytes, bytes, largest as f64, "VmRSS of the largest, empty"));
    Ok(())
}
