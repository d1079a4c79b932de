//! Which replica is given, moved or taken away next, so that the groups are where they should be: pure.
//!
//! One group changes at a time, and the next only when all are what the map says. In this order: shards get the replicas that they lack;
//! what leaving nodes keep moves away; nodes that keep nothing have left; shards lose what they have too many of; each group is spread over as
//! many zones as it can be; then replicas, and who leads, are evened out to within one, as far as the zones allow.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::change::Change;
use crate::map::{GridMap, META_VOTERS, ReplicaRecord, ShardId, ShardRecord, Zone};

/// What meta's leader sees of the grid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    /// Groups whose leader says that they are what this map says.
    pub(crate) settled: BTreeSet<ShardId>,
    /// Who leads each.
    pub(crate) leaders: BTreeMap<ShardId, String>,
    /// Nodes that answer.
    pub(crate) reachable: BTreeSet<String>,
    /// Those of them that have closed all that the map does not give them.
    pub(crate) swept: BTreeSet<String>,
}

impl Observed {
    /// A grid of which every group is what the map says, and every node answers.
    pub(crate) fn ideal(map: &GridMap) -> Self {
        let groups = std::iter::once(ShardId(0)).chain(map.shards.iter().map(|shard| shard.shard));
        let nodes = || map.nodes.keys().cloned();
        Self { settled: groups.collect(), leaders: BTreeMap::new(), reachable: nodes().collect(), swept: nodes().collect() }
    }
}

/// The next change that brings the grid nearer to what it should be; `None`: it is so, or the last change is not through yet.
pub(crate) fn next(map: &GridMap, observed: &Observed) -> Option<Change> {
    let mut groups = std::iter::once(ShardId(0)).chain(map.shards.iter().map(|shard| shard.shard));
    // Of what is not there just now, nobody knows whether a group could do without it.
    let is_there = |node: &String| map.leaving.contains(node) || observed.reachable.contains(node);
    let is_whole = |group| map.replicas(group).iter().all(|replica| is_there(&replica.node));
    if !groups.all(|group| observed.settled.contains(&group) && is_whole(group)) {
        return None;
    }
    let plan = Plan::of(map, observed);
    plan.grow()
        .or_else(|| plan.drain())
        .or_else(|| plan.place_meta())
        .or_else(|| plan.left())
        .or_else(|| plan.shrink())
        .or_else(|| plan.spread())
        .or_else(|| plan.even_replicas())
        .or_else(|| plan.even_leaders())
}

struct Plan<'a> {
    map: &'a GridMap,
    observed: &'a Observed,
    /// Replicas of shards on each node that may be given some.
    load: BTreeMap<&'a str, usize>,
}

/// A replica that could go from the node at a place of its group's to another.
struct Move<'a> {
    at: usize,
    from: &'a str,
    to: &'a str,
    /// How many fewer of the others would be in its zone.
    gain: usize,
}

impl Move<'_> {
    /// The nodes of the group after it.
    fn made(&self, mut nodes: Vec<String>) -> Vec<String> {
        nodes[self.at] = self.to.to_owned();
        nodes
    }
}

/// The nodes of a group, in the map's order.
fn nodes(replicas: &[ReplicaRecord]) -> Vec<String> {
    replicas.iter().map(|replica| replica.node.clone()).collect()
}

fn place(group: ShardId, nodes: Vec<String>) -> Option<Change> {
    Some(Change::PlaceGroup { group, nodes })
}

impl<'a> Plan<'a> {
    fn of(map: &'a GridMap, observed: &'a Observed) -> Self {
        let can =
            |name: &&String| !map.leaving.contains(*name) && !map.awaited.contains(*name) && observed.reachable.contains(*name);
        let mut load: BTreeMap<&str, usize> = map.nodes.keys().filter(can).map(|name| (name.as_str(), 0)).collect();
        for replica in map.shards.iter().flat_map(|shard| &shard.replicas) {
            if let Some(count) = load.get_mut(replica.node.as_str()) {
                *count += 1;
            }
        }
        Self { map, observed, load }
    }

    fn leaves(&self, node: &str) -> bool {
        self.map.leaving.contains(node)
    }

    /// How many of these nodes are in the zone of a node, itself not counted.
    fn beside(&self, node: &str, nodes: &[String]) -> usize {
        let zone = self.map.zone(node);
        nodes.iter().filter(|other| *other != node && !self.leaves(other) && self.map.zone(other) == zone).count()
    }

