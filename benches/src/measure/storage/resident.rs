//! Resident memory of a node after loading WordNet: VmRSS of a real `sutra-node serve` that has imported all of it and come to
//! rest. RssAnon is what only the process can give back; RssFile are pages of its files and program, which the kernel may take.

use std::time::Duration;

use crate::process::{Memory, Node};
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;

/// How long it may go on tidying up after the load.
const SETTLE: Duration = Duration::from_secs(60);

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    let dir = setting.directory("resident")?;
    let node = Node::start(setting.node()?, dir.path())?;
    let empty = Memory::of(node.id())?;
    node.import(setting.wordnet()?)?;
    let loaded = Memory::of(node.id())?;
    let settled = Memory::settled(node.id(), SETTLE)?;
    node.stop()?;
    let how = format!(
        "VmRSS at rest; {} when the import was answered, {} before it, at most {}",
        Unit::Bytes.write(loaded.resident as f64),
        Unit::Bytes.write(empty.resident as f64),
        Unit::Bytes.write(settled.most as f64),
    );
    let bound = Goal::Below(170.0 * 1024.0 * 1024.0);
    recorder.row(Row::new("resident memory after loading WordNet", Unit::Bytes, bound, settled.resident as f64, how));
    recorder.row(Row::new("– of which anonymous", Unit::Bytes, Goal::None, settled.anonymous as f64, "RssAnon"));
    recorder.row(Row::new("– of which of files", Unit::Bytes, Goal::None, settled.file as f64, "RssFile and RssShmem"));
    Ok(())
}
