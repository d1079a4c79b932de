//! The processor time of a node that nobody asks anything: a real `sutra-node serve` over the great store, which has been ready for
//! a while, for half a minute. User and system time of all its threads, from /proc.

use std::time::{Duration, Instant};

use crate::great::Great;
use crate::process::{Memory, Node, ProcessorTime, pause};
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;

/// How long after "ready" the clock starts: what is checked or built in the background is done.
const SETTLE: Duration = Duration::from_secs(30);
const WINDOW: Duration = Duration::from_secs(30);

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    let great = Great::of(setting, setting.scale.concepts())?;
    let node = Node::start(setting.node()?, &great.data)?;
    pause(SETTLE);
    let (started, before) = (Instant::now(), ProcessorTime::of(node.id())?);
    pause(WINDOW);
    let used = ProcessorTime::of(node.id())?.since(before);
    let share = used / started.elapsed().as_secs_f64();
    let memory = Memory::of(node.id())?;
    node.stop()?;
    let how = format!(
        "{used:.2} s of processor time in {} s, in steps of 10 ms, {} s after ready; resident {}, of which anonymous {}",
        WINDOW.as_secs(),
        SETTLE.as_secs(),
        Unit::Bytes.write(memory.resident as f64),
        Unit::Bytes.write(memory.anonymous as f64),
    );
    let what = format!("idle, {} concepts: part of a core", great.concepts);
    recorder.row(Row::new(what, Unit::Share, Goal::Below(0.005), share, how));
    Ok(())
}
