//! The write gap that a client sees when a leader is lost.
//!
//! Three nodes; a client writes one concept after another through a node that does not lead, and repeats what is refused. The leader is
//! killed (SIGKILL), asked to leave (SIGTERM), or frozen (SIGSTOP) and thawed again; the gap is the longest time between two
//! acknowledgements from then on until the grid has been writing for a while again. After each turn the grid is made whole. At the end every
//! acknowledged write is looked for with strong reads.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::load::{Acknowledged, Writer, missing};
use crate::process::{Grid, pause};
use crate::progress;
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;
use crate::statistics::Samples;

const NODES: usize = 3;
/// How long the client writes before something happens: also longer than a lease, so that the leader may hand over.
const CALM: Duration = Duration::from_secs(2);
/// How long it writes on after it: more than any gap that is not a failure.
const AFTER: Duration = Duration::from_secs(5);

/// What happens to the leader.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Killed,
    Leaves,
    Frozen,
}

impl Fate {
    const ALL: [Self; 3] = [Self::Killed, Self::Leaves, Self::Frozen];

    fn name(self) -> &'static str {
        match self {
            Self::Killed => "leader SIGKILLed",
            Self::Leaves => "graceful hand-off (SIGTERM)",
            Self::Frozen => "frozen leader (SIGSTOP)",
        }
    }

    fn goal(self) -> Goal {
        Goal::Below(match self {
            Self::Killed => 2.0,
            Self::Leaves => 0.1,
            Self::Frozen => 3.0,
        })
    }
}

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    let turns = setting.scale.of(3, 15);
    let mut grid = Grid::start(setting, NODES)?;
    let mut acknowledged = Vec::new();
    for fate in Fate::ALL {
        let mut gaps = Samples::with_capacity(turns);
        for turn in 1..=turns {
            let (gap, written) = turn_of(&mut grid, fate, turn)?;
            progress::step(format_args!("{}, turn {turn}: {}", fate.name(), Unit::Seconds.write(gap.as_secs_f64())));
            gaps.time(gap);
            acknowledged.extend(written.iter().map(|write| write.id));
        }
        let sorted = gaps.ordered()?;
        let [min, max] = [sorted.min(), sorted.max()].map(|gap| Unit::Seconds.write(gap));
        let how = format!("as a client of another node sees it; {turns} turns, {min} to {max}");
        recorder.row(Row::new(format!("write gap: {}", fate.name()), Unit::Seconds, fate.goal(), sorted.median(), how));
        let how = format!("the longest of {turns}");
        recorder.row(Row::new("– the worst", Unit::Seconds, fate.goal(), sorted.max(), how));
        recorder.samples(fate.name(), &gaps);
    }
    let lost = missing(&grid, 0, &acknowledged)?;
    let how = format!("{} acknowledged in {} turns, looked for with strong reads", acknowledged.len(), turns * Fate::ALL.len());
    recorder.row(Row::new("acknowledged writes lost", Unit::Count, Goal::AtMost(0.0), lost as f64, how));
    Ok(())
}

fn turn_of(grid: &mut Grid, fate: Fate, turn: usize) -> anyhow::Result<(Duration, Vec<Acknowledged>)> {
    let leader = grid.leader()?;
    let through = (leader + 1) % grid.size();
    let writer = Writer::start(&grid.node(through)?.http, format!("{fate:?}/{turn}"));
    pause(CALM);
    let happens = Instant::now();
    match fate {
        Fate::Killed => grid.kill(leader)?,
        Fate::Leaves => grid.stop(leader)?,
        Fate::Frozen => grid.node(leader)?.signal("STOP")?,
    }
    // What is left of the time in which the client goes on: a node that leaves takes a while.
    pause(AFTER.saturating_sub(happens.elapsed()));
    match fate {
        Fate::Killed | Fate::Leaves => grid.restart(leader)?,
        Fate::Frozen => grid.node(leader)?.signal("CONT")?,
    }
    let written = writer.stop()?;
    grid.whole()?;
    Ok((gap(&written, happens)?, written))
}

/// The longest time between two acknowledgements, of which the second came after `since`.
fn gap(written: &[Acknowledged], since: Instant) -> anyhow::Result<Duration> {
    let pairs = written.windows(2).filter(|pair| pair[1].at > since);
    pairs.map(|pair| pair[1].at.duration_since(pair[0].at)).max().context("nothing was written after the leader was lost")
}

#[cfg(test)]
mod tests {
    use sutra_protocol::ConceptId;

    use super::*;

    #[test]
    fn only_gaps_that_end_after_the_event_count() {
        let start = Instant::now();
        let id = ConceptId::derive(&sutra_protocol::Namespace::default(), "encounter", None);
        let at = |millis| Acknowledged { at: start + Duration::from_millis(millis), id };
        let written = [at(0), at(900), at(910), at(1_400), at(1_410)];
        assert_eq!(gap(&written, start + Duration::from_millis(905)).unwrap(), Duration::from_millis(490));
        assert!(gap(&written, start + Duration::from_secs(2)).is_err());
    }
}
