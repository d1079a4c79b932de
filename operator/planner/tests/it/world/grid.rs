//! What the grid says of itself and does by itself: nodes come and leave, copies move, lost ones come back.

use std::collections::{BTreeMap, BTreeSet};

use sutra_planner::{Answer, Desired, Membership};

use super::hand::number;
use super::{GRID, Node, World};
use crate::random::Random;

impl World {
    /// What a node that belongs to the grid says of it.
    pub(super) fn told(&self, desired: &Desired) -> BTreeMap<String, Membership> {
        let several = desired.nodes > 1 || self.nodes.len() > 1;
        let mut answers = self.nodes.iter().filter(|node| node.pod.started && !node.pod.leaving).map(|node| self.answer(node));
        let somebody = answers.any(|answer| matches!(answer, Answer::Serving(_)));
        let alone = || self.members.iter().map(|ordinal| (*ordinal, Membership::Member)).collect();
        let map: BTreeMap<u32, Membership> = if self.map.is_empty() { alone() } else { self.map.clone() };
        let named = map.into_iter().map(|(ordinal, membership)| (format!("claims-{ordinal}"), membership));
        if several && somebody { named.collect() } else { BTreeMap::new() }
    }

    /// Whether each node of the grid serves, as far as the operator hears.
    pub(super) fn agreed(&self) -> bool {
        let serves = |ordinal: &u32| {
            let node = self.nodes.iter().find(|node| node.pod.ordinal == *ordinal && !node.pod.leaving && node.pod.started);
            node.is_some_and(|node| matches!(self.answer(node), Answer::Serving(_)))
        };
        !self.map.is_empty() && self.map.iter().all(|(node, of)| *of != Membership::Joining && serves(node))
    }

    /// Whether the grid is what it is to be.
    pub(super) fn is_settled(&self) -> bool {
        let copies = self.copies.unwrap_or(1) as usize;
        let is_member = |node: &u32| self.map.get(node) == Some(&Membership::Member);
        self.founding
            || self.map.values().all(|of| *of == Membership::Member)
                && self.holders.len() == copies
                && self.holders.iter().all(is_member)
    }

    /// Nodes of the grid that there is or is being founded.
    pub(crate) fn size(&self) -> Option<u32> {
        let set = self.set.as_ref().map(|set| set.replicas).filter(|replicas| *replicas > 0);
        let ran = self.nodes.iter().any(|node| node.pod.ran);
        let written = self.volumes.iter().filter_map(|volume| volume.grid_nodes).max();
        let map = (!self.map.is_empty()).then(|| u32::try_from(self.map.len()).unwrap());
        match (map.or(written), self.members.len()) {
            (Some(nodes), _) => Some(nodes),
            (None, 0) => set.filter(|_| ran),
            (None, members) => u32::try_from(members).ok(),
        }
    }

    /// Whether there may be a node alone, for all that anybody knows: no grid of several becomes of it any more.
    pub(crate) fn may_run_alone(&self) -> bool {
        let is_made = self.set.as_ref().is_some_and(|set| set.replicas == 1);
        let has_volume = self.volumes.iter().map(|volume| volume.ordinal).max() == Some(0);
        self.map.is_empty() && (is_made || has_volume || self.nodes.iter().any(|node| node.pod.ordinal == 0 && node.is_alone()))
    }

    /// Nodes that vote, whatever the operator hears of them.
    pub(crate) fn voters(&self) -> usize {
        self.nodes.iter().filter(|node| self.decides(node)).count()
    }

    /// Whether it is up, and one of those that decide about the grid.
    pub(super) fn decides(&self, node: &Node) -> bool {
        self.votes(node) && (self.map.is_empty() || self.voting.contains(&node.pod.ordinal))
    }

    /// Whether a node votes, as far as one can know: neither Kubernetes nor the operator hears of one that is not ready and silent.
    pub(crate) fn is_voter(&self, uid: &str) -> bool {
        self.nodes.iter().any(|node| node.pod.uid == uid && self.decides(node) && (node.pod.ready || !node.silent))
    }

    pub(super) fn votes(&self, node: &Node) -> bool {
        node.pod.started && !node.pod.leaving && self.members.contains(&node.pod.ordinal)
    }

