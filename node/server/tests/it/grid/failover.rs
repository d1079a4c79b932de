//! The leader dies, or leaves, under load.

use std::time::Instant;

use super::fixture::Grid;
use super::history::History;
use crate::random::Random;

/// How many acknowledged writes make a load.
const WRITES: usize = 200;

#[test]
fn nothing_acknowledged_is_lost_when_the_leader_is_killed_under_load() {
    let (seed, _) = Random::seeded();
    let mut grid = Grid::start(&[]);
    let history = History::of(&grid, seed);
    history.during(|| {
        for _ in 0..2 {
            history.writes(WRITES);
            let leader = grid.leader();
            let since = Instant::now();
            history.event(format!("{} leads, and is killed", grid.name(leader)));
            grid.kill(leader);
            history.writes(WRITES);
            println!("write gap after SIGKILL of the leader: {:?} (goal: below 2 s)", history.gap(since));
            history.event(format!("{} starts again", grid.name(leader)));
            grid.restart(leader);
            grid.healthy();
        }
        history.writes(WRITES);
    });
    println!("{}", history.told());
    history.check(&grid.exports());
}

#[test]
fn clients_hardly_notice_a_leader_that_leaves() {
    let (seed, _) = Random::seeded();
    let mut grid = Grid::start(&["--drain-delay", "1s"]);
    let history = History::of(&grid, seed);
    history.during(|| {
        history.writes(WRITES);
        let leader = grid.leader();
        let since = Instant::now();
        history.event(format!("{} leads, and is told to stop", grid.name(leader)));
        grid.stop(leader);
        history.writes(WRITES);
        println!("write gap after SIGTERM of the leader: {:?} (goal: below 100 ms)", history.gap(since));
        history.event(format!("{} starts again", grid.name(leader)));
        grid.restart(leader);
        grid.healthy();
        history.writes(WRITES);
    });
    println!("{}", history.told());
    history.check(&grid.exports());
}
