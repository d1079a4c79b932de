//! Memory and disk of the great store.
//!
//! Anonymous memory (RssAnon) of a process that holds nothing but the engine: while it answers questions of every kind, and, from
//! the store's making, while all its segments are merged. Both are the most that ten looks a second saw. Disk is what the file
//! system has given to the data directory without the log, after compaction, against what was put in: the contents' bytes, two for
//! each number of a vector, 24 for an association. Keys, aliases, attributes, sources and every index count as overhead.

use crate::great::Great;
use crate::process::{Engine, Memory, Order, Watch};
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;

/// What an association is worth in the goal.
const EDGE_BYTES: usize = 24;
/// What a number of a vector is worth: f16.
const NUMBER_BYTES: usize = 2;
const MIB: f64 = 1024.0 * 1024.0;

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    let questions = setting.scale.of(500, 5_000);
    let great = Great::of(setting, setting.scale.concepts())?;
    let mut engine = Engine::start(&great.data, setting.seed)?;
    let opened = Memory::of(engine.id())?;
    let watch = Watch::start(engine.id());
    engine.order(Order::Ask { questions, among: great.concepts })?;
    let asked = watch.stop()?;
    engine.close()?;
    let bytes = |bytes: u64| Unit::Bytes.write(bytes as f64);
    let steady = format!(
        "{} concepts; RssAnon at most, over {questions} questions of each kind; {} after opening; of files {}",
        great.concepts,
        bytes(opened.anonymous),
        bytes(asked.file),
    );
    let bound = Goal::Below(512.0 * MIB);
    recorder.row(Row::new("anonymous memory, steady", Unit::Bytes, bound, asked.anonymous as f64, steady));
    let compacting = format!("RssAnon at most while everything was merged, {:.0} s", great.compacting_seconds);
    let bound = Goal::Below(1024.0 * MIB);
    recorder.row(Row::new("anonymous memory, compacting", Unit::Bytes, bound, great.compacting_anonymous as f64, compacting));
    let loading = "RssAnon at most while it was loaded at full speed, the generator's own included";
    recorder.row(Row::new("– loading", Unit::Bytes, Goal::None, great.loading_anonymous as f64, loading));

    let on_disk = great.disk_bytes()?;
    let put_in = (great.content_bytes + NUMBER_BYTES * great.vector_numbers + EDGE_BYTES * great.associations) as u64;
    let disk = format!(
        "{} on disk without the log, against {} of content, {} of vectors and {} for {} associations",
        bytes(on_disk),
        bytes(great.content_bytes as u64),
        bytes((NUMBER_BYTES * great.vector_numbers) as u64),
        bytes((EDGE_BYTES * great.associations) as u64),
        great.associations,
    );
    let ratio = on_disk as f64 / put_in as f64;
    recorder.row(Row::new("disk after compaction / what was put in", Unit::Ratio, Goal::AtMost(2.0), ratio, disk));
    Ok(())
}