    pub(crate) fn has_quorum(&self) -> bool {
        2 * self.voters() > self.votes_there_are()
    }

    /// Members of the grid, those that lost everything among them.
    pub(crate) fn votes_there_are(&self) -> usize {
        if self.map.is_empty() { self.members.len() } else { self.voting.len() }
    }

    /// The number of a node, which another is asked about.
    pub(super) fn asked(&self, node: &str, asked: &str, grid: &str) -> u32 {
        assert!(self.map.contains_key(&number(asked)) && grid == GRID, "a node that belongs to the grid is asked");
        assert_ne!(node, asked, "another one is asked");
        number(node)
    }

    /// Whether a node was in the grid, or was to be, and is not any more.
    pub(super) fn has_left(&self, ordinal: u32) -> bool {
        !self.map.is_empty() && !self.map.contains_key(&ordinal)
    }

    /// Whether a node leads the shard.
    pub(crate) fn leads(&self, ordinal: u32) -> bool {
        self.leader == ordinal
    }

    /// How far the other replicas are, as the leader knows.
    pub(super) fn followers(&self) -> BTreeMap<String, Option<u64>> {
        let others = self.holders.iter().filter(|holder| **holder != self.leader);
        let behind = |holder: &u32| self.behind.get(holder).copied().unwrap_or(0);
        let is_up = |holder: &u32| self.nodes.iter().any(|node| node.pod.ordinal == *holder && self.votes(node));
        others.map(|holder| (format!("claims-{holder}"), is_up(holder).then(|| behind(holder)))).collect()
    }

    /// Whether the operator hears of a node as one of the grid.
    pub(super) fn answers_for(&self, name: &str) -> bool {
        let node = self.nodes.iter().find(|node| node.pod.name == name && !node.pod.leaving);
        node.is_some_and(|node| matches!(self.answer(node), Answer::Serving(_)))
    }

    pub(super) fn has_copy(&self, node: &Node) -> bool {
        self.votes(node) && self.holders.contains(&node.pod.ordinal)
    }

    /// Whether the shard can be written.
    pub(super) fn shard_has_quorum(&self) -> bool {
        2 * self.nodes.iter().filter(|node| self.has_copy(node)).count() > self.holders.len()
    }

    /// A node alone is a grid from its start; a founder invites the others, each when it can be reached, and joins last. Who leads is
    /// somebody who votes.
    pub(super) fn grid_goes_on(&mut self, random: &mut Random) {
        let ran: Vec<u32> =
            self.nodes.iter().filter(|node| node.pod.ran && !node.pod.leaving).map(|node| node.pod.ordinal).collect();
        let first_alone = self.nodes.iter().any(|node| node.pod.ordinal == 0 && node.is_alone());
        if self.members.is_empty() && first_alone && !self.founding && ran.contains(&0) {
            self.members.insert(0);
            self.holders.insert(0);
            self.foundings += 1;
        }
        if self.founding && ran.contains(&0) {
            let next = self.map.keys().copied().find(|ordinal| *ordinal > 0 && !self.members.contains(ordinal));
            match next {
                Some(next) if ran.contains(&next) && random.chance(70) => drop(self.members.insert(next)),
                Some(_) => {}
                None => {
                    self.members.insert(0);
                    self.founding = false;
                }
            }
        }
        if self.has_quorum() && !self.founding && !self.map.is_empty() && random.chance(70) {
            self.balance(&ran);
        }
        let voters: Vec<u32> = self.nodes.iter().filter(|node| self.has_copy(node)).map(|node| node.pod.ordinal).collect();
        if !voters.contains(&self.leader) && !voters.is_empty() {
            // Who lacks something is not elected.
            let whole: Vec<u32> = voters.iter().copied().filter(|voter| !self.behind.contains_key(voter)).collect();
            let eligible = if whole.is_empty() { &voters } else { &whole };
            self.leader = eligible[random.below(eligible.len() as u64) as usize];
            self.behind.remove(&self.leader);
        }
        // Some fall further behind, some catch up in the end.
        if random.chance(10) {
            self.behind.clear();
        }
        let holders = &self.holders;
        self.behind.retain(|node, _| holders.contains(node));
    }