    /// The node that could join these: where fewest of them are, and of those with the fewest replicas.
    fn best(&self, nodes: &[String]) -> Option<String> {
        let free = self.load.iter().filter(|(node, _)| !nodes.iter().any(|other| other == *node));
        free.min_by_key(|(node, count)| (self.beside(node, nodes), **count)).map(|(node, _)| (*node).to_owned())
    }

    /// Which of these nodes' replicas could go to which other node, without having more of the others in their zone.
    fn moves<'c>(&'c self, nodes: &'c [String]) -> impl Iterator<Item = Move<'c>> {
        let free = || self.load.keys().filter(|to| !nodes.iter().any(|node| node == *to));
        nodes.iter().enumerate().flat_map(move |(at, from)| {
            let others: Vec<String> = nodes.iter().filter(|other| *other != from).cloned().collect();
            let here = self.beside(from, &others);
            free().filter_map(move |to| Some(Move { at, from, to, gain: here.checked_sub(self.beside(to, &others))? }))
        })
    }

    /// Whether a group's replica leads it, or shall: its going would be noticed.
    fn is_led(&self, group: ShardId, at: usize, node: &str) -> bool {
        at == 0 && group != ShardId(0) || self.observed.leaders.get(&group).is_some_and(|leader| leader == node)
    }

    /// A shard that has too few replicas gets one.
    fn grow(&self) -> Option<Change> {
        self.map.shards.iter().filter(|shard| shard.replicas.len() < self.map.factor()).find_map(|shard| {
            let mut nodes = nodes(&shard.replicas);
            nodes.push(self.best(&nodes)?);
            place(shard.shard, nodes)
        })
    }

    /// A replica leaves a node that is to leave: another takes its place, unless there are too many.
    fn drain(&self) -> Option<Change> {
        self.map.shards.iter().find_map(|shard| {
            let mut nodes = nodes(&shard.replicas);
            // Who leads goes last: until then nobody has to take over.
            let leader = self.observed.leaders.get(&shard.shard);
            let at = (0..nodes.len()).filter(|at| self.leaves(&nodes[*at])).min_by_key(|at| Some(&nodes[*at]) == leader)?;
            if nodes.len() > self.map.factor() {
                nodes.remove(at);
            } else {
                nodes[at] = self.best(&nodes)?;
            }
            place(shard.shard, nodes)
        })
    }

    /// How many nodes are to decide about the map: as many as can, at most five and an odd number, but fewer where else the loss of one zone
    /// would leave no quorum.
    fn voters(&self, voters: &[String]) -> usize {
        let staying = |node: &&str| !self.leaves(node);
        let can: BTreeSet<&str> = self.load.keys().copied().chain(voters.iter().map(String::as_str).filter(staying)).collect();
        let mut zones: BTreeMap<Zone<'_>, usize> = BTreeMap::new();
        can.iter().for_each(|node| *zones.entry(self.map.zone(node)).or_default() += 1);
        // The fewest that can be in one zone, of so many.
        let crowd = |count: usize| (1..=count).find(|most| zones.values().map(|room| room.min(most)).sum::<usize>() >= count);
        let odd = |count: &usize| !count.is_multiple_of(2);
        let most = (1..=can.len().min(META_VOTERS)).rev().find(odd).unwrap_or(1);
        (3..=most).rev().filter(odd).find(|count| crowd(*count).is_some_and(|most| most <= count / 2)).unwrap_or(most)
    }

    /// Those who decide about the map are as many as they are to be: one that leaves only where no other can.
    fn place_meta(&self) -> Option<Change> {
        let mut voters = nodes(&self.map.meta);
        let wanted = self.voters(&voters);
        let newcomers = self.load.keys().filter(|node| !voters.iter().any(|voter| voter == *node));
        let newcomer = newcomers.min_by_key(|node| self.beside(node, &voters)).map(|node| (*node).to_owned());
        let leaver = voters.iter().position(|voter| self.leaves(voter));
        match (leaver, newcomer) {
            (Some(at), _) if voters.len() > wanted => drop(voters.remove(at)),
            (Some(at), Some(newcomer)) => voters[at] = newcomer,
            (None, Some(newcomer)) if voters.len() < wanted => voters.push(newcomer),
            (None, _) if voters.len() > wanted => {
                let movable = (0..voters.len()).filter(|at| !self.is_led(ShardId(0), *at, &voters[*at]));
                voters.remove(movable.max_by_key(|at| (self.beside(&voters[*at], &voters), *at))?);
            }
            _ => return None,
        }
        place(ShardId(0), voters)
    }

