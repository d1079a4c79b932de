//! WordNet into a grid: `POST /v1/import` through the node that leads, from the first byte sent to the answer, which comes when every line is
//! durable on a quorum; and until every replica has all of it.

use std::time::Instant;

use super::ONE_SHARD;
use crate::process::Grid;
use crate::progress;
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;
use crate::statistics::Samples;

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    let turns = setting.scale.of(1, 5);
    let [mut times, mut everywhere] = [(); 2].map(|()| Samples::default());
    let mut counted = (0, 0);
    for turn in 1..=turns {
        let grid = Grid::start(setting, 3)?;
        let started = Instant::now();
        let (time, report) = grid.node(grid.leader()?)?.import(setting.wordnet()?)?;
        counted = (report.concepts, report.associations);
        times.time(time);
        grid.whole()?;
        everywhere.time(started.elapsed());
        progress::step(format_args!("turn {turn}: {:.2} s", time.as_secs_f64()));
    }
    let sorted = times.ordered()?;
    let [min, max] = [sorted.min(), sorted.max()].map(|time| Unit::Seconds.write(time));
    let how = format!(
        "{} concepts, {} associations; median of {turns} loads by HTTP, {min} to {max}; {} until every replica has applied all",
        counted.0,
        counted.1,
        Unit::Seconds.write(everywhere.median()?),
    );
    let goal = Goal::Below(15.0);
    recorder.row(Row::new("WordNet import, 1 shard × 3 replicas", Unit::Seconds, goal, sorted.median(), how));
    recorder.row(Row::missing("WordNet import, 4 shards × 3 replicas", Unit::Seconds, goal, ONE_SHARD));
    recorder.samples("import", &times);
    Ok(())
}