    /// One step of what the grid does by itself: nodes that are awaited come, copies move one at a time, and nodes that keep nothing leave.
    pub(super) fn balance(&mut self, ran: &[u32]) {
        let joining = self.map.iter().find(|(node, of)| **of == Membership::Joining && ran.contains(node)).map(|(node, _)| *node);
        if let Some(node) = joining {
            self.members.insert(node);
            self.map.insert(node, Membership::Member);
            return;
        }
        let up = |world: &Self, ordinal: u32| world.nodes.iter().any(|node| node.pod.ordinal == ordinal && world.votes(node));
        let leaves = |world: &Self, node: &u32| world.map.get(node) != Some(&Membership::Member);
        // Who keeps a copy and is away is waited for, unless it leaves.
        if !self.shard_has_quorum() || self.holders.iter().any(|node| !up(self, *node) && !leaves(self, node)) {
            return;
        }
        let copies = self.copies.unwrap_or(1) as usize;
        let free = self.map.keys().copied().find(|node| !self.holders.contains(node) && !leaves(self, node) && up(self, *node));
        let leaver = self.holders.iter().copied().find(|node| leaves(self, node));
        match (free, leaver) {
            (Some(free), _) if self.holders.len() < copies => drop(self.holders.insert(free)),
            (_, Some(leaver)) if self.holders.len() > copies => drop(self.holders.remove(&leaver)),
            (Some(free), Some(leaver)) => {
                self.holders.insert(free);
                self.holders.remove(&leaver);
            }
            (_, None) if self.holders.len() > copies => drop(self.holders.pop_last()),
            _ if self.place_voters() => {}
            _ => {
                let keeps = |node: &u32| self.holders.contains(node) || self.voting.contains(node);
                let gone = self.map.iter().find(|(node, of)| **of == Membership::Leaving && !keeps(node));
                if let Some(gone) = gone.map(|(node, _)| *node) {
                    self.map.remove(&gone);
                    self.zones.remove(&gone);
                    self.awaited.remove(&gone);
                    if self.members.remove(&gone) {
                        self.stale.insert(gone);
                    }
                    self.nodes.iter_mut().filter(|node| node.pod.ordinal == gone).for_each(|node| node.pod.ready = false);
                    self.departures += 1;
                }
            }
        }
    }

    /// As many decide as can, an odd number; whether that is another now.
    pub(super) fn place_voters(&mut self) -> bool {
        let is_member = |node: &u32| self.map.get(node) == Some(&Membership::Member);
        let staying = self.map.keys().filter(|node| is_member(node)).count();
        let wanted = if staying % 2 == 0 { staying - 1 } else { staying };
        let leaver = self.voting.iter().copied().find(|node| !is_member(node));
        let newcomer = self.map.keys().copied().find(|node| is_member(node) && !self.voting.contains(node));
        match (leaver, newcomer) {
            (Some(leaver), _) if self.voting.len() > wanted => self.voting.remove(&leaver),
            (Some(leaver), Some(newcomer)) => self.voting.remove(&leaver) && self.voting.insert(newcomer),
            (None, Some(newcomer)) if self.voting.len() < wanted => self.voting.insert(newcomer),
            (None, _) if self.voting.len() > wanted => self.voting.pop_last().is_some(),
            _ => false,
        }
    }

    /// A claim that was deleted goes when no pod uses it, and the data with it.
    pub(super) fn claims_go(&mut self) {
        let used: BTreeSet<u32> = self.nodes.iter().map(|node| node.pod.ordinal).collect();
        for volume in self.volumes.extract_if(.., |volume| volume.leaving && !used.contains(&volume.ordinal)) {
            self.members.remove(&volume.ordinal);
            self.stale.remove(&volume.ordinal);
        }
        let whole = self.holders.iter().filter(|holder| self.members.contains(holder)).count();
        assert!(self.members.is_empty() || self.founding || 2 * whole > self.holders.len(), "data is lost");
    }

    pub(super) fn lost_ones_come_back(&mut self, random: &mut Random) {
        let ran: Vec<u32> =
            self.nodes.iter().filter(|node| node.pod.ran && !node.pod.leaving).map(|node| node.pod.ordinal).collect();
        if self.has_quorum() && random.chance(60) {
            for back in self.awaited.extract_if(.., |ordinal| ran.contains(ordinal)) {
                self.members.insert(back);
                self.replacements += 1;
            }
        }
    }
}
