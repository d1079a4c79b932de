//! Whatever befalls one node at a time, and once all of them.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::fixture::{Grid, Shape};
use super::history::History;
use super::proxy::Weather;
use crate::random::Random;

/// How long a frozen node stays frozen, and a cut link cut.
const AWHILE: Duration = Duration::from_secs(3);
/// Writes between two events.
const WRITES: u64 = 150;

/// What can befall a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    Kill,
    Freeze,
    Stop,
    KillAll,
    CutOff,
    /// It hears nobody.
    Deafen,
    /// Nobody hears it.
    Mute,
    Delay,
    FullDisk,
}

impl Blow {
    const ALL: [Self; 9] = [
        Self::Kill,
        Self::Freeze,
        Self::Stop,
        Self::KillAll,
        Self::CutOff,
        Self::Deafen,
        Self::Mute,
        Self::Delay,
        Self::FullDisk,
    ];
}

struct Nemesis<'a> {
    grid: &'a mut Grid,
    history: &'a History,
    random: Random,
}

impl Nemesis<'_> {
    /// Half of the time the leader, which has most to lose.
    fn victim(&mut self) -> usize {
        match self.random.below(2) {
            0 => self.grid.leader(),
            _ => self.random.place(self.grid.size()),
        }
    }

    fn strike(&mut self, blow: Blow) {
        let victim = self.victim();
        let name = self.grid.name(victim).to_owned();
        let is_leader = if self.grid.leader() == victim { "leader " } else { "" };
        self.history.event(format!("{blow:?} {is_leader}{name}"));
        let awhile = AWHILE.mul_f64(0.3 + self.random.below(70) as f64 / 100.0);
        match blow {
            Blow::Kill => {
                self.grid.kill(victim);
                std::thread::sleep(awhile / 2);
                self.grid.restart(victim);
            }
            Blow::Freeze => {
                self.grid.signal(victim, Signal::STOP);
                std::thread::sleep(AWHILE);
                self.grid.signal(victim, Signal::CONT);
            }
            Blow::Stop => {
                self.grid.stop(victim);
                self.grid.restart(victim);
            }
            Blow::KillAll => {
                (0..self.grid.size()).for_each(|at| self.grid.signal(at, Signal::KILL));
                (0..self.grid.size()).for_each(|at| self.grid.kill(at));
                (0..self.grid.size()).for_each(|at| self.grid.spawn(at));
                (0..self.grid.size()).for_each(|at| self.grid.ready(at));
            }
            Blow::CutOff => self.weather(victim, [Weather::Cut; 2], awhile),
            Blow::Deafen => self.weather(victim, [Weather::Fine, Weather::Cut], awhile),
            Blow::Mute => self.weather(victim, [Weather::Cut, Weather::Fine], awhile),
            Blow::Delay => self.weather(victim, [Weather::Slow(Duration::from_millis(40)); 2], awhile),
            Blow::FullDisk => {
                self.grid.limit_files(victim, Some(self.random.below(1 << 20)));
                std::thread::sleep(AWHILE);
                self.grid.limit_files(victim, None);
            }
        }
        self.history.event(format!("{name} is well again"));
        self.grid.healthy();
    }

    /// Weather from the victim to the others, and the other way.
    fn weather(&self, victim: usize, [from, to]: [Weather; 2], awhile: Duration) {
        for other in (0..self.grid.size()).filter(|other| *other != victim) {
            self.grid.proxies.set(self.grid.name(victim), self.grid.name(other), from);
            self.grid.proxies.set(self.grid.name(other), self.grid.name(victim), to);
        }
        std::thread::sleep(awhile);
        self.grid.proxies.heal();
    }
}

#[test]
fn whatever_befalls_a_grid_what_it_has_said_stays_true() {
    befall(Shape::of(1));
}

#[test]
fn whatever_befalls_a_grid_whose_nodes_keep_some_of_its_shards_what_it_has_said_stays_true() {
    befall(Shape { nodes: 5, shards: 4, replicas: 3 });
}

fn befall(shape: Shape) {
    let length = Duration::from_secs(if std::env::var_os("SUTRA_SOAK").is_some() { 600 } else { 60 });
    let (seed, mut random) = Random::seeded();
    println!("seed {seed} (SUTRA_SEED)");
    let mut grid = Grid::shaped(shape, &["--drain-delay", "300ms", "--delta-budget", "1MiB"]);
    let history = History::of(&grid, seed);
    // Each once, in a random order, and then as chance has it.
    let mut blows = Blow::ALL;
    for at in (1..blows.len()).rev() {
        blows.swap(at, random.place(at + 1));
    }
    let mut planned = blows.into_iter();
    history.during(|| {
        let since = Instant::now();
        let mut nemesis = Nemesis { grid: &mut grid, history: &history, random };
        while since.elapsed() < length && !history.is_violated() {
            let pause = nemesis.random.below(WRITES) as usize;
            history.writes(pause);
            let blow = planned.next().unwrap_or_else(|| Blow::ALL[nemesis.random.place(Blow::ALL.len())]);
            nemesis.strike(blow);
        }
        history.event("the end");
    });
    println!("{}", history.told());
    history.check(&grid.exports());
}
