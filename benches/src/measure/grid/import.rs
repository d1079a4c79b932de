//! WordNet into a grid: `POST /v1/import` through the node that leads, from the first byte sent to the answer, which comes when every line is
//! durable on a quorum; and until every replica has all of it.

use std::time::Instant;

use crate::process::Grid;
use crate::progress;
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;
use crate::statistics::Samples;

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    of_shards(setting, recorder, 1)?;
    of_shards(setting, recorder, 4)
}

fn of_shards(setting: &Setting, recorder: &mut Recorder, shards: u32) -> anyhow::Result<()> {
    let turns = setting.scale.of(1, 5);
    let [mut times, mut everywhere] = [(); 2].map(|()| Samples::default());
    let mut counted = (0, 0);
    for turn in 1..=turns {
        let grid = Grid::of(setting, 3, shards)?;
        let started = Instant::now();
        let (time, report) = grid.node(grid.leader()?)?.import(setting.wordnet()?)?;
        counted = (report.concepts, report.associations);
        times.time(time);
        grid.whole()?;
        everywhere.time(started.elapsed());
        progress::step(format_args!("{shards} shards, turn {turn}: {:.2} s", time.as_secs_f64()));
    }
    let sorted = times.ordered()?;
    let [min, max] = [sorted.min(), sorted.max()].map(|time| Unit::Seconds.write(time));
    let how = format!(
        "{} concepts, {} associations; median of {turns} loads by HTTP, {min} to {max}; {} until every replica has applied all",
        counted.0,
        counted.1,
        Unit::Seconds.write(everywhere.median()?),
    );
    let what = format!("WordNet import, {shards} {} × 3 replicas", if shards == 1 { "shard" } else { "shards" });
    recorder.row(Row::new(what, Unit::Seconds, Goal::Below(15.0), sorted.median(), how));
    recorder.samples(format!("import, {shards} shards"), &times);
    Ok(())
}
