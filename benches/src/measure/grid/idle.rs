//! The processor time and memory of three nodes that nobody asks anything: what heartbeats cost.

use std::time::{Duration, Instant};

use super::ONE_SHARD;
use crate::process::{Grid, Memory, ProcessorTime, pause};
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;

/// How long after the founding the clock starts.
const SETTLE: Duration = Duration::from_secs(10);
const WINDOW: Duration = Duration::from_secs(30);

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    let grid = Grid::start(setting, 3)?;
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
        "the busiest of three nodes with 1 shard and meta, over {window:.0} s in steps of 10 ms; the leader used {}",
        Unit::Share.write(shares[leader]),
    );
    recorder.row(Row::new("idle grid, 1 shard on 3 nodes: part of a core, a node", Unit::Share, Goal::None, most, how));
    recorder.row(Row::new("– resident memory, a node", Unit::Bytes, Goal::None, largest as f64, "VmRSS of the largest, empty"));
    let [cores, bytes] = [Goal::Below(0.02), Goal::Below(300.0 * 1024.0 * 1024.0)];
    recorder.row(Row::missing("200 shards on 3 nodes, idle: part of a core, a node", Unit::Share, cores, ONE_SHARD));
    recorder.row(Row::missing("– resident memory, a node", Unit::Bytes, bytes, ONE_SHARD));
    Ok(())
}