    /// A node that was to leave keeps nothing any more. One that is lost can't say so itself.
    fn left(&self) -> Option<Change> {
        let keeps = |name: &str| {
            let of_shards = self.map.shards.iter().flat_map(|shard| &shard.replicas);
            self.map.meta.iter().chain(of_shards).any(|replica| replica.node == name)
        };
        let is_closed = |name: &str| !self.observed.reachable.contains(name) || self.observed.swept.contains(name);
        let left = self.map.leaving.iter().find(|name| !keeps(name) && is_closed(name))?;
        Some(Change::Left { name: left.clone() })
    }

    /// A shard that has too many replicas loses one: of the zone and the node with the most, and where it can be none that leads or shall lead.
    fn shrink(&self) -> Option<Change> {
        let shard = self.map.shards.iter().find(|shard| shard.replicas.len() > self.map.factor())?;
        let mut nodes = nodes(&shard.replicas);
        let at = (0..nodes.len()).min_by_key(|at| {
            let node = &nodes[*at];
            let load = self.load.get(node.as_str()).copied().unwrap_or_default();
            (Reverse(self.beside(node, &nodes)), self.is_led(shard.shard, *at, node), Reverse(load), *at == 0)
        })?;
        nodes.remove(at);
        place(shard.shard, nodes)
    }

    /// A replica moves out of a zone where others of its group are, to one where fewer are: then fewer of them are lost with a zone.
    fn spread(&self) -> Option<Change> {
        if self.map.zones.is_empty() {
            return None;
        }
        let of_shards = self.map.shards.iter().map(|shard| (shard.shard, &shard.replicas));
        std::iter::once((ShardId(0), &self.map.meta)).chain(of_shards).find_map(|(group, replicas)| {
            let nodes = nodes(replicas);
            let useful = self.moves(&nodes).filter(|one| one.gain > 0);
            let best = useful.min_by_key(|one| (Reverse(one.gain), self.is_led(group, one.at, one.from), self.load[one.to]))?;
            place(group, best.made(nodes.clone()))
        })
    }

    /// A replica moves from the node that has most to the one that has fewest, of those between which one can move and stay in as good a zone.
    fn even_replicas(&self) -> Option<Change> {
        let count = |node: &str| self.load.get(node).copied().unwrap_or_default();
        if self.load.values().max()?.abs_diff(*self.load.values().min()?) < 2 {
            return None;
        }
        let of_shard = |shard: &ShardRecord| {
            let nodes = nodes(&shard.replicas);
            let useful = self.moves(&nodes).filter(|one| count(one.from) >= count(one.to) + 2);
            // One that does not lead moves without anybody's noticing.
            let rank = |one: &Move<'_>| (count(one.to).abs_diff(count(one.from)), !self.is_led(shard.shard, one.at, one.from));
            let (rank, best) = useful.map(|one| (rank(&one), one)).max_by_key(|(rank, _)| *rank)?;
            Some((rank, shard.shard, best.made(nodes.clone())))
        };
        let (_, shard, nodes) = self.map.shards.iter().filter_map(of_shard).max_by_key(|(rank, ..)| *rank)?;
        place(shard, nodes)
    }

    /// Another replica of a shard is the one that leads it, where a node would lead more than others by two.
    fn even_leaders(&self) -> Option<Change> {
        let mut leads: BTreeMap<&str, usize> = self.load.keys().map(|node| (*node, 0)).collect();
        for preferred in self.map.shards.iter().filter_map(ShardRecord::preferred) {
            if let Some(count) = leads.get_mut(preferred.node.as_str()) {
                *count += 1;
            }
        }
        let most = leads.values().max().copied()?;
        // From the nodes that lead most, over nodes that could lead instead, to the nearest that leads less by two. The last step of that way
        // is made: what is left of it is shorter by one.
        let mut reached: BTreeSet<&str> = leads.iter().filter(|(_, count)| **count == most).map(|(node, _)| *node).collect();
        let mut edge = reached.clone();
        while !edge.is_empty() {
            let mut further = BTreeSet::new();
            for shard in &self.map.shards {
                if !shard.preferred().is_some_and(|first| edge.contains(first.node.as_str())) {
                    continue;
                }
                for other in shard.replicas.iter().skip(1) {
                    let Some(count) = leads.get(other.node.as_str()) else { continue };
                    if *count + 2 <= most {
                        let mut nodes = nodes(&shard.replicas);
                        let at = nodes.iter().position(|node| *node == other.node)?;
                        nodes.swap(0, at);
                        return place(shard.shard, nodes);
                    }
                    if !reached.contains(other.node.as_str()) {
                        further.insert(other.node.as_str());
                    }
                }
            }
            reached.extend(&further);
            edge = further;
        }
        None
    }
}

#[cfg(test)]
mod tests;
