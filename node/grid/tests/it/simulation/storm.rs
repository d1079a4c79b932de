//! Bad weather, and all that can befall a node.

use std::time::Duration;

use sutra_disk::Random;
use sutra_weather::Weather;
use tokio::time::{Instant, sleep};

use super::nodes::Nodes;
use super::scene::Scene;

/// How long the weather is bad.
const SPAN: Duration = Duration::from_secs(5);
/// The same where replicas move: before one begins to, all nodes answer.
const MOVING_SPAN: Duration = Duration::from_secs(8);
/// In which a node can be.
const ZONES: [&str; 3] = ["room-a", "room-b", "room-c"];
/// Sooner than this the next may befall a node while a replica moves: at every point of that, if it is drawn so.
const MOVE_MILLIS: u64 = 1_500;
/// How wrong clocks are at most: what is remembered for an hour by one is so by all others.
const SKEW_MICROS: u64 = 20 * 60 * 1_000_000;

pub(super) struct Storm {
    pub(super) nodes: Nodes,
    pub(super) scene: Scene,
    pub(super) random: Random,
    /// Whether a disk was lost: no other may be, since what is acknowledged may be on two only.
    pub(super) has_lost: bool,
}

impl Storm {
    /// Until the time is over.
    pub(super) async fn rage(&mut self) {
        if self.can_move() {
            for node in self.nodes.numbers() {
                self.nodes.put(node, self.random.pick(&ZONES).unwrap()).await;
            }
        }
        let end = Instant::now() + if self.can_move() { MOVING_SPAN } else { SPAN };
        while Instant::now() < end {
            self.strike().await;
            sleep(Duration::from_millis(self.random.below(300))).await;
        }
    }

    /// Whether there are nodes on which a shard is not.
    fn can_move(&self) -> bool {
        self.nodes.numbers().len() > 3
    }

    async fn strike(&mut self) {
        let nodes = self.nodes.numbers();
        let node = *self.random.pick(&nodes).unwrap();
        let address = self.nodes.address(node);
        let all: Vec<u64> = nodes.iter().map(|node| self.nodes.address(*node)).collect();
        let but = |one: u64| all.iter().copied().filter(|other| *other != one).collect::<Vec<_>>();
        let is_up = self.nodes.running(node).is_some();
        match self.random.below(if self.can_move() { 22 } else { 18 }) {
            0 | 1 => self.nodes.net.heal(),
            2 => self.nodes.net.cut(address, *self.random.pick(&all).unwrap()),
            3 => self.nodes.net.part(&[address], &but(address)),
            4 => {
                if let Some(leader) = self.leader() {
                    let leader = self.nodes.address(leader);
                    self.nodes.net.part(&[leader], &but(leader));
                }
            }
            // It hears everybody, and nobody hears it; or the other way round.
            5 => {
                let is_mute = self.random.one_in(2);
                for other in but(address) {
                    let (from, to) = if is_mute { (address, other) } else { (other, address) };
                    self.nodes.net.cut(from, to);
                }
            }
            6 | 7 => {
                let random = &mut self.random;
                let (delay, lost_replies, doubled) = (random.below(80), random.below(20), random.below(30));
                for from in &all {
                    for to in &all {
                        self.nodes.net.set(*from, *to, Weather { is_cut: false, delay, lost_replies, doubled });
                    }
                }
            }
            8 => self.nodes.net.pause(address),
            9 | 10 if is_up => {
                if self.random.one_in(3) {
                    // In the middle of whatever it is about.
                    self.nodes.crash_soon(node, 1 + self.random.below(20));
                    sleep(Duration::from_millis(self.random.below(60))).await;
                }
                self.crash(&[node]).await;
            }
            9..=11 if !is_up => self.start(node).await,
            11 => {
                self.scene.leave(node);
                self.nodes.stop(node).await;
            }
            12 => {
                // It lets others lead, and leaves.
                if let Some(running) = self.nodes.running(node).cloned() {
                    running.grid.hand_over().await;
                }
                self.scene.leave(node);
                self.nodes.stop(node).await;
            }
            13 | 14 if is_up => {
                for shard in self.nodes.running(node).unwrap().grid.shards().iter() {
                    // It fails where the power goes.
                    let _ = shard.store().checkpoint().await;
                }
            }
            15 => {
                let skew = self.random.below(2 * SKEW_MICROS) as i64 - SKEW_MICROS as i64;
                self.nodes.set_skew(node, skew);
            }
            16 if self.random.one_in(3) => {
                self.crash(&nodes).await;
                for node in nodes {
                    self.start(node).await;
                }
            }
            17 if !self.has_lost && self.random.one_in(2) => {
                self.has_lost = true;
                self.all_start(Some(node)).await;
                self.scene.leave(node);
                self.nodes.replace(node).await;
                self.scene.enter(node, self.nodes.running(node).unwrap().clone());
            }
            18.. => {
                self.all_start(None).await;
                if self.random.one_in(4) {
                    self.nodes.replicate(*self.random.pick(&[3, 5]).unwrap()).await;
                } else {
                    self.nodes.put(node, self.random.pick(&ZONES).unwrap()).await;
                }
                sleep(Duration::from_millis(self.random.below(MOVE_MILLIS))).await;
            }
            _ => {}
        }
    }

    /// A node that leads some shard.
    fn leader(&mut self) -> Option<u64> {
        let leads = |running: &super::nodes::Running| running.grid.shards().iter().any(|shard| shard.store().leads());
        let leaders: Vec<u64> = self.nodes.all_running().filter(|(_, running)| leads(running)).map(|(node, _)| node).collect();
        self.random.pick(&leaders).copied()
    }

    async fn crash(&mut self, nodes: &[u64]) {
        nodes.iter().for_each(|node| self.scene.leave(*node));
        self.nodes.crash(nodes).await;
    }

    async fn start(&mut self, node: u64) {
        self.nodes.start_node(node).await;
        self.scene.enter(node, self.nodes.running(node).unwrap().clone());
    }

    /// The weather is good, and all nodes run, but for one at most.
    pub(super) async fn all_start(&mut self, but: Option<u64>) {
        self.nodes.net.heal();
        for node in self.nodes.numbers() {
            if Some(node) != but && self.nodes.running(node).is_none() {
                self.start(node).await;
            }
        }
    }
}
