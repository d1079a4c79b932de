//! From the start of a process to ready.
//!
//! The clock runs from the start of `sutra-node serve` to the line in its log that says "ready". The store is at rest: checkpointed,
//! compacted, its files in the page cache from a start before; and one of a tenth of the size, for the ratio. Then with a full log
//! tail: on a copy, concepts are taught until the engine is about to checkpoint by itself, and the process is killed; each start is
//! of a copy of that, so that none profits from what an earlier one tidied up.

use std::path::Path;

use crate::disk;
use crate::great::Great;
use crate::process::{Engine, Node, Order, Tail};
use crate::progress;
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;
use crate::statistics::Samples;

/// Concepts taught between two looks at the delta.
const STEP: usize = 250;
/// A delta of this part of its budget passes for full.
const FULL: f64 = 0.95;

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    let concepts = setting.scale.concepts();
    let starts = setting.scale.of(3, 9);
    let great = Great::of(setting, concepts)?;
    let tenth = Great::of(setting, concepts / 10)?;
    let [large, small] = [start_often(setting, &great.data, starts)?, start_often(setting, &tenth.data, starts)?];
    let how = |samples: &Samples| {
        let sorted = samples.ordered()?;
        let [min, max] = [sorted.min(), sorted.max()].map(|time| Unit::Seconds.write(time));
        anyhow::Ok(format!("median of {} starts, {min} to {max}", samples.len()))
    };
    let size = format!("{concepts} concepts, {} associations", great.associations);
    recorder.row(Row::new(
        "start to ready, checkpointed log, warm cache",
        Unit::Seconds,
        Goal::Below(0.1),
        large.median()?,
        format!("{size}; {}", how(&large)?),
    ));
    recorder.row(Row::new(
        "– ratio of a store to one of a tenth of its size",
        Unit::Ratio,
        Goal::AtMost(1.5),
        large.median()? / small.median()?,
        format!("{} concepts: {}, {}", tenth.concepts, Unit::Seconds.write(small.median()?), how(&small)?),
    ));
    recorder.samples("start", &large);
    recorder.samples("start of a tenth", &small);

    let home = setting.directory("tail")?;
    let tailed = home.path().join("master");
    disk::copy(&great.data, &tailed)?;
    let tail = fill_log(setting, &tailed, concepts)?;
    let mut times = Samples::default();
    for turn in 0..setting.scale.of(2, 5) {
        let copy = home.path().join(format!("copy-{turn}"));
        disk::copy(&tailed, &copy)?;
        let node = Node::start(setting.node()?, &copy)?;
        times.time(node.ready_after);
        node.stop()?;
        std::fs::remove_dir_all(&copy)?;
    }
    recorder.row(Row::new(
        "start to ready, full log tail",
        Unit::Seconds,
        Goal::Below(1.0),
        times.median()?,
        format!(
            "{size}; killed with {} of log and a delta at {} of its budget; {}",
            Unit::Bytes.write(tail.log_bytes as f64),
            Unit::Share.write(tail.delta),
            how(&times)?
        ),
    ));
    recorder.samples("start with a full tail", &times);
    Ok(())
}

/// Starts a node over `data` once for the cache and then as often as asked.
fn start_often(setting: &Setting, data: &Path, starts: usize) -> anyhow::Result<Samples> {
    let mut times = Samples::default();
    for turn in 0..=starts {
        let node = Node::start(setting.node()?, data)?;
        if turn > 0 {
            times.time(node.ready_after);
        }
        node.stop()?;
    }
    Ok(times)
}

/// Teaches until the engine is about to checkpoint by itself, and crashes.
fn fill_log(setting: &Setting, data: &Path, concepts: usize) -> anyhow::Result<Tail> {
    progress::step("filling the log");
    let mut engine = Engine::start(data, setting.seed)?;
    let mut next = concepts;
    loop {
        next += STEP;
        let tail = engine.order(Order::Load { first: next - STEP, end: next })?;
        if tail.delta >= FULL {
            engine.kill()?;
            return Ok(tail);
        }
        anyhow::ensure!(next < 2 * concepts, "the delta never filled: {tail:?}");
    }
}
